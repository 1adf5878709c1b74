"""What a guest call costs: through the whole framework against `wasmtime.component`, and against the bare C API."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from itertools import cycle
from types import SimpleNamespace
from typing import Any

from wasmtime import component as stock

from bench import guests
from bench.framework import Prepared, pool, trivial_imports
from bench.measure import Effort, Result, by_turns, compare
from bench.stock import BareGuest, StockGuest, trivial_linker
from wasmpuck.runtime.engine import Engine
from wasmpuck.runtime.limits import CallBudget, PoolSettings
from wasmpuck.worlds.middleware import Request

__all__ = ["measure"]

_PROBE = "wasmpuck:plugin/probe@0.1.0"
_MIDDLEWARE = "wasmpuck:plugin/middleware@0.1.0"

_HEADERS = [
    ("host", "keys.example.org:11371"),
    ("user-agent", "gnupg/2.4.7"),
    ("accept", "*/*"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-language", "en-GB,en;q=0.8"),
    ("connection", "keep-alive"),
    ("cache-control", "no-cache"),
    ("x-request-id", "4bf92f3577b34da6a3ce929d0e0e4736"),
]
_QUERY = [("op", "get"), ("search", "0x7a3f0cd19cb4b6a1e2d05a7c2f0d1e3b4c5d6e7f"), ("options", "mr")]


async def measure(wanted: frozenset[str], effort: Effort) -> list[Result]:
    """The figures of this group that are wanted."""
    results: list[Result] = []
    for figure, work in {
        "call.noop": _noop,
        "call.record8": _record8,
        "call.bytes64k": _bytes64k,
        "call.fresh": _fresh,
        "call.pool": _pool,
        "call.host": _host,
    }.items():
        if figure in wanted:
            results.append(await work(effort))
    return results


async def _each(times: int, call: Callable[[], Awaitable[object]]) -> float:
    """Microseconds that a call takes."""
    started = time.perf_counter()
    for _ in range(times):
        await call()
    return (time.perf_counter() - started) / times * 1e6


def _stock_call(guest: StockGuest, function: stock.Func, times: int, *arguments: Any) -> Callable[[], Awaitable[float]]:
    """Microseconds of a call by `wasmtime.component`, with the budget of fuel set anew as ours is."""

    async def run() -> float:
        store, fuel = guest.store, guest.fuel
        started = time.perf_counter()
        for _ in range(times):
            store.set_fuel(fuel)
            function(store, *arguments)
        return (time.perf_counter() - started) / times * 1e6

    return run


async def _noop(effort: Effort) -> Result:
    times = effort.count(20_000)
    with Prepared(Engine(), guests.component("probe")) as probe:
        served = pool(probe)
        guest = StockGuest(probe.engine.stock, probe.component)
        reference = _stock_call(guest, guest.function(_PROBE, "noop"), times)
        ours, theirs = await by_turns(effort.runs(15), lambda: _each(times, lambda: served.call("noop")), reference)
        served.close()
        guest.close()
    return compare("call.noop", "µs", ours, theirs)


async def _record8(effort: Effort) -> Result:
    times = effort.count(4_000)
    # Two by turns: a request that was packed for the call before is not packed again.
    requests = cycle(
        [Request(client, "get", "GET", "/pks/lookup", _QUERY, _HEADERS) for client in ("2001:db8::17", "2001:db8::18")]
    )
    with Prepared(Engine(), guests.middleware("asked")) as asked:
        served = pool(asked)
        guest = StockGuest(asked.engine.stock, asked.component)
        plain = SimpleNamespace(**next(requests)._asdict())
        reference = _stock_call(guest, guest.function(_MIDDLEWARE, "on-request"), times, plain)
        ours, theirs = await by_turns(
            effort.runs(15), lambda: _each(times, lambda: served.call("on-request", next(requests))), reference
        )
        served.close()
        guest.close()
    return compare("call.record8", "µs", ours, theirs)


async def _bytes64k(effort: Effort) -> Result:
    data = bytes(range(256)) * 256
    with Prepared(Engine(), guests.component("probe")) as probe:
        served = pool(probe)
        if await served.call("echo", data) != data:
            raise AssertionError("the echo is not what was sent")
        guest = StockGuest(probe.engine.stock, probe.component)
        times = max(2, effort.count(10))
        reference = _stock_call(guest, guest.function(_PROBE, "echo"), times, data)
        ours, theirs = await by_turns(
            effort.runs(15), lambda: _each(times, lambda: served.call("echo", data)), reference
        )
        served.close()
        guest.close()
    return compare("call.bytes64k", "µs", ours, theirs)


async def _fresh(effort: Effort) -> Result:
    """A store, limits, an instance and a call that returns a record, all given back: ours counted and unpacked."""
    times = effort.count(500)
    engine = Engine()

    with Prepared(engine, guests.demonstration("ratelimit-window"), trivial_imports()) as plugin:
        served = pool(plugin, settings=PoolSettings(mode="fresh", size=1))
        linker = trivial_linker(engine.stock, plugin.component)
        bare = BareGuest(engine.stock, plugin.component, linker, _MIDDLEWARE, "describe-scope", results=1)

        async def reference() -> float:
            started = time.perf_counter()
            for _ in range(times):
                bare.run()
            return (time.perf_counter() - started) / times * 1e6

        ours, theirs = await by_turns(
            effort.runs(15), lambda: _each(times, lambda: served.call("describe-scope")), reference
        )
        served.close()
    return compare("call.fresh", "µs", ours, theirs)


async def _pool(effort: Effort) -> Result:
    """What pool, accounting and the share of the processor add to an instance's own call."""
    times = effort.count(20_000)
    with Prepared(Engine(), guests.component("probe")) as probe:
        served, budget = pool(probe), CallBudget()
        instance, noop = await probe.instance(), probe.exports["noop"]
        ours, theirs = await by_turns(
            effort.runs(15),
            lambda: _each(times, lambda: served.call("noop")),
            lambda: _each(times, lambda: instance.call(noop, (), budget)),
        )
        served.close()
        instance.close()
    return compare("call.pool", "µs", ours, theirs)


async def _host(effort: Effort) -> Result:
    """A call whose guest asks the host for one number."""
    times = effort.count(10_000)

    def now() -> float:
        return 42.0

    async def wait(milliseconds: int) -> int:
        return milliseconds

    with Prepared(Engine(), guests.component("waiter"), {"clock": {"now": now, "wait": wait}}) as waiter:
        served = pool(waiter)
        linker = trivial_linker(waiter.engine.stock, waiter.component)
        guest = StockGuest(waiter.engine.stock, waiter.component, linker)
        reference = _stock_call(guest, guest.function(_PROBE, "now"), times)
        ours, theirs = await by_turns(effort.runs(15), lambda: _each(times, lambda: served.call("now")), reference)
        served.close()
        guest.close()
    return compare("call.host", "µs", ours, theirs)
