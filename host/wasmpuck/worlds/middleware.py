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
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from wasmpuck.errors import CallFailed
from wasmpuck.events import FORGET, Bus, Event
from wasmpuck.patterns import matches
from wasmpuck.plugins import Plugin, Registry, Snapshot
from wasmpuck.runtime.pool import Unfinished
from wasmpuck.worlds.reuse import Verdicts
from wasmpuck.worlds.verdicts import (
    Challenge,
    Delay,
    Drip,
    Header,
    Judgement,
    Response,
    clean,
    judgement_of,
    problem_of,
)

__all__ = ["Answer", "Chain", "Means", "Request", "chain_of", "heed", "prepare"]

_log = logging.getLogger(__name__)

_MOST_HEADERS: Final = 32
_MOST_PATHS: Final = 64


_ASK: Final = "middleware.on-request"
_SEE: Final = "middleware.on-response"
_PLAIN: Final = frozenset({tuple, list})
"""What headers that are added come in; verdicts that say more have types of their own."""


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


class Means(Protocol):
    """How verdicts that take their time are carried out. `whose` is the request as its server knows it."""

    async def pause(self, whose: Any, delay: Delay) -> bool:
        """Waits; false, at once, if too many wait already. Cancels the request when its client goes away."""

    def solved(self, whose: Any, challenge: Challenge) -> bool:
        """Whether the request comes with the solution of a riddle that its client got from this plugin."""


class Link:
    """One middleware plugin with its scope."""

    __slots__ = (
        "_matches",
        "_paths",
        "headers",
        "most_body",
        "plugin",
        "priority",
        "verdicts",
        "wants_query",
        "wants_response",
    )

    def __init__(self, plugin: Plugin, scope: Any) -> None:
        self.plugin = plugin
        self.priority = plugin.settings.priority if plugin.settings.priority is not None else scope.priority
        self.headers = frozenset(name.lower() for name in scope.headers[:_MOST_HEADERS])
        self.wants_query = bool(scope.wants_query)
        self.wants_response = bool(scope.wants_response)
        #: Bytes of a body that the plugin is shown; 0 when it wants none.
        self.most_body = plugin.limits.body_bytes if scope.wants_body else 0
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

    def view(
        self, request: Request, query: Sequence[Header], headers: Sequence[Header], body: bytes | None = None
    ) -> Request:
        """The request as the plugin sees it."""
        if not self.wants_query and not self.headers and body is None:
            return request
        return request._replace(
            query=query if self.wants_query else (),
            headers=[header for header in headers if header[0] in self.headers],
            body=_text(body, self.most_body) if body is not None else None,
        )

    def judgement(self, verdict: Any) -> Judgement:
        """What follows from the plugin's verdict.

        Raises:
            CallFailed: the verdict makes no sense; already counted and logged.
        """
        if verdict.tag == "next" and not verdict.value:
            return ()  # what most are, without a call
        judgement = judgement_of(verdict, self.plugin.name, self.plugin.limits)
        if isinstance(judgement, str):
            raise self.plugin.disown(_ASK, judgement)
        return judgement


def _text(body: bytes, most: int) -> str | None:
    """A body as a plugin is shown it: text of at most so many bytes, or nothing."""
    try:
        return body.decode() if len(body) <= most else None
    except UnicodeDecodeError:
        return None


class Chain:
    """The middleware plugins of one snapshot, in order."""

    def __init__(self, links: Sequence[Link]) -> None:
        self.links = sorted(links, key=lambda link: (link.priority, link.plugin.name))
        self.wants_headers = any(link.headers for link in self.links)
        self.wants_query = any(link.wants_query for link in self.links)
        #: Bytes of the longest body that some plugin is shown; 0 when nobody wants any.
        self.most_body = max((link.most_body for link in self.links), default=0)
        #: Whether the snapshot answers requests otherwise than by its chain, and so has to be known to handlers.
        self.answers = False
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
                    if isinstance(kept.value, (Response, Drip)):
                        added = kept.value
                        break
                    if isinstance(kept.value, Delay):
                        return None  # has to be waited for
                    added = [*added, *kept.value]
        for link, kept in used:
            kept.left -= 1
            link.plugin.data.account.reused_verdicts += 1
        return added

    async def on_request(
        self,
        request: Request,
        query: Sequence[Header] = (),
        headers: Sequence[Header] = (),
        body: bytes | None = None,
        *,
        means: Means | None = None,
        whose: Any = None,
    ) -> Judgement:
        """Asks each plugin in turn.

        Args:
            request: without query, headers and body; each plugin gets those that it wants.
            query: needed if `wants_query`.
            headers: needed if `wants_headers`; names in lower case.
            body: needed if `most_body`, unless it is longer.
            means, whose: for delays and riddles; without, nothing is waited for and no riddle is solved.

        Returns:
            A plugin's answer, an unsolved riddle, or the headers to add to the server's.
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
                    shown = link.view(request, query, headers, body if link.most_body else None)
                    decision = plugin.begin(_ASK, (shown,))
                    if type(decision) is Unfinished:
                        decision = await decision
                    judgement = link.judgement(decision.verdict)
                except CallFailed as failure:
                    if plugin.refuses(failure):
                        return _unavailable(plugin, str(failure.reason))
                    continue
                if decision.reuse is not None and not isinstance(judgement, Challenge):
                    verdicts.keep(request.client, request.operation, judgement, decision.reuse, time.monotonic())
            if type(judgement) in _PLAIN:
                added += judgement  # type: ignore[arg-type]  # headers, by its type
            elif isinstance(judgement, Delay):
                waited = means is None or await means.pause(whose, judgement)
                if not waited and link.plugin.settings.failure == "closed":
                    return _unavailable(link.plugin, "too many requests wait for it")
                added += judgement.headers
            elif not isinstance(judgement, Challenge) or means is None or not means.solved(whose, judgement):
                return judgement
        return added

    async def on_response(
        self,
        request: Request,
        query: Sequence[Header],
        headers: Sequence[Header],
        answer: Answer,
        body: bytes | None = None,
    ) -> list[Header] | Response:
        """Shows the answer to the plugins that asked for it, arguments as above.

        Returns:
            Headers to set, or the answer that is sent instead.
        """
        changes: list[Header] = []
        instead: Response | None = None
        for link in self.wants_response:
            if not link.applies(request.path):
                continue
            try:
                shown = link.view(request, query, headers, body if link.most_body else None)
                amendment = await link.plugin.call(_SEE, shown, answer)
                if amendment.tag == "replace" and (problem := problem_of(amendment.value.status)):
                    raise link.plugin.disown(_SEE, problem)
            except CallFailed:
                continue  # counted; an answer that is ready is not withheld
            if amendment.tag == "set-headers":
                changes += clean(amendment.value)
            elif amendment.tag == "replace":
                new = amendment.value
                instead = Response(new.status, clean(new.headers), new.body, link.plugin.name)
                changes = []
                size = min(len(new.body.encode()), 2**32 - 1)
                answer = Answer(new.status, instead.headers, size, answer.duration)
        if instead is None:
            return changes
        return instead._replace(headers=[*instead.headers, *changes])


def _unavailable(plugin: Plugin, reason: str) -> Response:
    return Response(
        503,
        [("retry-after", "5"), ("content-type", "text/plain; charset=utf-8")],
        f"The plugin {plugin.name} cannot judge this request now ({reason}). Try again in a few seconds.\n",
        plugin.name,
    )


def prepare(snapshot: Snapshot) -> None:
    """Makes the snapshot's chain, once, before it is published."""
    plugins = snapshot.plugins.values()
    chain = Chain([Link(plugin, plugin.scopes["middleware"]) for plugin in plugins if plugin.exports("middleware")])
    chain.answers = any(plugin.exports("routes") or plugin.exports("formatter") for plugin in plugins)
    snapshot.views["middleware"] = chain


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
