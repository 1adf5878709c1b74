"""Slow answers (WIT `middleware.drip`): a body that is repeated, a few bytes a second, until the time is over.

An answer that drips is finished for everybody else: it was counted, and the plugins that gave it are not held. What is
left is a coroutine in aiohttp's last step, `write_eof`, that wakes once a second.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import web

from wasmpuck.http.client import CLIENT, population_of
from wasmpuck.http.limits import guard_of
from wasmpuck.worlds.verdicts import Drip

__all__ = ["Drips"]

_PAUSE: Final = 1.0
_WITHOUT_BODY: Final = frozenset({204, 304})


class Drips:
    """All slow answers of a server, in the order of their beginning, with their caps."""

    def __init__(self) -> None:
        #: By plugin, and by plugin and client.
        self._running: dict[tuple[str, ...], dict[_Dripping, None]] = {}
        self._closed = False
        self.dropped = 0
        """Slow answers that ended early to make room."""

    def __len__(self) -> int:
        return sum(len(running) for group, running in self._running.items() if len(group) == 1)

    def answer(self, request: web.Request, drip: Drip) -> web.StreamResponse:
        """The answer, which drips when it is sent."""
        response = _Dripping(drip, self, population_of(request.get(CLIENT, "")))
        for name, value in drip.headers:
            response.headers[name] = value
        return response

    def enter(self, dripping: _Dripping) -> None:
        """Counts one in, and closes those that are too many. Once the server stops it closes the newcomer."""
        for group, most in dripping.groups:
            running = self._running.setdefault(group, {})
            running[dripping] = None
            while len(running) > most:
                self.dropped += 1
                self._close(next(iter(running)))
        if self._closed:
            self._close(dripping)

    def leave(self, dripping: _Dripping) -> None:
        """Counts one out."""
        for group, _ in dripping.groups:
            running = self._running.get(group, {})
            running.pop(dripping, None)
            if not running:
                self._running.pop(group, None)

    def _close(self, dripping: _Dripping) -> None:
        for group, _ in dripping.groups:
            self._running.get(group, {}).pop(dripping, None)
        dripping.close()

    def close(self) -> None:
        """The server stops: every slow answer ends, and no other begins."""
        self._closed = True
        for running in list(self._running.values()):
            for dripping in list(running):
                self._close(dripping)


class _Dripping(web.StreamResponse):
    """One slow answer."""

    def __init__(self, drip: Drip, drips: Drips, population: str) -> None:
        super().__init__(status=drip.status)
        self.groups = (((drip.plugin,), drip.most), ((drip.plugin, population), drip.each))
        self._text = drip.body
        self._rate = drip.rate
        self._seconds = drip.seconds
        self._drips = drips
        self._place = 0
        self._ended = False
        self._tick: asyncio.Future[None] | None = None

    def close(self) -> None:
        """Ends it early: its connection breaks."""
        self._ended = True
        if self._tick is not None and not self._tick.done():
            self._tick.set_result(None)

    async def prepare(self, request: web.BaseRequest) -> Any:
        self._asked = request
        return await super().prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        request = self._asked
        if request.method != "HEAD" and self.status not in _WITHOUT_BODY and isinstance(request, web.Request):
            await self._drip(request)
        await super().write_eof(data)

    async def _drip(self, request: web.Request) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._seconds
        guard = guard_of(request)
        if guard is not None:
            guard.began()
            guard.when_gone = self.close
        self._drips.enter(self)
        try:
            while not self._ended and (left := ends - loop.time()) > 0:
                await self.write(self._piece())
                self._tick = loop.create_future()
                timer = loop.call_later(min(_PAUSE, left), self._wake, self._tick)
                if not self._ended:
                    await self._tick
                timer.cancel()
        finally:
            self._drips.leave(self)
            if guard is not None:
                guard.when_gone = None
                guard.ended()
        if self._ended:
            self.force_close()
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("a slow answer was ended early")

    @staticmethod
    def _wake(tick: asyncio.Future[None]) -> None:
        if not tick.done():
            tick.set_result(None)

    def _piece(self) -> bytes:
        body, place, rate = self._text, self._place, self._rate
        self._place = (place + rate) % len(body)
        if place + rate <= len(body):
            return body[place : place + rate]
        return (body[place:] + body * (rate // len(body) + 1))[:rate]
