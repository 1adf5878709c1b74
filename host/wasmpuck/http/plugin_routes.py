"""Paths that plugins answer (WIT `routes`), and answers that they give piece by piece (WIT `responder`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NoReturn

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_urldispatcher import AbstractResource, AbstractRoute, ResourceRoute, UrlMappingMatchInfo
from yarl import URL

from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.http.answers import preflight
from wasmpuck.http.body import expect_later, read_body
from wasmpuck.http.chain import ADDED, text_for_guests
from wasmpuck.http.client import CLIENT, OPERATION
from wasmpuck.http.problems import RETRY_AFTER_SECONDS, problem
from wasmpuck.plugins import Plugin, Registry, Snapshot
from wasmpuck.runtime.capabilities.responder import answering
from wasmpuck.runtime.values import Case
from wasmpuck.worlds.admission import current_snapshot
from wasmpuck.worlds.routes import Entry, Request, routes_of
from wasmpuck.worlds.verdicts import clean, problem_of

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings
    from wasmpuck.metrics import Metrics

__all__ = ["PluginResource", "plugin_failure"]

_HANDLE: Final = "routes.handle"
_WITHOUT_BODY: Final = frozenset({204, 304})


class PluginResource(AbstractResource):
    """The last resource of the router: whatever the plugins in service answer."""

    def __init__(
        self, registry: Registry, settings: HTTPSettings, metrics: Metrics, wrap: Callable[[Handler], Handler]
    ) -> None:
        """`wrap` puts what every request passes around the handler."""
        super().__init__()
        self._registry = registry
        self._settings = settings
        self._metrics = metrics
        self._route = ResourceRoute("*", wrap(self._answer), self, expect_handler=expect_later)

    # --- aiohttp's side ---

    @property
    def canonical(self) -> str:
        """What stands in logs for the path."""
        return "/{plugin}"

    async def resolve(self, request: web.Request) -> tuple[UrlMappingMatchInfo | None, set[str]]:
        """Whether a plugin in service answers the path; which one, the snapshot decides that the request meets."""
        if routes_of(self._registry.current).find(request.path) is None:
            return None, set()
        return UrlMappingMatchInfo({}, self._route), set()

    # The base class wants these two; they are for named resources and nested applications, and this is neither.

    def url_for(self, **kwargs: str) -> URL:
        raise NotImplementedError

    def add_prefix(self, prefix: str) -> None:
        raise NotImplementedError

    def get_info(self) -> Any:
        return {}

    def raw_match(self, path: str) -> bool:
        return False

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[AbstractRoute]:
        yield self._route

    # --- a request ---

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        snapshot = current_snapshot.get()
        if snapshot is not None:
            return await self._within(snapshot, request)
        with self._registry.lease() as leased:
            return await self._within(leased, request)

    async def _within(self, snapshot: Snapshot, request: web.Request) -> web.StreamResponse:
        found = routes_of(snapshot).find(request.path)
        if found is None:
            raise web.HTTPNotFound
        entry, rest = found
        request[OPERATION] = f"plugin:{entry.plugin.name}"
        if request.method == "OPTIONS":
            methods = [method for method in entry.allowed if method != "OPTIONS"]
            headers = sorted({"content-type"}.union(*entry.methods.values()))
            return await preflight(*methods, headers=", ".join(headers))(request)
        method = "GET" if request.method == "HEAD" else request.method
        if method not in entry.methods:
            raise web.HTTPMethodNotAllowed(request.method, entry.allowed)
        body = await read_body(request, self._settings)
        self._metrics.received(len(body))
        return await _handled(request, entry, _shown(request, entry, method, rest, body))


def _shown(request: web.Request, entry: Entry, method: str, rest: str, body: bytes) -> Request:
    """The request as the plugin sees it."""
    wanted = entry.methods[method]
    return Request(
        request.get(CLIENT, ""),
        method,
        text_for_guests(request.path),
        text_for_guests(rest),
        [(text_for_guests(name), text_for_guests(value)) for name, value in request.query.items()],
        [
            (lowered, text_for_guests(value))
            for name, value in request.headers.items()
            if (lowered := name.lower()) in wanted
        ],
        _content(body),
    )


def _content(body: bytes) -> Case:
    """WIT `routes.body`."""
    if not body:
        return Case("empty")
    try:
        return Case("text", body.decode())
    except UnicodeDecodeError:
        return Case("bytes", body)


async def _handled(request: web.Request, entry: Entry, shown: Request) -> web.StreamResponse:
    plugin = entry.plugin
    channel = _Channel(request, plugin.name)
    token = answering.set(channel)
    try:
        outcome = await plugin.call(_HANDLE, shown)
        return await _outcome(request, plugin, channel, outcome)
    except CallFailed as failure:
        if channel.response is not None:
            return channel.broken(channel.response)
        return plugin_failure(request, plugin, failure)
    finally:
        answering.reset(token)
        channel.over = True


async def _outcome(request: web.Request, plugin: Plugin, channel: _Channel, outcome: Any) -> web.StreamResponse:
    """Raises CallFailed when what the plugin says does not fit what it did."""

    def wrong(what: str) -> NoReturn:
        raise plugin.disown(_HANDLE, what)

    if outcome.tag == "streamed":
        if channel.response is None:
            wrong("it says that the answer is streamed, and there is none")
        return await channel.finished(channel.response)
    if channel.response is not None:
        wrong("it began to stream an answer and then gave another")
    if outcome.tag == "not-found":
        raise web.HTTPNotFound
    said = outcome.value
    if bad := problem_of(said.status):
        wrong(bad)
    response = web.Response(status=said.status)
    match said.body.tag:
        case "text":
            response.text = said.body.value
        case "bytes":
            response.body = said.body.value
    _set(response, said.headers)
    return response


def _set(response: web.StreamResponse, headers: Sequence[tuple[str, str]]) -> None:
    """A plugin's headers; a cookie does not replace another."""
    for name, value in clean(headers):
        if name == "set-cookie":
            response.headers.add(name, value)
        else:
            response.headers[name] = value


def plugin_failure(request: web.Request, plugin: Plugin, failure: CallFailed) -> web.Response:
    """The answer where only a plugin could give one: 502, or 503 where trying again may help or the policy says so."""
    passing = failure.reason in (CallReason.OVERLOADED, CallReason.SUSPENDED)
    unavailable = passing or plugin.refuses(failure)
    return problem(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE if unavailable else HTTPStatus.BAD_GATEWAY,
        f"the plugin {plugin.name} could not answer this request ({failure.reason})",
        hint="Please try again later.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)} if unavailable else None,
    )


class _Channel:
    """A request that a plugin is answering (`responder.Channel`). `response` is there once it has begun to stream."""

    def __init__(self, request: web.Request, plugin: str) -> None:
        self.plugin = plugin
        self.response: web.StreamResponse | None = None
        self.over = False
        self._request = request
        self._ending: asyncio.Task[None] | None = None

    @property
    def _gone(self) -> bool:
        transport = self._request.transport
        return transport is None or transport.is_closing()

    async def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> str | None:
        if self.over or self.response is not None:
            return "not-now"
        if self._gone:
            return "gone"
        response = self.response = web.StreamResponse(status=status)
        _set(response, headers)
        for name, value in self._request.get(ADDED, ()):
            response.headers[name] = value
        return await self._sent(lambda: response.prepare(self._request))

    async def write(self, data: bytes) -> str | None:
        response = self.response
        if self.over or response is None:
            return "not-now"
        if self._gone:
            return "gone"
        if not data or self._request.method == "HEAD" or response.status in _WITHOUT_BODY:
            return None
        return await self._sent(lambda: response.write(data))

    @staticmethod
    async def _sent(send: Callable[[], Any]) -> str | None:
        try:
            await send()
        except ConnectionError:
            return "gone"
        return None

    def end(self) -> None:
        if not self.over and self.response is not None:
            self._ending = asyncio.get_running_loop().create_task(self._end(self.response))
            self.over = True

    @staticmethod
    async def _end(response: web.StreamResponse) -> None:
        with contextlib.suppress(ConnectionError):  # nobody is there to be told
            await response.write_eof()

    async def finished(self, response: web.StreamResponse) -> web.StreamResponse:
        """The answer, sent as a whole."""
        if self._ending is not None:
            await self._ending
        else:
            await self._end(response)
        return response

    def broken(self, response: web.StreamResponse) -> web.StreamResponse:
        """The answer that the plugin did not finish: the connection is broken, so that its client notices."""
        if self._ending is None:
            response.force_close()
            if self._request.transport is not None:
                self._request.transport.abort()
        return response
