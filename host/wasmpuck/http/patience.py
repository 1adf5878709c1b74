"""Requests that a plugin lets wait (WIT `middleware.delay`)."""

from __future__ import annotations

import asyncio
from collections import Counter

from aiohttp import web

from wasmpuck.http.limits import guard_of
from wasmpuck.worlds.verdicts import Delay

__all__ = ["Patience"]


class Patience:
    """All requests that wait now; each costs a timer and its coroutine, and holds no instance."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self._by_plugin: Counter[str] = Counter()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self, request: web.Request, delay: Delay) -> bool:
        """Returns when the time is over, and at once when the server stops; false if too many wait already.

        Raises:
            asyncio.CancelledError: the client has gone.
        """
        if self._closed or delay.seconds <= 0:
            return True
        if self._by_plugin[delay.plugin] >= delay.room:
            return False
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(delay.seconds, _end, over)
        guard = guard_of(request)
        self._waiting.add(over)
        self._by_plugin[delay.plugin] += 1
        if guard is not None:
            guard.when_gone = over.cancel
        try:
            await over
        finally:
            timer.cancel()
            self._waiting.discard(over)
            self._by_plugin[delay.plugin] -= 1
            if guard is not None:
                guard.when_gone = None
        return True

    def close(self) -> None:
        """The server stops: nobody waits any more."""
        self._closed = True
        for over in tuple(self._waiting):
            _end(over)


def _end(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)
