"""A test stand for built plugins: the contract's imports in memory, and calls through the stock component layer.

It shares no code with the server, so a plugin that works here works by the contract alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wasmtime import Config, Engine, Store
from wasmtime.component import Component, Linker, Record, Variant

from wasmpuck_signing.manifest import Manifest
from wasmpuck_signing.script import SECTION_NAME as SCRIPT
from wasmpuck_signing.wasm import custom_sections

__all__ = ["DIST", "SOURCES", "Instance", "Plugin", "Stand", "record"]

DIST = Path(__file__).resolve().parents[2] / "plugins-dist"
SOURCES = DIST.parent / "plugins-src"
_FUEL = 10**10


def record(**fields: Any) -> Record:
    """A WIT record; `_` in a name stands for `-`."""
    made = Record()
    for name, value in fields.items():
        setattr(made, name.replace("_", "-"), value)
    return made


class Stand:
    """What a plugin sees of a server: a clock that tests set, storage, metrics, logs and tasks as plain values.

    `now` is in ms since 1970. `entries` maps a key to its value and the time of its end. `refusal` is the case of
    `storage.error` with which storage refuses; `rivals` are called before each compare-and-swap.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Makes it as new. A plugin's linker holds the stand, so tests share one."""
        self.now = 1_700_000_000_000.0
        self.entries: dict[str, tuple[str, float | None]] = {}
        self.refusal: str | None = None
        self.rivals: list[Any] = []
        self.metrics: dict[tuple[str, ...], float] = {}
        self.logs: list[tuple[str, str, list[tuple[str, str]]]] = []
        self.tasks: dict[str, tuple[str, float]] = {}
        self.calls = 0

    def value(self, key: str) -> str | None:
        """The living value of an entry."""
        value, end = self.entries.get(key, (None, None))
        return None if end is not None and end <= self.now else value

    def interfaces(self) -> dict[str, dict[str, Any]]:
        """Interface to function to its implementation."""
        return {
            "log": {"write": lambda _, level, text, fields: self.logs.append((level, text, fields))},
            "clock": {"now": lambda _: self.now, "monotonic": lambda _: self.now},
            "metrics": dict.fromkeys(("add", "set", "observe"), self._measure),
            "tasks": {"schedule": self._schedule},
            "storage": {
                "get": self._get,
                "set": self._set,
                "delete": self._delete,
                "list-keys": self._list,
                "compare-and-swap": self._swap,
            },
        }

    def _measure(self, _: Any, name: str, labels: list[str], value: float) -> None:
        self.metrics[name, *labels] = self.metrics.get((name, *labels), 0.0) + value

    def _schedule(self, _: Any, name: str, when: Any) -> None:
        self.tasks[name] = (when.tag, when.payload)

    def _get(self, _: Any, key: str) -> Any:
        self.calls += 1
        return Variant(self.refusal) if self.refusal else self.value(key)

    def _set(self, _: Any, key: str, value: str, life: float | None) -> None:
        self.entries[key] = (value, None if life is None else self.now + life)

    def _delete(self, _: Any, key: str) -> None:
        self.entries.pop(key, None)

    def _list(self, _: Any, prefix: str, cursor: str, limit: int) -> Record:
        keys = sorted(
            key for key in self.entries if key.startswith(prefix) and key > cursor and self.value(key) is not None
        )
        return record(keys=keys[:limit], cursor=keys[limit - 1] if len(keys) > limit else "")

    def _swap(self, _: Any, key: str, expected: str | None, value: str, life: float | None) -> Variant:
        self.calls += 1
        for rival in self.rivals:
            rival()
        if self.value(key) != expected:
            return Variant("changed")
        self.entries[key] = (value, None if life is None else self.now + life)
        return Variant("swapped")


class Plugin:
    """A built plugin, compiled once; `instance` gives fresh ones."""

    def __init__(self, name: str, stand: Stand) -> None:
        config = Config()
        config.consume_fuel = True
        self._engine = Engine(config)
        artifact = (DIST / f"{name}.wasm").read_bytes()
        self._program = _program(artifact)
        if self._program is not None:
            artifact = (DIST / "runtimes" / f"{self._program[0]}.wasm").read_bytes()
        self._component = Component(self._engine, artifact)
        self._linker = Linker(self._engine)
        if self._program is not None:  # a runtime imports what its script may not call
            self._linker.allow_shadowing = True
            self._linker.define_unknown_imports_as_traps(self._component)
        wanted = set(self._component.type.imports(self._engine))
        with self._linker.root() as root:
            for interface, functions in stand.interfaces().items():
                if _path(interface) in wanted:
                    with root.add_instance(_path(interface)) as instance:
                        for function, implementation in functions.items():
                            instance.add_func(function, implementation)

    @contextmanager
    def instance(self, memory: int) -> Iterator[Instance]:
        """An instance with at most `memory` bytes, closed at the end."""
        store = Store(self._engine)
        try:
            store.set_limits(memory_size=memory)
            store.set_fuel(_FUEL)
            instance = Instance(store, self._linker.instantiate(store, self._component))
            if self._program is not None:
                outcome = instance.call("script", "load", self._program[1])
                assert isinstance(outcome, list), outcome.message
            yield instance
        finally:
            store.close()


class Instance:
    """One instance; `fuel` is what the last call took."""

    def __init__(self, store: Store, instance: Any) -> None:
        self._store = store
        self._instance = instance
        self.fuel = 0

    def call(self, interface: str, function: str, *arguments: Any) -> Any:
        """Calls an exported function."""
        place = self._instance.get_export_index(self._store, _path(interface))
        target = self._instance.get_func(self._store, self._instance.get_export_index(self._store, function, place))
        self._store.set_fuel(_FUEL)
        result = target(self._store, *arguments)
        self.fuel = _FUEL - self._store.get_fuel()
        return result


def _program(artifact: bytes) -> tuple[str, Record] | None:
    """The runtime's name and WIT `script.program`, if the artifact is a script."""
    scripts = custom_sections(artifact, SCRIPT)
    if not scripts:
        return None
    manifest, script = Manifest.of(artifact), json.loads(scripts[0])
    assert manifest.runtime is not None
    files = [record(path=path, text=text) for path, text in script["files"].items()]
    about = record(
        name=manifest.name,
        version=str(manifest.version),
        description=manifest.description,
        entry=script["entry"],
        files=files,
        imports=list(manifest.imports),
    )
    return manifest.runtime.name, about


def _path(interface: str) -> str:
    return f"wasmpuck:plugin/{interface}@0.1.0"
