"""The one place that turns an exception into an HTTP answer.

Who must act decides how much is told: a client learns what was wrong with its request and what to do about it; what the
operator or a plugin's author has to mend goes to the log under a reference that the answer names. No traceback ever
leaves the server.

The form follows `Accept`: `application/problem+json` (RFC 9457) for programs that ask for JSON, a page for browsers,
and plain text for everyone else, since gpg and its like only look at the status.
"""

from __future__ import annotations

import json
import logging
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from wasmpuck.errors import (
    CallFailed,
    CallReason,
    ClientError,
    PluginError,
    StorageUnavailable,
    WasmpuckError,
)
from wasmpuck.http.body import RequestTimeout
from wasmpuck.http.html import PAGE_HEADERS
from wasmpuck.http.negotiation import Form, form_of
from wasmpuck.http.pages.problem import problem_page

if TYPE_CHECKING:
    from wasmpuck.metrics import Metrics

__all__ = ["errors_middleware", "failure", "problem", "route_of", "status_of"]

_log = logging.getLogger("wasmpuck.http")

RETRY_AFTER_SECONDS = 5
"""When a client may ask again after a failure of the database or of a plugin."""


def status_of(error: BaseException) -> int:
    """The HTTP status that `error` is answered with."""
    match error:
        case web.HTTPException():
            return error.status
        case ClientError():
            return int(error.status)
        case StorageUnavailable() | PluginError() | TimeoutError():
            return HTTPStatus.SERVICE_UNAVAILABLE
        case _:
            return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(
    request: web.Request,
    status: int,
    message: str,
    *,
    hint: str = "",
    reference: str = "",
    headers: dict[str, str] | None = None,
) -> web.Response:
    """An answer that says what is wrong, in the form that the client asked for."""
    phrase = HTTPStatus(status).phrase
    match form_of(request.headers.get("Accept")):
        case Form.JSON:
            fields = {"type": "about:blank", "title": phrase, "status": status, "detail": message}
            fields |= {"hint": hint} if hint else {}
            fields |= {"reference": reference} if reference else {}
            body, content_type = json.dumps(fields, ensure_ascii=False) + "\n", "application/problem+json"
        case Form.HTML:
            body, content_type = problem_page(status, message, hint=hint, reference=reference), "text/html"
        case _:
            lines = [message, hint, f"reference: {reference}" if reference else ""]
            body, content_type = "".join(f"{line}\n" for line in lines if line), "text/plain"
    response = web.Response(status=status, text=body, content_type=content_type, charset="utf-8")
    response.headers["Vary"] = "Accept"
    response.headers["Cache-Control"] = "no-store"
    if response.content_type == "text/html":
        response.headers.update(PAGE_HEADERS)
    response.headers.update(headers or {})
    return response


def _answer(request: web.Request, error: Exception) -> web.Response:
    match error:
        case web.HTTPException():
            return _from_aiohttp(request, error)
        case ClientError():
            wait = getattr(error, "retry_after", None)
            headers = None if wait is None else {"Retry-After": str(wait)}
            return problem(request, status_of(error), error.message, hint=error.hint, headers=headers)
        case _:
            return _our_fault(request, error)


def _from_aiohttp(request: web.Request, error: web.HTTPException) -> web.Response:
    """What aiohttp's router raises: no such path, no such method."""
    headers = {name: error.headers[name] for name in ("Allow", "Location", "Retry-After") if name in error.headers}
    match error.status:
        case HTTPStatus.NOT_FOUND:
            message, hint = (
                "there is nothing at this address",
                "Look keys up at /pks/lookup; / has a search form.",
            )
        case HTTPStatus.METHOD_NOT_ALLOWED:
            message, hint = f"{request.method} is not possible here", f"Possible: {headers.get('Allow', '')}"
        case _:
            message, hint = error.reason, ""
    return problem(request, error.status, message, hint=hint, headers=headers)


def route_of(request: web.Request) -> str:
    """What was asked for, in words for the log: the route and not the path, which may hold an address or a token."""
    resource = request.match_info.route.resource
    return "an unknown path" if resource is None else resource.canonical


def _our_fault(request: web.Request, error: Exception) -> web.Response:
    """What a client can do nothing about: short for the client, whole for the log."""
    reference = secrets.token_hex(4)
    status = status_of(error)
    match error:
        case StorageUnavailable():
            message = "the database cannot be reached"
        case CallFailed(reason=CallReason.OVERLOADED) | TimeoutError():
            message = "the server is overloaded"
        case PluginError():
            message = "a plugin of this server failed"
        case _:
            message = "the server failed; this is not your fault"
    told = f": {error.message} {error.hint}".rstrip() if isinstance(error, WasmpuckError) else ""
    _log.error(
        "%s %s failed (%s)%s",
        request.method,
        route_of(request),
        reference,
        told,
        exc_info=None if isinstance(error, StorageUnavailable | PluginError) else error,
    )
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return problem(request, status, message, hint="Please try again later.", reference=reference, headers=retry)


def failure(request: web.Request, error: Exception, metrics: Metrics) -> web.Response:
    """The answer to a request that failed with `error`; what the operator has to mend is logged and counted."""
    if isinstance(error, StorageUnavailable):
        metrics.store_failed()
    response = _answer(request, error)
    if isinstance(error, RequestTimeout) or response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        response.force_close()
    return response


def errors_middleware(metrics: Metrics) -> Middleware:
    """Outside of it there are only answers."""

    @web.middleware
    async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:
            return failure(request, error, metrics)

    return errors
