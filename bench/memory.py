"""What a warm instance holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bench import guests
from bench.framework import Prepared, trivial_imports
from bench.measure import Effort, Result, compare
from bench.process import private_bytes, settle
from bench.stock import StockGuest, trivial_linker
from wasmpuck.demo import configuration
from wasmpuck.runtime.engine import Engine
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import startup_budget

__all__ = ["measure"]

_PLUGINS = {"mem.rust": "ratelimit-window", "mem.python": "admission-policy"}
_LIFECYCLE = "wasmpuck:plugin/lifecycle@0.1.0"
_INSTANCES = 20
#: What every instance has been asked before it serves.
_CALLS = ("describe", "validate-config", "init", "self-test")


async def measure(wanted: frozenset[str], effort: Effort) -> list[Result]:
    """The figures of this group that are wanted."""
    return [await _measure(figure, name, effort) for figure, name in _PLUGINS.items() if figure in wanted]


async def _held(make: Callable[[], Awaitable[Callable[[], None]]]) -> float:
    """MB of private memory that each of twenty holds; `make` returns what gives one back."""
    (await make())()  # the first one also pays for what all share
    settle()
    before = private_bytes()
    made = [await make() for _ in range(_INSTANCES)]
    settle()
    held = (private_bytes() - before) / _INSTANCES / 1e6
    for close in made:
        close()
    settle()
    return held


async def _measure(figure: str, name: str, effort: Effort) -> Result:
    settings = configuration().plugin(name)
    budget = startup_budget(settings.limits)
    text = settings.settings_json
    engine = Engine()
    with Prepared(engine, guests.demonstration(name), trivial_imports()) as plugin:
        linker = trivial_linker(engine.stock, plugin.component)

        async def ours() -> Callable[[], None]:
            instance: Instance = await plugin.instance(watch_memory=True)
            for call in _CALLS:
                export = plugin.exports[call]
                await instance.call(export, (text,) if export.pack.count else (), budget)
            return instance.close

        async def reference() -> Callable[[], None]:
            guest = StockGuest(engine.stock, plugin.component, linker)
            guest.store.set_fuel(budget.fuel)
            for call in _CALLS:
                function = guest.function(_LIFECYCLE, call)
                function(guest.store, *((text,) if plugin.exports[call].pack.count else ()))
            return guest.close

        pairs = [(await _held(ours), await _held(reference)) for _ in range(effort.runs(5))]
    return compare(figure, "MB", [one for one, _ in pairs], [other for _, other in pairs])
