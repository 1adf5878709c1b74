"""What every request passes first: the connection's guard, who asks, counting, failures, and compression.

One middleware and not six, because each of them costs a coroutine for every request. In the order of what happens:

    the headers are complete ► who asks for what ► counted as begun ► plugins and the handler
    ► a failure becomes an answer ► compressed ► counted by its status ► the guard waits for the answer to be written

Plugins come and go while the server runs, so whether a request passes their middlewares is asked for each of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
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

__all__ = ["front_middleware"]

_access_log = logging.getLogger("wasmpuck.http.access")


def front_middleware(
    settings: HTTPSettings,
    metrics: Metrics,
    middlewares: Sequence[Middleware] = (),
    idle: Callable[[], bool] = lambda: False,
) -> Middleware:
    """Outside of it there are only answers; every request is counted once, also those that a plugin answers.

    Inside, `request[CLIENT]` and `request[OPERATION]` are known, and pages know who reads them (`visit.current`).
    `middlewares`, outermost first, stand before the handler unless `idle` says that they have nothing to do; for them
    failures of handlers are answers already. The access log has a line a request at DEBUG. It never holds the search:
    who looks for whom is nobody's business.
    """
    proxies = settings.trusted_proxies
    compression = Compression(settings)
    chain = (*middlewares, errors_middleware(metrics)) if middlewares else ()

    @web.middleware
    async def front(request: web.Request, handler: Handler) -> web.StreamResponse:
        if chain and not idle():
            for middleware in reversed(chain):
                handler = partial(middleware, handler=handler)
        visit = begin_visit(request)
        transport = request.transport
        protocol = transport.get_protocol() if transport is not None else None
        guard = protocol if isinstance(protocol, Guard) else None  # a test client's listener has none
        if guard is not None:
            guard.began()
        operation = request[OPERATION] = operation_of(request)
        forwarded = request.headers.getall("X-Forwarded-For", ()) if proxies else ()
        request[CLIENT] = identify(request.remote or "", forwarded, proxies)
        metrics.request_began()
        began = perf_counter()
        answered = False
        try:
            try:
                response = await handler(request)
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
        metrics.request_ended(request.method, operation, response.status, seconds, size)
        if _access_log.isEnabledFor(logging.DEBUG):
            _access_log.debug(
                "%s %s %s %d %.4f s", request[CLIENT] or "-", request.method, operation, response.status, seconds
            )
        return response

    return front


def _size(response: web.StreamResponse) -> int:
    body = response.body if isinstance(response, web.Response) else None
    return len(body) if isinstance(body, bytes) else 0
