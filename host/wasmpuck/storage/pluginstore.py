"""What a backend of plugins' storage promises. `tests/contracts/pluginstore.py` is the suite that every one passes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["PluginChange", "PluginEntry", "PluginStore", "ValueKind"]

ValueKind = Literal["text", "bytes", "count"]
"""What a plugin stored: `value` holds UTF-8 text, plain bytes, or the decimal digits of a count."""


@dataclass(frozen=True, slots=True)
class PluginEntry:
    """One stored entry of a plugin; `expires` is seconds since 1970, None for never."""

    key: str
    value: bytes
    kind: ValueKind
    expires: float | None


@dataclass(frozen=True, slots=True)
class PluginChange:
    """The new state of an entry of a plugin; a `value` of None removes the entry."""

    key: str
    value: bytes | None
    kind: ValueKind = "bytes"
    expires: float | None = None


class PluginStore(Protocol):
    """Where plugins' storage is kept, and the highest version of each plugin ever accepted.

    Errors as in `KeyStore`. `write` is atomic; it may lose up to the last second in a power loss
    (`wit/storage.wit`), never in a crash of the process. `remember` is durable when it returns.
    """

    async def open(self) -> None:
        """Connects and brings the schema up to date."""
        ...

    async def close(self) -> None:
        """Ends the connection. Closing twice does nothing."""
        ...

    async def load(self, plugin: str) -> list[PluginEntry]:
        """Everything that this plugin has stored and that has not expired, by ascending key."""
        ...

    async def write(self, plugin: str, changes: Iterable[PluginChange]) -> None:
        """Applies the changes in order, all or none."""
        ...

    async def clear(self, plugin: str) -> None:
        """Removes all entries of a plugin; its highest version stays remembered."""
        ...

    async def highest(self, plugin: str) -> str | None:
        """The version last given to `remember`; None for a plugin never seen."""
        ...

    async def remember(self, plugin: str, version: str) -> None:
        """Records `version` as the highest that was accepted. Comparing versions is the caller's business."""
        ...
