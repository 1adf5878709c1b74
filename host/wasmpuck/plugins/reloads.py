"""Plugins that are to be replaced by a fresh generation of themselves: when, and never one of them twice at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from wasmpuck.config import BreakerSettings
from wasmpuck.plugins.breaker import Backoff

__all__ = ["Reloads"]

_log = logging.getLogger(__name__)


class _Turn:
    """A plugin's waiting times, and its reload that is to come or under way."""

    __slots__ = ("backoff", "ended", "task")

    def __init__(self, backoff: Backoff) -> None:
        self.backoff = backoff
        self.ended: float | None = None
        self.task: asyncio.Task[None] | None = None


class Reloads:
    """The reloads of all plugins. The first waits for the plugin's `breaker.backoff`, each further one twice as long as
    the one before, up to `breaker.longest`; a plugin that needed none for as long as `longest` begins again.

    Args:
        monotonic: seconds, never going back.
        chance: a number from 0 up to 1 (excluded), for the backoff.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._monotonic = monotonic
        self._chance = chance
        self._turns: dict[str, _Turn] = {}
        self._closed = False

    def request(self, name: str, numbers: BreakerSettings, renew: Callable[[], Awaitable[object]], why: str) -> None:
        """Asks for a fresh generation of the plugin `name`. While one is to come, nothing is added.

        `renew` makes it, if that is still wanted then, and handles its own failures.
        """
        if self._closed:
            return
        turn = self._turns.get(name)
        if turn is None:
            turn = self._turns[name] = _Turn(Backoff(numbers.backoff, numbers.longest))
        if turn.task is not None:
            return
        if turn.ended is not None and self._monotonic() - turn.ended >= numbers.longest:
            turn.backoff.reset()
        delay = turn.backoff.next(self._chance())
        turn.task = asyncio.create_task(self._later(name, delay, renew, turn), name=f"reload {name}")
        _log.warning("plugin %s is loaded anew in %.1f s (%s)", name, delay, why, extra={"plugin": name})

    async def _later(self, name: str, delay: float, renew: Callable[[], Awaitable[object]], turn: _Turn) -> None:
        try:
            await asyncio.sleep(delay)
            await renew()
        except Exception:  # a defect of the server: the generation in service stays
            _log.exception("plugin %s could not be loaded anew", name, extra={"plugin": name})
        finally:
            turn.ended = self._monotonic()
            turn.task = None

    def forget(self, name: str) -> None:
        """The plugin was replaced by other means: what is to come is off, and the waiting begins again."""
        turn = self._turns.pop(name, None)
        if turn is not None and turn.task is not None:
            turn.task.cancel()

    async def close(self) -> None:
        """Calls everything off, for good, and waits until nothing is under way."""
        self._closed = True
        tasks = [turn.task for turn in self._turns.values() if turn.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._turns.clear()
