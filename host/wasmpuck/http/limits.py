"""What a connection may take of the server: time for headers, time between requests, unread answers, a share of all.

aiohttp has no deadline for headers, none for an answer that nobody reads, and no cap on connections. A `Guard` is the
asyncio protocol that the sockets see; it passes everything on to aiohttp's own protocol and notes what phase the
connection is in. Nothing is timed a request: one sweep of a `Census`, the set of a listener's guards, finds those that
are over their time, so that a request pays for two attribute writes and no timer.

    connection_made ──► IDLE ──first byte──► HEADERS ──`began`──► ANSWERING ──`ended`──► IDLE
                         │ idle_timeout        │ header_timeout     │ write_timeout (while the client reads nothing)
                         ▼ close               ▼ 408, close         ▼ abort

Bodies are timed where they are read: `http.body`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from aiohttp import web
from aiohttp.typedefs import Handler

from wasmpuck.http.client import canonical_address, is_trusted, population_of

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings

__all__ = ["Census", "Closed", "Guard", "guard_middleware", "guard_of"]


_DRAIN_PAUSE = 0.02  # seconds between looks at the requests that are still being answered


class Closed(StrEnum):
    """Why the server closed a connection on its own account; labels a metric."""

    HEADER_TIMEOUT = "header-timeout"
    IDLE_TIMEOUT = "idle-timeout"
    WRITE_TIMEOUT = "write-timeout"
    CLIENT_LIMIT = "client-limit"
    SERVER_LIMIT = "server-limit"


class _Phase(StrEnum):
    IDLE = "idle"
    HEADERS = "headers"
    ANSWERING = "answering"


def _last_words(status: str, text: str, *extra: str) -> bytes:
    """A whole answer for a connection that is about to be closed before aiohttp saw a request on it."""
    body = text.encode()
    plain = ("Content-Type: text/plain; charset=utf-8", "Access-Control-Allow-Origin: *", "Cache-Control: no-store")
    head = [f"HTTP/1.1 {status}", "Connection: close", *plain, *extra]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


_TOO_SLOW = _last_words("408 Request Timeout", "The request's headers did not arrive in time.\n")
# 503 and not 429: gpg takes 429 for "no such key", but asks again after 503.
_TOO_MANY = _last_words("503 Service Unavailable", "Too many connections. Please try again.\n", "Retry-After: 5")


class Guard(asyncio.Protocol):
    """One connection: aiohttp's protocol, watched."""

    __slots__ = ("_census", "_inner", "phase", "population", "since", "transport", "unsent", "when_gone")

    def __init__(self, census: Census) -> None:
        self._census = census
        self._inner: asyncio.Protocol | None = None
        self.transport: asyncio.Transport | None = None
        self.population = ""
        self.phase = _Phase.IDLE
        self.since = 0.0
        self.unsent = 0
        #: Called when the connection is lost while a request waits for nothing but time.
        self.when_gone: Callable[[], object] | None = None

    @property
    def busy(self) -> bool:
        """Whether a request is being answered, or an answer has not been sent as a whole."""
        unsent = self.transport.get_write_buffer_size() if self.transport is not None else 0
        return self.phase is _Phase.ANSWERING or unsent > 0

    @property
    def draining(self) -> bool:
        """Whether the listener ends, so that no further request can follow on this connection."""
        return self._census.draining

    # --- told by aiohttp's side ---

    def began(self) -> None:
        """A request's headers are complete and its handler starts."""
        self.phase = _Phase.ANSWERING
        self.since = self._census.now()

    def ended(self) -> None:
        """The handler is done; what remains is to write the answer, which `check` watches."""
        self.phase = _Phase.IDLE
        self.since = self._census.now()

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.since = self._census.now()
        if self._census.admit(self) is not None:
            self._say_and_close(_TOO_MANY)
            return
        self._inner = self._census.factory()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._inner is None:
            return
        if self.phase is _Phase.IDLE:
            self.phase = _Phase.HEADERS
            self.since = self._census.now()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return None if self._inner is None else self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._census.forget(self)
        if self.when_gone is not None:
            self.when_gone()
        if self._inner is not None:
            self._inner.connection_lost(exc)
            self._inner = None
        self.transport = None

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    # --- told by the sweep ---

    def check(self, now: float, settings: HTTPSettings) -> Closed | None:
        """Closes the connection when it is over its time, and says why; None when it may stay.

        Called once a sweep with the loop's time; must not raise.
        """
        transport = self.transport
        if transport is None:
            return None
        waiting = transport.get_write_buffer_size()
        if waiting:
            if waiting != self.unsent:
                self.unsent = waiting
                self.since = now
            elif now - self.since >= settings.write_timeout:
                transport.abort()
                return Closed.WRITE_TIMEOUT
        elif self.phase is _Phase.HEADERS and now - self.since >= settings.header_timeout:
            self._say_and_close(_TOO_SLOW)
            return Closed.HEADER_TIMEOUT
        elif self.phase is _Phase.IDLE and now - self.since >= settings.idle_timeout:
            transport.close()
            return Closed.IDLE_TIMEOUT
        return None

    def _say_and_close(self, words: bytes) -> None:
        if self.transport is not None:
            self.transport.write(words)
            self.transport.close()


class Census:
    """All connections of one listener: who has how many, and the sweep that ends those that are over their time.

    An async context manager: the sweep runs inside. `factory` makes aiohttp's protocol (an `aiohttp.web.Server` is such
    a factory); `closed` is told of each connection that the server closes, for metrics.
    """

    def __init__(
        self,
        factory: Callable[[], asyncio.Protocol],
        settings: HTTPSettings,
        *,
        closed: Callable[[Closed], None] = lambda reason: None,
    ) -> None:
        self.factory = factory
        self.draining = False
        self.now = asyncio.get_running_loop().time
        self._settings = settings
        self._closed = closed
        self._guards: set[Guard] = set()
        self._per_population: Counter[str] = Counter()
        self._sweeper: asyncio.Task[None] | None = None

    def __call__(self) -> Guard:
        """The protocol factory for `loop.create_server`."""
        return Guard(self)

    def __len__(self) -> int:
        return len(self._guards)

    async def __aenter__(self) -> Self:
        self._sweeper = asyncio.create_task(self._sweep(), name="http-connection-sweep")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
            self._sweeper = None

    def admit(self, guard: Guard) -> Closed | None:
        """Counts a new connection in, or says why it must go. Either way `forget` is called once for it."""
        settings = self._settings
        peername = guard.transport.get_extra_info("peername") if guard.transport is not None else None
        peer = canonical_address(peername[0]) if isinstance(peername, tuple) else ""
        if peer and not is_trusted(peer, settings.trusted_proxies):
            guard.population = population_of(peer)
        reason: Closed | None = None
        if settings.max_connections and len(self._guards) >= settings.max_connections:
            reason = Closed.SERVER_LIMIT
        elif (
            guard.population
            and settings.connections_per_client
            and self._per_population[guard.population] >= settings.connections_per_client
        ):
            reason = Closed.CLIENT_LIMIT
        self._guards.add(guard)
        self._per_population[guard.population] += 1
        if reason is not None:
            self._closed(reason)
        return reason

    def forget(self, guard: Guard) -> None:
        """Counts a connection out."""
        self._guards.discard(guard)
        self._per_population[guard.population] -= 1
        if self._per_population[guard.population] <= 0:
            del self._per_population[guard.population]

    async def drain(self, seconds: float) -> None:
        """Waits until every request that has begun is answered and the answers are sent, at most so long. An answer
        closes its connection now.

        aiohttp's own way to end drops what arrives on a connection from then on, so that an upload that has begun would
        wait for its rest in vain.
        """
        self.draining = True
        deadline = self.now() + seconds
        # Bytes that leave a socket set no event.
        while any(guard.busy for guard in self._guards) and self.now() < deadline:  # noqa: ASYNC110 - guards set no event
            await asyncio.sleep(_DRAIN_PAUSE)

    async def _sweep(self) -> None:
        settings = self._settings
        shortest = min(settings.header_timeout, settings.idle_timeout, settings.write_timeout)
        pause = min(1.0, shortest / 4)
        while True:
            await asyncio.sleep(pause)
            now = self.now()
            for guard in tuple(self._guards):
                reason = guard.check(now, settings)
                if reason is not None:
                    self._closed(reason)


def guard_of(request: web.Request) -> Guard | None:
    """The guard of a request's connection; a test client's listener has none."""
    transport = request.transport
    protocol = transport.get_protocol() if transport is not None else None
    return protocol if isinstance(protocol, Guard) else None


@web.middleware
async def guard_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tells the connection's guard that its headers are complete, and when the answer is ready to be written.

    Without a guard (a test client, another listener) it only passes on.
    """
    guard = guard_of(request)
    if guard is None:
        return await handler(request)
    guard.began()
    try:
        response = await handler(request)
        if guard.draining:
            response.force_close()
        return response
    finally:
        guard.ended()
