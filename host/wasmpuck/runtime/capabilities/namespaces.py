"""Key-value data of plugins, in memory and written behind to the database.

A namespace is bounded by the plugin's quota, so it fits into memory; a counter that is asked for on every request
must cost microseconds, not a transaction (docs/adr/0004). What changed is written within a second, and once more when
the server stops. All instances and generations of a plugin share its namespace.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
from bisect import bisect_left, insort
from collections.abc import Callable
from typing import Final

from wasmpuck.storage.protocol import PluginChange, PluginStore, ValueKind

__all__ = ["OVERHEAD", "Entry", "Namespace", "Namespaces"]

_log = logging.getLogger(__name__)

#: What an entry costs besides its bytes, so that a million empty values are not free.
OVERHEAD: Final = 64
_FEW: Final = 100


class Entry:
    """A value of a kind (text, bytes or a count) until it expires; `size` counts as in `Namespace.used`."""

    __slots__ = ("expires", "kind", "size", "value")

    def __init__(self, kind: ValueKind, value: str | bytes | float, expires: float | None, size: int) -> None:
        self.kind = kind
        self.value = value
        self.expires = expires
        self.size = size

    def stored(self) -> bytes:
        """The value as the database keeps it."""
        if isinstance(self.value, bytes):
            return self.value
        return self.text().encode()

    def text(self) -> str:
        """The value of a text or a count."""
        if isinstance(self.value, float):
            return str(int(self.value))
        assert isinstance(self.value, str)
        return self.value


class Namespace:
    """The entries of one plugin. Times are wall-clock seconds, so that a life survives a restart.

    `used` counts bytes of keys and values with 64 for each entry.
    """

    def __init__(self, plugin: str, wall: Callable[[], float]) -> None:
        self.plugin = plugin
        self.wall = wall
        self.entries: dict[str, Entry] = {}
        self.used = 0
        self._sorted: list[str] | None = None
        self._expiring: list[tuple[float, str]] = []
        self.changed: set[str] = set()

    def get(self, key: str) -> Entry | None:
        """The live entry under a key."""
        entry = self.entries.get(key)
        if entry is not None and entry.expires is not None and entry.expires <= self.wall():
            self.remove(key)
            return None
        return entry

    def put(self, key: str, entry: Entry) -> None:
        """Sets an entry, whatever was there."""
        old = self.entries.get(key)
        if old is not None:
            self.used -= old.size
        elif self._sorted is not None:
            insort(self._sorted, key)
        self.entries[key] = entry
        self.used += entry.size
        self.changed.add(key)
        if entry.expires is not None and (old is None or old.expires != entry.expires):
            heapq.heappush(self._expiring, (entry.expires, key))
            if len(self._expiring) > 2 * len(self.entries) + 64:
                self._forget_old_expiries()

    def _forget_old_expiries(self) -> None:
        """Drops the times of entries that got another since: a counter that is written often would pile them up."""
        self._expiring = [(entry.expires, key) for key, entry in self.entries.items() if entry.expires is not None]
        heapq.heapify(self._expiring)

    @property
    def pending_expiries(self) -> int:
        """Times of expiry that are kept; at most twice as many as entries, and a few."""
        return len(self._expiring)

    def remove(self, key: str) -> None:
        """Removes an entry if there is one."""
        entry = self.entries.pop(key, None)
        if entry is None:
            return
        self.used -= entry.size
        if self._sorted is not None:
            del self._sorted[bisect_left(self._sorted, key)]
        self.changed.add(key)

    def expire(self) -> None:
        """Drops what has expired; cheap when nothing has."""
        now = self.wall()
        due = []
        while self._expiring and self._expiring[0][0] <= now:
            due.append(heapq.heappop(self._expiring)[1])
        if len(due) > _FEW:
            self._sorted = None  # sorting once is cheaper than taking out each
        for key in due:
            entry = self.entries.get(key)
            if entry is not None and entry.expires is not None and entry.expires <= now:
                self.remove(key)

    def page(self, prefix: str, cursor: str, limit: int) -> tuple[list[str], str]:
        """Keys with a prefix in ascending order from a cursor, and the next cursor."""
        self.expire()
        keys = self._sorted
        if keys is None:
            keys = self._sorted = sorted(self.entries)
        start = bisect_left(keys, max(prefix, cursor))
        found = []
        for key in keys[start : start + limit + 1]:
            if not key.startswith(prefix):
                break
            found.append(key)
        return (found[:limit], found[limit]) if len(found) > limit else (found, "")

    def take_changes(self) -> list[PluginChange]:
        """What has changed since it was last asked, as the database takes it."""
        changes = []
        for key in self.changed:
            entry = self.entries.get(key)
            if entry is None:
                changes.append(PluginChange(key, None))
            else:
                changes.append(PluginChange(key, entry.stored(), entry.kind, entry.expires))
        self.changed = set()
        return changes


class Namespaces:
    """The namespaces of all plugins, and the task that writes them behind. Lives as long as the server.

    Args:
        store: where they are kept.
        interval: seconds between writes.
    """

    def __init__(self, store: PluginStore, *, interval: float = 1.0, wall: Callable[[], float]) -> None:
        self._store = store
        self._interval = interval
        self._wall = wall
        self._open: dict[str, Namespace] = {}
        self._writer: asyncio.Task[None] | None = None

    async def open(self, plugin: str) -> Namespace:
        """The namespace of a plugin, read from the database at first use."""
        found = self._open.get(plugin)
        if found is None:
            found = Namespace(plugin, self._wall)
            for stored in await self._store.load(plugin):
                value: str | bytes | float = stored.value
                if stored.kind == "text":
                    value = stored.value.decode()
                elif stored.kind == "count":
                    value = float(stored.value)
                found.put(
                    stored.key,
                    Entry(stored.kind, value, stored.expires, _size(stored.key, stored.value)),
                )
            found.changed.clear()
            found = self._open.setdefault(plugin, found)
        return found

    def start(self) -> None:
        """Begins to write behind."""
        self._writer = asyncio.create_task(self._write_behind(), name="plugin storage")

    async def close(self) -> None:
        """Writes what is left."""
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        await self.flush()

    async def flush(self) -> None:
        """Writes all changes; what cannot be written stays marked as changed and the failure is logged."""
        for namespace in list(self._open.values()):
            namespace.expire()
            if not namespace.changed:
                continue
            changes = namespace.take_changes()
            try:
                await self._store.write(namespace.plugin, changes)
            except Exception as error:
                namespace.changed.update(change.key for change in changes)
                _log.error("the storage of plugin %s cannot be written: %s", namespace.plugin, error)

    async def _write_behind(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            await self.flush()


def _size(key: str, value: str | bytes) -> int:
    return OVERHEAD + len(key.encode()) + (len(value) if isinstance(value, bytes) else len(value.encode()))
