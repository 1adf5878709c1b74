"""How long it takes until a plugin may serve, when its code is in the cache."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from wasmtime import component as stock

from bench import guests
from bench.measure import Effort, Result, by_turns, compare
from bench.stock import StockGuest, trivial_linker
from wasmpuck import demo
from wasmpuck.plugins import Plugin, PluginData
from wasmpuck.runtime.cache import CodeCache
from wasmpuck.runtime.capabilities import Namespaces
from wasmpuck.runtime.compile import Compiler
from wasmpuck.runtime.engine import Engine
from wasmpuck.runtime.scripts import Code, CompiledScript, SharedCodes
from wasmpuck.storage import SQLitePluginStore

__all__ = ["measure"]

_PLUGINS = {"load.rust": "ratelimit-window", "load.python": "admission-policy"}
_DESCRIBE = ("wasmpuck:plugin/lifecycle@0.1.0", "describe")
_LANGUAGE = ("wasmpuck:plugin/script@0.1.0", "language")


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
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        async with _namespaces(folder) as namespaces:
            for figure, plugin in _PLUGINS.items():
                first = f"{figure}.first"
                if figure in wanted or first in wanted:
                    loading = await _Loading.prepare(plugin, folder, namespaces)
                    taken = await by_turns(effort.runs(15), loading.ours, loading.reference)
                    results.append(compare(figure, "ms", *taken))
                if first in wanted:
                    runs = effort.runs(6)
                    fresh = [await asyncio.to_thread(_in_new_process, plugin, folder) for _ in range(runs)]
                    results.append(compare(first, "ms", fresh, [results[-1].reference] * runs))
    return [result for result in results if result.id in wanted]


def _in_new_process(name: str, folder: Path) -> float:
    """Milliseconds of the first load in a process of its own, its imports done before."""
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        return executor.submit(_first, name, folder).result()


def _first(name: str, folder: Path) -> float:
    async def load() -> float:
        async with _namespaces(folder) as namespaces:
            return await (await _Loading.prepare(name, folder, namespaces)).ours()

    return asyncio.run(load())


class _Loading:
    """One plugin, whose code lies in the cache.

    `ours` is the way from verified bytes to a generation that may serve: code from the cache, audit, instance, for a
    script `load`, then `init`, self-test, `start`. `reference` maps the same code unchecked, makes an instance and
    asks it for its name, a language runtime for its language.
    """

    def __init__(self, name: str, engine: Engine, compiler: Compiler, data: PluginData, plain: Path) -> None:
        configuration = demo.configuration()
        self._settings = configuration.plugin(name)
        self._security = configuration.plugins.security
        self._artifact = guests.verified(name, guests.demonstration(name))
        needed = self._artifact.manifest.runtime
        self._runtime = (
            guests.verified(needed.name, guests.demonstration(f"runtimes/{needed.name}")) if needed else None
        )
        self._engine = engine
        self._compiler = compiler
        self._data = data
        self._plain = plain

    @classmethod
    async def prepare(cls, name: str, folder: Path, namespaces: Namespaces) -> _Loading:
        """Compiles what is not in the folder yet; a process that finds everything there has compiled nothing."""
        engine = Engine()
        compiler = Compiler(engine, CodeCache(folder / "code", folder / "code.key", engine.fingerprint()))
        data = PluginData(name, await namespaces.open(name), 100)
        loading = cls(name, engine, compiler, data, folder / f"{name}.plain")
        if not loading._plain.exists():
            await loading._compile()
        return loading

    async def _compile(self) -> None:
        executed = self._runtime or self._artifact
        (await self._compiler.compile(executed)).close()
        component = stock.Component(self._engine.stock, executed.component)
        await asyncio.to_thread(self._plain.write_bytes, component.serialize())
        component.close()

    async def ours(self) -> float:
        """Milliseconds."""
        started = time.perf_counter()
        plugin = Plugin(await self._code(), self._settings, self._security, self._data)
        await plugin.prepare()
        seconds = time.perf_counter() - started
        plugin.enter_service(tasks=False)
        await plugin.retire("disabled")
        return seconds * 1000

    async def _code(self) -> Code:
        if self._runtime is None:
            return await self._compiler.compile(self._artifact)
        return CompiledScript(self._artifact, await SharedCodes(self._compiler).take(self._runtime))

    async def reference(self) -> float:
        """Milliseconds."""
        started = time.perf_counter()
        component = stock.Component.deserialize_file(self._engine.stock, str(self._plain))
        guest = StockGuest(self._engine.stock, component, trivial_linker(self._engine.stock, component))
        guest.function(*(_DESCRIBE if self._runtime is None else _LANGUAGE))(guest.store)
        seconds = time.perf_counter() - started
        guest.close()
        component.close()
        return seconds * 1000
