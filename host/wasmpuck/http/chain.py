"""The middleware that puts plugins between a request and the server."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Final, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from wasmpuck.http.client import CLIENT, OPERATION
from wasmpuck.plugins import Registry
from wasmpuck.worlds.admission import current_snapshot
from wasmpuck.worlds.middleware import Answer, Chain, Header, Judgement, Request, Response, chain_of

__all__ = ["plugin_middleware"]


#: Methods of requests that bring no certificates.
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def plugin_middleware(registry: Registry) -> Middleware:
    """Everything that one request meets comes from the snapshot that it began with, uploads' admission included."""

    @web.middleware
    async def plugin_chain(request: web.Request, handler: Handler) -> web.StreamResponse:
        snapshot = registry.current
        if not snapshot.plugins:
            return await handler(request)
        snapshot.leases += 1
        token = None if request.method in _READING else current_snapshot.set(snapshot)
        try:
            chain = chain_of(snapshot)
            if not chain.links:
                return await handler(request)
            client, operation, path = request[CLIENT], request[OPERATION], _text(request.path)
            if not chain.wants_response:
                judged = chain.recall(client, operation, path)
                if judged is None:
                    judged = await chain.on_request(*_shown(chain, request, client, operation, path))
                if judged:
                    return await _answered(judged, request, handler)
                return await handler(request)
            began = perf_counter()
            shown = _shown(chain, request, client, operation, path)
            response = await _answered(await chain.on_request(*shown), request, handler)
            await _amend(chain, shown, response, perf_counter() - began)
            return response
        finally:
            if token is not None:
                current_snapshot.reset(token)
            snapshot.release()

    return plugin_chain


_Shown: TypeAlias = tuple[Request, Sequence[Header], Sequence[Header]]


def _shown(chain: Chain, request: web.Request, client: str, operation: str, path: str) -> _Shown:
    """The request, its query and its headers, as far as some plugin wants them."""
    query: Sequence[Header] = ()
    headers: Sequence[Header] = ()
    if chain.wants_query and request.query_string:
        query = [(_text(name), _text(value)) for name, value in request.query.items()]
    if chain.wants_headers:
        headers = [(_text(name.lower()), _text(value)) for name, value in request.headers.items()]
    return Request(client, operation, _text(request.method), path, (), ()), query, headers


async def _answered(judged: Judgement, request: web.Request, handler: Handler) -> web.StreamResponse:
    """A plugin's answer, or the handler's with the plugins' headers."""
    if isinstance(judged, Response):
        response: web.StreamResponse = web.Response(status=judged.status, text=judged.body)
        judged = judged.headers
    else:
        response = await handler(request)  # failures are answers by now: see the order in `http.app`
    for name, value in judged:
        response.headers[name] = value
    return response


def _text(value: str) -> str:
    """Text that a guest can be given: what was not UTF-8 on the wire (aiohttp keeps it as surrogates) becomes `?`."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


async def _amend(chain: Chain, shown: _Shown, response: web.StreamResponse, seconds: float) -> None:
    body = response.body if isinstance(response, web.Response) else None
    size = len(body) if isinstance(body, bytes) else 0
    headers = [(name.lower(), _text(value)) for name, value in response.headers.items()]
    answer = Answer(response.status, headers, min(size, 2**32 - 1), seconds * 1000)
    for name, value in await chain.on_response(*shown, answer):
        response.headers[name] = value
