"""What every request passes first: the connection's guard, who asks, counting, failures, and compression.

One function around each handler and not six middlewares, because each of those costs a coroutine for every request,
and the first one aiohttp's way of keeping them. In the order of what happens:

    the headers are complete ► who asks for what ► counted as begun ► plugins and the handler
    ► a failure becomes an answer ► compressed ► counted by its status ► the guard waits for the answer to be written

Plugins come and go while the server runs, so whether a request passes their middlewares is asked for each request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from wasmpuck.http.client import CLIENT, OPERATION, identify
from wasmpuck.http.compression import Compression, compress
from wasmpuck.http.limits import Guard
from wasmpuck.http.observe import operation_of
from wasmpuck.http.problems import errors_middleware, failure
from wasmpuck.http.visit import begin_visit, end_visit

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings
    from wasmpuck.metrics import Metrics

__all__ = ["FRONT", "Front"]

_access_log = logging.getLogger("wasmpuck.http.access")


class Front:
    """Wraps handlers. Outside there are only answers; every request is counted once, also those that a plugin answers.

    Inside, `request[CLIENT]` and `request[OPERATION]` are known, and pages know who reads them (`visit.current`).
    `middlewares`, outermost first, stand before a handler unless `idle` says that they have nothing to do; for them
    failures of handlers are answers already. The access log has a line a request at DEBUG. It never holds the search:
    who looks for whom is nobody's business.
    """

    def __init__(
        self,
        settings: HTTPSettings,
        metrics: Metrics,
        middlewares: Sequence[Middleware] = (),
        idle: Callable[[], bool] = lambda: False,
    ) -> None:
        self._proxies = settings.trusted_proxies
        self._compression = Compression(settings)
        self._metrics = metrics
        self._chain = (*middlewares, errors_middleware(metrics)) if middlewares else ()
        self._idle = idle

    def routes(self, routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
        """These routes with wrapped handlers."""
        return [web.RouteDef(each.method, each.path, self.wrap(each.handler), each.kwargs) for each in routes]

    def whole(self, application: Handler) -> Handler:
        """What answers requests, an application's routes and handlers, so that what its router itself says of paths and
        methods without a route is an answer like others."""

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                return await application(request)
            except web.HTTPException as error:
                refusal = error

                async def refuse(request: web.Request) -> web.StreamResponse:
                    raise refusal

                return await self.wrap(refuse)(request)

        return answer

    def wrap(self, handler: Handler) -> Handler:
        """A handler behind all that every request passes."""
        proxies, compression, metrics = self._proxies, self._compression, self._metrics
        idle = self._idle if self._chain else lambda: True
        chained = handler
        for middleware in reversed(self._chain):
            chained = partial(middleware, handler=chained)

        async def front(request: web.Request) -> web.StreamResponse:
            visit = begin_visit(request)
            transport = request.transport
            protocol = transport.get_protocol() if transport is not None else None
            guard = protocol if isinstance(protocol, Guard) else None  # a test client's listener has none
            if guard is not None:
                guard.began()
            request[OPERATION] = operation_of(request)
            forwarded = request.headers.getall("X-Forwarded-For", ()) if proxies else ()
            request[CLIENT] = identify(request.remote or "", forwarded, proxies)
            metrics.request_began()
            began = perf_counter()
            answered = False
            try:
                try:
                    response = await (handler if idle() else chained)(request)
                except Exception as error:
                    response = failure(request, error, metrics)
                size = _size(response)
                coding = compression.coding(request, response)
                if coding:
                    await compress(response, coding)
                if request.method == "HEAD":
                    size = 0
                answered = True
            finally:
                end_visit(visit)
                if guard is not None:
                    guard.ended()
                if not answered:
                    metrics.request_abandoned()
            if guard is not None and guard.draining:
                response.force_close()
            seconds = perf_counter() - began
            operation = request[OPERATION]  # which a plugin may have made its own
            metrics.request_ended(request.method, operation, response.status, seconds, size)
            if _access_log.isEnabledFor(logging.DEBUG):
                _access_log.debug(
                    "%s %s %s %d %.4f s", request[CLIENT] or "-", request.method, operation, response.status, seconds
                )
            return response

        return front


FRONT = web.AppKey("front", Front)
"""Where an application keeps it for whoever serves it."""


def _size(response: web.StreamResponse) -> int:
    body = response.body if isinstance(response, web.Response) else None
    return len(body) if isinstance(body, bytes) else 0
