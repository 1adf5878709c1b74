"""Many calls in flight at once, each waiting in a host function."""

from __future__ import annotations

import asyncio
import gc
import time

from bench import guests
from bench.framework import Prepared, pool
from bench.measure import Effort, Result, by_turns, compare
from bench.process import private_bytes
from wasmpuck.runtime.engine import Engine
from wasmpuck.runtime.limits import CallBudget, PoolSettings

__all__ = ["measure"]

_CALLS = 1_000
_TIMES = 5
_MILLISECONDS = 50


async def _sleep(milliseconds: int) -> int:
    await asyncio.sleep(milliseconds / 1000)
    return milliseconds


async def _only_sleep() -> None:
    for _ in range(_TIMES):
        await asyncio.sleep(_MILLISECONDS / 1000)


class _Peak:
    """Private memory of the process while all calls wait, in KB a call above what it was before."""

    def __init__(self) -> None:
        gc.collect()
        self._before = private_bytes()
        self.kilobytes = 0.0

    async def watch(self) -> None:
        await asyncio.sleep(_MILLISECONDS * (_TIMES - 1.5) / 1000)
        self.kilobytes = max(self.kilobytes, (private_bytes() - self._before) / _CALLS / 1000)


async def measure(wanted: frozenset[str], effort: Effort) -> list[Result]:
    """Both figures. Memory is taken once: what a process has had, the next round finds again."""

    def now() -> float:
        return 0.0

    with Prepared(Engine(), guests.component("waiter"), {"clock": {"now": now, "wait": _sleep}}) as waiter:
        idle = _Peak()
        await asyncio.gather(idle.watch(), *(_only_sleep() for _ in range(_CALLS)))
        peak = _Peak()
        # Its guest has no memory to watch, and the process's map is long with that many instances.
        settings = PoolSettings(size=_CALLS, floor=0)
        served = pool(waiter, CallBudget(deadline=5.0), settings, watch_memory=False)

        async def ours() -> float:
            started = time.perf_counter()
            await asyncio.gather(*(served.call("wait", _MILLISECONDS) for _ in range(_CALLS)))
            return time.perf_counter() - started

        async def reference() -> float:
            started = time.perf_counter()
            await asyncio.gather(*(_only_sleep() for _ in range(_CALLS)))
            return time.perf_counter() - started

        await asyncio.gather(peak.watch(), ours())
        taken = await by_turns(effort.runs(9), ours, reference)
        served.close()
    memory = compare("inflight.1000.memory", "KB", [peak.kilobytes], [max(idle.kilobytes, 0.1)])
    return [each for each in (compare("inflight.1000", "s", *taken), memory) if each.id in wanted]
