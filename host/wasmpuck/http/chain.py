"""The middleware that puts plugins between a request and the server."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Final, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from wasmpuck.config import HTTPSettings
from wasmpuck.http.body import read_body
from wasmpuck.http.client import CLIENT, OPERATION
from wasmpuck.http.dripping import Drips
from wasmpuck.http.patience import Patience
from wasmpuck.http.riddles import Riddles
from wasmpuck.plugins import Registry
from wasmpuck.worlds.admission import current_snapshot
from wasmpuck.worlds.middleware import Answer, Chain, Request, chain_of
from wasmpuck.worlds.verdicts import Challenge, Delay, Drip, Header, Judgement, Response

__all__ = ["ADDED", "Means", "plugin_middleware", "text_for_guests"]

ADDED = web.RequestKey("added", Sequence[Header])
"""Headers that plugins add to the answer, for a handler that sends it before it returns."""

#: Methods of requests that bring no certificates.
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Means:
    """What verdicts that take their time need, as long as the server lives. `close` it before the listeners drain.

    Args:
        riddles: those of a server that is meant to know its riddles after a restart.
        settings: limits of bodies that plugins want to see.
    """

    def __init__(self, riddles: Riddles | None = None, settings: HTTPSettings | None = None) -> None:
        self.patience = Patience()
        self.drips = Drips()
        self.riddles = riddles or Riddles()
        self.settings = settings or HTTPSettings()

    async def pause(self, whose: web.Request, delay: Delay) -> bool:
        """As `worlds.middleware.Means`."""
        return await self.patience.wait(whose, delay)

    def solved(self, whose: web.Request, challenge: Challenge) -> bool:
        """As `worlds.middleware.Means`."""
        return self.riddles.solved(whose, challenge)

    def close(self) -> None:
        """The server stops: nobody waits any more, and slow answers end."""
        self.patience.close()
        self.drips.close()


def plugin_middleware(registry: Registry, means: Means | None = None) -> Middleware:
    """Everything that one request meets comes from the snapshot that it began with, uploads' admission included."""
    slow = means or Means()

    @web.middleware
    async def plugin_chain(request: web.Request, handler: Handler) -> web.StreamResponse:
        snapshot = registry.current
        if not snapshot.plugins:
            return await handler(request)
        snapshot.leases += 1
        chain = chain_of(snapshot)
        token = None if request.method in _READING and not chain.answers else current_snapshot.set(snapshot)
        try:
            if not chain.links:
                return await handler(request)
            client, operation, path = request[CLIENT], request[OPERATION], text_for_guests(request.path)
            if not chain.wants_response:
                judged = chain.recall(client, operation, path)
                if judged is None:
                    shown = _shown(chain, request, client, operation, path)
                    body = await _body(chain, request, path, slow) if chain.most_body else None
                    judged = await chain.on_request(*shown, body, means=slow, whose=request)
                if judged:
                    return await _answered(judged, request, handler, slow)
                return await handler(request)
            began = perf_counter()
            shown = _shown(chain, request, client, operation, path)
            body = await _body(chain, request, path, slow) if chain.most_body else None
            judged = await chain.on_request(*shown, body, means=slow, whose=request)
            response = await _answered(judged, request, handler, slow)
            return await _amended(chain, shown, body, response, perf_counter() - began)
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
        query = [(text_for_guests(name), text_for_guests(value)) for name, value in request.query.items()]
    if chain.wants_headers:
        headers = [(text_for_guests(name.lower()), text_for_guests(value)) for name, value in request.headers.items()]
    return Request(client, operation, text_for_guests(request.method), path, (), ()), query, headers


async def _body(chain: Chain, request: web.Request, path: str, means: Means) -> bytes | None:
    """The body, if some plugin is shown it. It is read once; the handler gets the same bytes.

    What is announced to be longer than any plugin is shown, or comes encoded, is left to the handler.
    """
    if not request.body_exists or (request.content_length or 0) > chain.most_body:
        return None
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return None
    if not any(link.most_body and link.applies(path) for link in chain.links):
        return None
    return await read_body(request, means.settings)


async def _answered(judged: Judgement, request: web.Request, handler: Handler, means: Means) -> web.StreamResponse:
    """A plugin's answer, or the handler's with the plugins' headers."""
    if isinstance(judged, Response):
        return _given(judged)
    if isinstance(judged, Drip):
        return means.drips.answer(request, judged)
    if isinstance(judged, Challenge):
        return means.riddles.answer(request, judged)
    assert not isinstance(judged, Delay)
    if judged:
        request[ADDED] = judged
    response = await handler(request)  # failures are answers by now: see the order in `http.app`
    if not response.prepared:
        for name, value in judged:
            response.headers[name] = value
    return response


def _given(answer: Response) -> web.Response:
    response = web.Response(status=answer.status, text=answer.body)
    for name, value in answer.headers:
        response.headers[name] = value
    return response


def text_for_guests(value: str) -> str:
    """Text that a guest can be given: what was not UTF-8 on the wire (aiohttp keeps it as surrogates) becomes `?`."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


async def _amended(
    chain: Chain, shown: _Shown, shown_body: bytes | None, response: web.StreamResponse, seconds: float
) -> web.StreamResponse:
    """The answer after the plugins that asked for it have seen it. One that is under way is shown to nobody."""
    if response.prepared:
        return response
    body = response.body if isinstance(response, web.Response) else None
    size = len(body) if isinstance(body, bytes) else 0
    headers = [(name.lower(), text_for_guests(value)) for name, value in response.headers.items()]
    answer = Answer(response.status, headers, min(size, 2**32 - 1), seconds * 1000)
    amended = await chain.on_response(*shown, answer, shown_body)
    if isinstance(amended, Response):
        return _given(amended)
    for name, value in amended:
        response.headers[name] = value
    return response
