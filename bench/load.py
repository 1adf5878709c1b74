"""How long it takes until a plugin may serve, when its code is in the cache."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from wasmtime import component as stock

from bench import guests
from bench.measure import Effort, Result, by_turns, compare
from bench.stock import StockGuest, trivial_linker
from wasmpuck import demo
from wasmpuck.plugins.plugin import Plugin, PluginData
from wasmpuck.runtime.cache import CodeCache
from wasmpuck.runtime.capabilities import Namespaces
from wasmpuck.runtime.compile import Compiler
from wasmpuck.runtime.engine import Engine
from wasmpuck.storage import SQLitePluginStore

__all__ = ["FIGURES", "measure"]

FIGURES = ("load.rust", "load.python")

_PLUGINS = {"load.rust": "ratelimit-window", "load.python": "admission-policy"}
_LIFECYCLE = "wasmpuck:plugin/lifecycle@0.1.0"


@contextlib.asynccontextmanager
async def _namespaces(folder: Path) -> AsyncIterator[Namespaces]:
    store = SQLitePluginStore(folder / "plugins.sqlite")
    await store.open()
    namespaces = Namespaces(store, wall=time.time)
    namespaces.start()
    try:
        yield namespaces
    finally:
        await namespaces.close()
        await store.close()


async def measure(wanted: frozenset[str], effort: Effort) -> list[Result]:
    """The figures of this group that are wanted."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        async with _namespaces(folder) as namespaces:
            return [
                await _load(figure, plugin, folder, namespaces, effort)
                for figure, plugin in _PLUGINS.items()
                if figure in wanted
            ]


async def _load(figure: str, name: str, folder: Path, namespaces: Namespaces, effort: Effort) -> Result:
    """From verified bytes to a generation that may serve: code from the cache, audit, instance, `init`, self-test."""
    engine = Engine()
    artifact = guests.verified(name, guests.demonstration(name))
    cache = CodeCache(folder / "code", folder / "code.key", engine.fingerprint())
    compiler = Compiler(engine, cache)
    (await compiler.compile(artifact)).close()
    configuration = demo.configuration()
    settings = replace(configuration.plugin(name), priority=None)
    data = PluginData(name, await namespaces.open(name), configuration.plugins.security.max_cpu_percent)

    async def ours() -> float:
        started = time.perf_counter()
        plugin = Plugin(await compiler.compile(artifact), settings, configuration.plugins.security, data)
        await plugin.prepare()
        seconds = time.perf_counter() - started
        plugin.enter_service(tasks=False)
        await plugin.retire("disabled")
        return seconds * 1000

    plain = folder / f"{name}.plain"
    component = stock.Component(engine.stock, artifact.component)
    plain.write_bytes(component.serialize())
    linker = trivial_linker(engine.stock, component)
    component.close()

    async def reference() -> float:
        started = time.perf_counter()
        loaded = stock.Component.deserialize_file(engine.stock, str(plain))
        guest = StockGuest(engine.stock, loaded, linker)
        guest.function(_LIFECYCLE, "describe")(guest.store)
        seconds = time.perf_counter() - started
        guest.close()
        loaded.close()
        return seconds * 1000

    return compare(figure, "ms", *await by_turns(effort.runs(15), ours, reference))
