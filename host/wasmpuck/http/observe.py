"""The middleware that counts: what was asked, how it ended, how long it took."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from wasmpuck.http.client import CLIENT, OPERATION
from wasmpuck.http.problems import status_of

if TYPE_CHECKING:
    from wasmpuck.metrics import Metrics

__all__ = ["metrics_middleware", "operation_of"]

_access_log = logging.getLogger("wasmpuck.http.access")

_OPERATIONS = frozenset({"get", "hget", "index", "vindex", "stats"})
_PATHS = {"/pks/add": "add", "/pks/stats": "stats"}


def operation_of(request: web.Request) -> str:
    """What a request asks for, in the words of the plugin contract (WIT `middleware.request.operation`)."""
    path = request.path
    if path == "/pks/lookup":
        operation = request.query.get("op", "")
        return operation if operation in _OPERATIONS else "other"
    return _PATHS.get(path, "other")


def metrics_middleware(metrics: Metrics) -> Middleware:
    """Counts every request once, also those that a plugin answers and those that fail.

    The access log has a line a request at DEBUG. It never holds the search: who looks for whom is nobody's business.
    """

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        operation = request[OPERATION] = operation_of(request)
        metrics.request_began()
        began = perf_counter()
        status, sent, answered = 0, 0, True
        try:
            response = await handler(request)
            status = response.status
            if isinstance(response, web.Response) and isinstance(response.body, bytes) and request.method != "HEAD":
                sent = len(response.body)
            return response
        except Exception as error:
            status = status_of(error)
            raise
        except BaseException:
            answered = False
            raise
        finally:
            if answered:
                seconds = perf_counter() - began
                metrics.request_ended(operation, status, seconds, sent)
                if _access_log.isEnabledFor(logging.DEBUG):
                    client = request.get(CLIENT, "-")
                    _access_log.debug("%s %s %s %d %.4f s", client, request.method, operation, status, seconds)
            else:
                metrics.request_abandoned()

    return observe
