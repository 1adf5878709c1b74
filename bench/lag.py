"""How long other coroutines have to wait: while a guest burns its budget, and while a component is compiled."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from wasmtime import component as stock

from bench import guests
from bench.framework import Prepared, pool
from bench.measure import Effort, Result, by_turns, compare, percentile
from bench.stock import StockGuest
from wasmpuck.errors import CallFailed
from wasmpuck.runtime.compile import Compiler
from wasmpuck.runtime.engine import Engine
from wasmpuck.runtime.limits import CallBudget

__all__ = ["measure"]

_TICK = 0.001
_PROBE = "wasmpuck:plugin/probe@0.1.0"


class Ticker:
    """A coroutine that wants to run every millisecond; `delays` are the seconds that it was late."""

    def __init__(self) -> None:
        self.delays: list[float] = []

    async def run(self) -> None:
        """Until cancelled."""
        clock = time.perf_counter
        while True:
            due = clock() + _TICK
            await asyncio.sleep(_TICK)
            self.delays.append(clock() - due)


@contextlib.asynccontextmanager
async def ticking() -> AsyncIterator[Ticker]:
    """A ticker beside what happens inside."""
    ticker = Ticker()
    task = asyncio.create_task(ticker.run())
    await asyncio.sleep(0.02)
    ticker.delays.clear()
    try:
        yield ticker
        await asyncio.sleep(2 * _TICK)  # a stall shows when the ticker runs again
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def measure(wanted: frozenset[str], effort: Effort) -> list[Result]:
    """The figures of this group that are wanted."""
    results = []
    if "lag.busy" in wanted:
        results.append(await _busy(effort))
    if "lag.compile" in wanted:
        results.append(await _compile(effort))
    return results


async def _busy(effort: Effort) -> Result:
    """One guest after the other spends all of its fuel, for a second."""
    seconds = 0.4 if effort.quick else 1.0
    with Prepared(Engine(), guests.component("probe")) as probe:
        served = pool(probe, CallBudget(deadline=60.0))

        async def ours() -> float:
            async with ticking() as ticker:
                ends = time.perf_counter() + seconds
                while time.perf_counter() < ends:
                    with contextlib.suppress(CallFailed):
                        await served.call("spin")
            return percentile(ticker.delays, 99) * 1000

        async def reference() -> float:
            async with ticking() as ticker:
                ends = time.perf_counter() + seconds
                while time.perf_counter() < ends:
                    guest = StockGuest(probe.engine.stock, probe.component)
                    with contextlib.suppress(Exception):
                        guest.function(_PROBE, "spin")(guest.store)
                    guest.close()
                    await asyncio.sleep(0)
            return percentile(ticker.delays, 99) * 1000

        ours_taken, theirs = await by_turns(effort.runs(9), ours, reference)
        served.close()
    return compare("lag.busy", "ms", ours_taken, theirs)


async def _compile(effort: Effort) -> Result:
    artifact = guests.verified("python", guests.demonstration("runtimes/python"))
    engine = Engine()
    compiler = Compiler(engine)

    async def ours() -> float:
        async with ticking() as ticker:
            (await compiler.compile(artifact)).close()
        return max(ticker.delays) * 1000

    async def reference() -> float:
        async with ticking() as ticker:
            (await asyncio.to_thread(stock.Component, engine.stock, artifact.component)).close()
        return max(ticker.delays) * 1000

    pairs = [(await ours(), await reference()) for _ in range(1 if effort.quick else 3)]
    return compare("lag.compile", "ms", [one for one, _ in pairs], [other for _, other in pairs])
