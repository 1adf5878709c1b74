"""A clock that stands still until it is told to go on."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from typing import Final

__all__ = ["START", "SimulatedClock"]

START: Final = 1_767_225_600.0
"""2026-01-01 00:00:00 UTC in seconds since 1970: where a simulated clock begins."""


class SimulatedClock:
    """Wall-clock and monotonic time in seconds. Who sleeps wakes up in order while `advance` passes their times."""

    def __init__(self, start: float = START) -> None:
        self._start = self._now = start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def wall(self) -> float:
        """Seconds since 1970."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the clock began."""
        return self._now - self._start

    async def sleep(self, seconds: float) -> None:
        """Waits until so much simulated time has passed."""
        waiter = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + max(0.0, seconds), next(self._numbers), waiter))
        await waiter

    async def advance(self, seconds: float, settle: Callable[[], Awaitable[None]]) -> None:
        """Lets time pass. Before, and after each moment at which somebody woke up, `settle` waits until all work is
        done.
        """
        await settle()
        end = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            self._now = max(self._now, self._sleepers[0][0])
            while self._sleepers and self._sleepers[0][0] <= self._now:
                waiter = heapq.heappop(self._sleepers)[2]
                if not waiter.done():
                    waiter.set_result(None)
            await settle()
        self._now = end
