"""What takes the place of parts of the host so that a plugin runs repeatably: chance, punctuality, storage, the log."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from wasmpuck.runtime.capabilities import CAPABILITIES, Tasks
from wasmpuck.runtime.capabilities.vault import Unreadable, Vault
from wasmpuck.storage.protocol import PluginChange, PluginEntry

__all__ = ["Chance", "LogLine", "Logbook", "MemoryStore", "MemoryVault", "PunctualTasks"]


class PunctualTasks(Tasks):
    """Tasks without the spread that keeps real servers from working in step."""

    spread: ClassVar = 0.0


class Chance:
    """The capability `random` with a seed: the same numbers in every run."""

    functions: ClassVar = CAPABILITIES["random"].functions  # type: ignore[attr-defined]  # capabilities are classes

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def bytes(self, count: int) -> bytes:
        """WIT `random.bytes`."""
        return self._chance.randbytes(min(count, 4096))

    def number(self) -> int:
        """WIT `random.number`."""
        return self._chance.getrandbits(32)


class MemoryVault(Vault):
    """Secrets that were given, not read from files."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        super().__init__(Path(), time.monotonic)
        self._secrets = dict(secrets)

    def value(self, name: str) -> str:
        """As `Vault.value`."""
        if name not in self._secrets:
            raise Unreadable(f"the stand has no secret {name}")
        return self._secrets[name]


class MemoryStore:
    """Plugins' storage that ends with the process: nothing is kept, for the namespace holds everything in memory."""

    async def open(self) -> None:
        """There is nothing to open."""

    async def close(self) -> None:
        """There is nothing to close."""

    async def load(self, plugin: str) -> list[PluginEntry]:
        """A plugin begins with nothing."""
        return []

    async def write(self, plugin: str, changes: Iterable[PluginChange]) -> None:
        """What is written behind is not needed again."""

    async def clear(self, plugin: str) -> None:
        """There is nothing to remove."""

    async def highest(self, plugin: str) -> str | None:
        """No version ran before."""
        return None

    async def remember(self, plugin: str, version: str) -> None:
        """The next run may use an older version."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log: `source` is `plugin` for what the plugin wrote, `host` for what the server says about it."""

    level: str
    message: str
    fields: dict[str, str] = field(default_factory=dict)
    source: str = "plugin"

    def __str__(self) -> str:
        tail = "".join(f" {name}={value}" for name, value in self.fields.items())
        return f"{self.level} {self.message}{tail}"

    def to_json(self) -> dict[str, Any]:
        """As an object."""
        return {"level": self.level, "message": self.message, "fields": self.fields, "source": self.source}


class Logbook(logging.Handler):
    """Collects what concerns one plugin, from `open` to `close`; the lines do not go elsewhere meanwhile."""

    def __init__(self, plugin: str) -> None:
        super().__init__()
        self._plugin = plugin
        self._own = logging.getLogger(f"wasmpuck.plugin.{plugin}")
        self._host = logging.getLogger("wasmpuck")
        self.lines: list[LogLine] = []

    def open(self) -> None:
        """Begins to listen."""
        self._before = (self._own.level, self._own.propagate)
        self._own.setLevel(logging.DEBUG)
        self._own.propagate = False
        self._own.addHandler(self)
        self._host.addHandler(self)

    def close(self) -> None:
        """Stops."""
        self._host.removeHandler(self)
        self._own.removeHandler(self)
        if hasattr(self, "_before"):
            self._own.level, self._own.propagate = self._before
            self._own.setLevel(self._own.level)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Notes a record."""
        source = "plugin" if record.name == self._own.name else "host"
        if source == "host" and (getattr(record, "plugin", None) != self._plugin or record.levelno < logging.WARNING):
            return
        level = {"warning": "warn"}.get(record.levelname.lower(), record.levelname.lower())
        self.lines.append(LogLine(level, record.getMessage(), dict(getattr(record, "fields", {})), source))
