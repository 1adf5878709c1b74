"""`wasmpuck:plugin/middleware`: plugins that judge requests before the server answers them, and see the answers.

Theory of operation. A snapshot's `Chain` is made when it is published: the middleware plugins in the order of
priority, then name. A request walks down the chain until a plugin answers it; on the way back the plugins that asked
for it see the answer in reverse order. A verdict that carries a reuse hint is kept (`reuse`), so that the next
request of the same scope costs no guest call. The chain belongs to its snapshot, so a swap or a new configuration
drops every kept verdict. A plugin can have its own dropped at once (`verdicts.forget`, see `wit/events.wit`).

When a plugin fails, its failure policy decides: `open` goes on as if it had said `next`, `closed` answers 503. A plugin
that is suspended or in quarantine fails in the same way, at once.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from wasmpuck.errors import CallFailed
from wasmpuck.events import FORGET, Bus, Event
from wasmpuck.patterns import matches
from wasmpuck.plugins import Plugin, Registry, Snapshot
from wasmpuck.runtime.pool import Unfinished
from wasmpuck.worlds.reuse import Verdicts

__all__ = ["Answer", "Chain", "Header", "Judgement", "Request", "Response", "chain_of", "heed", "prepare"]

_log = logging.getLogger(__name__)

Header = tuple[str, str]

#: Headers that only the server sets; what a plugin says about them is dropped.
_RESERVED: Final = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "te", "trailer", "transfer-encoding", "upgrade"}
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_VALUE_BYTES: Final = 4096
_MOST_HEADERS: Final = 32
_MOST_PATHS: Final = 64


_ASK: Final = "middleware.on-request"


class Request(NamedTuple):
    """WIT `middleware.request`."""

    client: str
    operation: str
    method: str
    path: str
    query: Sequence[Header]
    headers: Sequence[Header]
    body: str | None = None


class Answer(NamedTuple):
    """WIT `middleware.answer`."""

    status: int
    headers: Sequence[Header]
    size: int
    duration: float


class Response(NamedTuple):
    """An answer that a plugin gave instead of the server."""

    status: int
    headers: Sequence[Header]
    body: str
    plugin: str


@lru_cache(maxsize=1024)
def _settable(name: str) -> str:
    """A header's name in lower case if a plugin may set it, else nothing."""
    lowered = name.lower()
    return lowered if _TOKEN.match(lowered) and lowered not in _RESERVED else ""


def clean(headers: Sequence[Header]) -> list[Header]:
    """What of a plugin's headers may go to a client: valid ones (RFC 9110 §5.5), and none that the server sets."""
    return [
        (settable, value)
        for name, value in headers[:_MOST_HEADERS]
        if (settable := _settable(name)) and len(value) <= _VALUE_BYTES and not _CONTROL.search(value)
    ]


#: What follows from a verdict: an answer, or headers to add to the server's.
Judgement: TypeAlias = Response | Sequence[Header]


class Link:
    """One middleware plugin with its scope."""

    __slots__ = ("_matches", "_paths", "headers", "plugin", "priority", "verdicts", "wants_query", "wants_response")

    def __init__(self, plugin: Plugin, scope: Any) -> None:
        self.plugin = plugin
        self.priority = plugin.settings.priority if plugin.settings.priority is not None else scope.priority
        self.headers = frozenset(name.lower() for name in scope.headers[:_MOST_HEADERS])
        self.wants_query = bool(scope.wants_query)
        self.wants_response = bool(scope.wants_response)
        self.verdicts: Verdicts[Judgement] = Verdicts()
        self._paths = tuple(scope.paths[:_MOST_PATHS])
        if len(scope.paths) > _MOST_PATHS or len(scope.headers) > _MOST_HEADERS:
            _log.warning(
                "plugin %s wants to see more than %d paths or %d headers: the others are left out",
                plugin.name,
                _MOST_PATHS,
                _MOST_HEADERS,
                extra={"plugin": plugin.name},
            )
        self._matches: dict[str, bool] = {}

    def applies(self, path: str) -> bool:
        """Whether the plugin wants requests for this path."""
        if not self._paths:
            return True
        known = self._matches.get(path)
        if known is None:
            known = any(matches(pattern, path) for pattern in self._paths)
            if len(self._matches) < 1024:
                self._matches[path] = known
        return known

    def view(self, request: Request, query: Sequence[Header], headers: Sequence[Header]) -> Request:
        """The request as the plugin sees it."""
        if not self.wants_query and not self.headers:
            return request
        return request._replace(
            query=query if self.wants_query else (),
            headers=[header for header in headers if header[0] in self.headers],
        )

    def judgement(self, verdict: Any) -> Judgement:
        """What follows from the plugin's verdict.

        Raises:
            CallFailed: the verdict makes no sense; already counted and logged.
        """
        if verdict.tag == "next":
            return clean(verdict.value) if verdict.value else ()
        answer = verdict.value
        if not 200 <= answer.status <= 599:
            raise self.plugin.disown(_ASK, f"the answer's status is {answer.status}, not 200 to 599")
        return Response(answer.status, clean(answer.headers), answer.body, self.plugin.name)


class Chain:
    """The middleware plugins of one snapshot, in order."""

    def __init__(self, links: Sequence[Link]) -> None:
        self.links = sorted(links, key=lambda link: (link.priority, link.plugin.name))
        self.wants_headers = any(link.headers for link in self.links)
        self.wants_query = any(link.wants_query for link in self.links)
        self.wants_response = [link for link in reversed(self.links) if link.wants_response]

    def forget(self, plugin: str, client: str = "") -> None:
        """Drops a plugin's kept verdicts: all, or what holds for one client."""
        for link in self.links:
            if link.plugin.name == plugin:
                link.verdicts.forget(client or None)

    def recall(self, client: str, operation: str, path: str) -> Judgement | None:
        """What kept verdicts alone say of a request; `None` if some plugin has to be asked, and then nothing is
        counted.
        """
        if not self.links[0].verdicts.kept:
            return None
        now = time.monotonic()
        used = []
        added: Judgement = ()
        for link in self.links:
            if link.applies(path):
                kept = link.verdicts.find(client, operation, now)
                if kept is None:
                    return None
                used.append((link, kept))
                if kept.value:
                    if isinstance(kept.value, Response):
                        added = kept.value
                        break
                    added = [*added, *kept.value]
        for link, kept in used:
            kept.left -= 1
            link.plugin.data.account.reused_verdicts += 1
        return added

    async def on_request(
        self, request: Request, query: Sequence[Header] = (), headers: Sequence[Header] = ()
    ) -> Judgement:
        """Asks each plugin in turn.

        Args:
            request: without query and headers; each plugin gets those that it wants.
            query: needed if `wants_query`.
            headers: needed if `wants_headers`; names in lower case.

        Returns:
            A plugin's answer, or the headers to add to the server's.
        """
        added: list[Header] = []
        for link in self.links:
            if not link.applies(request.path):
                continue
            verdicts = link.verdicts
            kept = verdicts.find(request.client, request.operation, time.monotonic()) if verdicts.kept else None
            if kept is not None:
                kept.left -= 1
                link.plugin.data.account.reused_verdicts += 1
                judgement = kept.value
            else:
                plugin = link.plugin
                try:
                    decision = plugin.begin(_ASK, (link.view(request, query, headers),))
                    if type(decision) is Unfinished:
                        decision = await decision
                    judgement = link.judgement(decision.verdict)
                except CallFailed as failure:
                    if plugin.refuses(failure):
                        return _unavailable(plugin, failure)
                    continue
                if decision.reuse is not None:
                    verdicts.keep(request.client, request.operation, judgement, decision.reuse, time.monotonic())
            if isinstance(judgement, Response):
                return judgement
            added += judgement
        return added

    async def on_response(
        self, request: Request, query: Sequence[Header], headers: Sequence[Header], answer: Answer
    ) -> list[Header]:
        """Shows the answer to the plugins that asked for it, arguments as above; returns headers to set."""
        changes: list[Header] = []
        for link in self.wants_response:
            if not link.applies(request.path):
                continue
            try:
                amendment = await link.plugin.call("middleware.on-response", link.view(request, query, headers), answer)
            except CallFailed:
                continue  # counted; an answer that is ready is not withheld
            if amendment.tag == "set-headers":
                changes += clean(amendment.value)
        return changes


def _unavailable(plugin: Plugin, failure: CallFailed) -> Response:
    return Response(
        503,
        [("retry-after", "5"), ("content-type", "text/plain; charset=utf-8")],
        f"The plugin {plugin.name} cannot judge this request now ({failure.reason}). Try again in a few seconds.\n",
        plugin.name,
    )


def prepare(snapshot: Snapshot) -> None:
    """Makes the snapshot's chain, once, before it is published."""
    snapshot.views["middleware"] = Chain(
        [
            Link(plugin, plugin.scopes["middleware"])
            for plugin in snapshot.plugins.values()
            if plugin.exports("middleware")
        ]
    )


def heed(bus: Bus, registry: Registry) -> Callable[[], None]:
    """Drops kept verdicts when their plugin publishes `verdicts.forget`; the returned function ends that."""

    def receive(event: Event) -> None:
        if event.topic == FORGET:
            chain_of(registry.current).forget(event.source, event.payload)

    return bus.join(receive)


_EMPTY: Final = Chain([])


def chain_of(snapshot: Snapshot) -> Chain:
    """The chain of a published snapshot."""
    chain = snapshot.views.get("middleware")
    return chain if isinstance(chain, Chain) else _EMPTY
