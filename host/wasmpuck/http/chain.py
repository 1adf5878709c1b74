"""The middleware that puts plugins between a request and the server."""

from __future__ import annotations

from time import perf_counter

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from wasmpuck.http.client import CLIENT, OPERATION
from wasmpuck.plugins import Registry
from wasmpuck.worlds.admission import current_snapshot
from wasmpuck.worlds.middleware import Answer, Chain, Request, Response, chain_of

__all__ = ["plugin_middleware"]


def plugin_middleware(registry: Registry) -> Middleware:
    """Everything that one request meets comes from the snapshot that it began with, uploads' admission included."""

    @web.middleware
    async def plugin_chain(request: web.Request, handler: Handler) -> web.StreamResponse:
        snapshot = registry.current
        if not snapshot.plugins:
            return await handler(request)
        snapshot.leases += 1
        token = current_snapshot.set(snapshot)
        try:
            chain = chain_of(snapshot)
            if not chain.links:
                return await handler(request)
            began = perf_counter()
            view = Request(
                request[CLIENT], request[OPERATION], _text(request.method), _text(request.path), _query(request), ()
            )
            headers = _headers(request) if chain.wants_headers else ()
            judged = await chain.on_request(view, headers)
            if isinstance(judged, Response):
                response: web.StreamResponse = _answer(judged)
            else:
                response = await handler(request)  # failures are answers by now: see the order in `http.app`
                for name, value in judged:
                    response.headers[name] = value
            if chain.wants_response:
                await _amend(chain, view, headers, response, perf_counter() - began)
            return response
        finally:
            current_snapshot.reset(token)
            snapshot.release()

    return plugin_chain


def _text(value: str) -> str:
    """Text that a guest can be given: what was not UTF-8 on the wire (aiohttp keeps it as surrogates) becomes `?`."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _query(request: web.Request) -> list[tuple[str, str]]:
    return [(_text(name), _text(value)) for name, value in request.query.items()] if request.query_string else []


def _headers(request: web.Request) -> list[tuple[str, str]]:
    return [(_text(name.lower()), _text(value)) for name, value in request.headers.items()]


def _answer(judged: Response) -> web.Response:
    response = web.Response(status=judged.status, text=judged.body)
    for name, value in judged.headers:
        response.headers[name] = value
    return response


async def _amend(
    chain: Chain,
    view: Request,
    headers: list[tuple[str, str]] | tuple[()],
    response: web.StreamResponse,
    seconds: float,
) -> None:
    body = response.body if isinstance(response, web.Response) else None
    size = len(body) if isinstance(body, bytes) else 0
    shown = [(name.lower(), _text(value)) for name, value in response.headers.items()]
    answer = Answer(response.status, shown, min(size, 2**32 - 1), seconds * 1000)
    for name, value in await chain.on_response(view, headers, answer):
        response.headers[name] = value
