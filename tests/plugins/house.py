"""A folder of artifacts, a keyring, a database and the lifecycle over them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from runtime.guests import Guest, QuickCompiler, engine, keyring_text, run
from wasmpuck.config import parse
from wasmpuck.plugins import Lifecycle, Outcome, Plugin, Registry, Snapshot
from wasmpuck.plugins.series import PluginCollector
from wasmpuck.runtime.cache import CodeCache
from wasmpuck.runtime.capabilities import Namespaces
from wasmpuck.runtime.values import Case, Err
from wasmpuck.storage import SQLitePluginStore
from wasmpuck.worlds import admission, formatter, middleware, routes

FAILING = Guest(results={"lifecycle.self-test": Err(Case("other", "it does not work here"))})
GRANTED = Guest(imports={"clock": ["now"]})


class House:
    """A folder of artifacts and the lifecycle over it. `views` counts how often the worlds were prepared."""

    def __init__(self, path: Path) -> None:
        self.folder = path / "plugins"
        self.folder.mkdir()
        self.runtimes = self.folder / "runtimes"
        self.keyring = path / "publishers"
        self.keyring.mkdir()
        (self.keyring / "tests.toml").write_text(keyring_text())
        self.path = path
        self.views = 0
        self.registry = Registry()

    def put(self, guest: Guest, **manifest: Any) -> Path:
        """Puts an artifact into the folder under its name, complete at once."""
        return self.write(f"{guest.name}.wasm", guest.artifact(**manifest))

    def shelve(self, runtime: Guest, name: str = "", **manifest: Any) -> Path:
        """Puts a language runtime into its folder."""
        self.runtimes.mkdir(exist_ok=True)
        return self.write(f"runtimes/{name or runtime.name}.wasm", runtime.artifact(kind="runtime", **manifest))

    def write(self, name: str, data: bytes) -> Path:
        part, path = self.folder / ".part", self.folder / name
        part.write_bytes(data)
        part.replace(path)
        return path

    def text(self, tables: str = "", plugins: str = "") -> str:
        head = f'[plugins]\ndirectory = "{self.folder}"\nkeyring = "{self.keyring}"'
        return f'{head}\nwatchInterval = "0s"\n{plugins}\n{tables}'

    def _prepare(self, snapshot: Snapshot) -> None:
        self.views += 1
        middleware.prepare(snapshot)
        admission.prepare(snapshot)
        routes.prepare(snapshot)
        formatter.prepare(snapshot)

    @staticmethod
    def _vet(plugin: Plugin, others: Iterable[Plugin]) -> None:
        others = list(others)
        routes.vet(plugin, others)
        formatter.vet(plugin, others)

    @contextlib.asynccontextmanager
    async def open(self, tables: str = "", plugins: str = "") -> AsyncIterator[Lifecycle]:
        """The lifecycle, not yet started; stopped at the end."""
        store = SQLitePluginStore(self.path / "plugins.sqlite")
        await store.open()
        namespaces = Namespaces(store, wall=time.time)
        cache = CodeCache(self.path / "code", self.path / "code.key", engine().fingerprint())
        self.lifecycle = Lifecycle(
            parse(self.text(tables, plugins)),
            QuickCompiler(engine(), cache),
            store,
            namespaces,
            self.registry,
            self._prepare,
            vet=self._vet,
        )
        try:
            yield self.lifecycle
        finally:
            await self.lifecycle.stop()
            await namespaces.close()
            await store.close()

    async def reload(self, tables: str = "", plugins: str = "") -> list[Outcome]:
        """With a new configuration."""
        return await self.lifecycle.reload(parse(self.text(tables, plugins)))

    def __getitem__(self, name: str) -> Plugin:
        return self.registry.current.plugins[name]

    @property
    def serving(self) -> dict[str, str]:
        """Versions in service by name."""
        return {name: plugin.version for name, plugin in self.registry.current.plugins.items()}

    def row(self, name: str) -> dict[str, Any]:
        return next(row for row in self.lifecycle.report() if row["name"] == name)

    def page(self) -> str:
        """The plugins' part of the metrics page."""
        collected = CollectorRegistry()
        collected.register(PluginCollector(self.lifecycle))
        return generate_latest(collected).decode()


def in_house(test: Callable[[House], Coroutine[Any, Any, None]]) -> Callable[[House], None]:
    """A test that is a coroutine function of a house."""

    def wrapped(house: House) -> None:
        run(test(house))

    wrapped.__doc__ = test.__doc__
    return wrapped


def what(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.name: outcome.what for outcome in outcomes}
