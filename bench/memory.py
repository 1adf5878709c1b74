"""What a warm instance holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

from bench import guests
from bench.framework import Prepared, trivial_imports
from bench.measure import Effort, Result, compare
from bench.process import private_bytes, settle
from bench.stock import StockGuest, trivial_linker
from wasmpuck.demo import configuration
from wasmpuck.runtime.engine import Engine
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import startup_budget
from wasmpuck.trust import VerifiedArtifact

__all__ = ["measure"]

_PLUGINS = {"mem.rust": "ratelimit-window", "mem.python": "admission-policy"}
_INSTANCES = 20


async def measure(wanted: frozenset[str], effort: Effort) -> list[Result]:
    """The figures of this group that are wanted."""
    return [await _measure(figure, name, effort) for figure, name in _PLUGINS.items() if figure in wanted]


class _Call(NamedTuple):
    """An exported function, and what it is given."""

    interface: str
    function: str
    arguments: tuple[Any, ...] = ()


def _calls(artifact: VerifiedArtifact, settings: str) -> list[_Call]:
    """What every instance has been asked before it serves."""
    calls = [
        _Call("lifecycle", "describe"),
        _Call("lifecycle", "validate-config", (settings,)),
        _Call("lifecycle", "init", (settings,)),
        _Call("lifecycle", "self-test"),
    ]
    script = artifact.script
    if script is not None:
        files = [SimpleNamespace(path=path, text=text) for path, text in script.files.items()]
        program = SimpleNamespace(
            name=artifact.name,
            version=str(artifact.version),
            description=artifact.manifest.description,
            entry=script.entry,
            files=files,
            imports=sorted(artifact.manifest.imports),
        )
        calls.insert(0, _Call("script", "load", (program,)))
    return calls


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
    artifact = guests.verified(name, guests.demonstration(name))
    calls = _calls(artifact, settings.settings_json)
    needed = artifact.manifest.runtime
    component = guests.demonstration(name if needed is None else f"runtimes/{needed.name}")
    engine = Engine()
    with Prepared(engine, component, trivial_imports()) as plugin:
        linker = trivial_linker(engine.stock, plugin.component)

        async def ours() -> Callable[[], None]:
            instance: Instance = await plugin.instance(watch_memory=True)
            for call in calls:
                await instance.call(plugin.exports[call.function], call.arguments, budget)
            return instance.close

        async def reference() -> Callable[[], None]:
            guest = StockGuest(engine.stock, plugin.component, linker)
            guest.store.set_fuel(budget.fuel)
            for call in calls:
                guest.function(f"wasmpuck:plugin/{call.interface}@0.1.0", call.function)(guest.store, *call.arguments)
            return guest.close

        pairs = [(await _held(ours), await _held(reference)) for _ in range(effort.runs(5))]
    return compare(figure, "MB", [one for one, _ in pairs], [other for _, other in pairs])
