"""Plugins' storage and the versions seen of them, in SQLite."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path

from .connection import Database, migrate
from .pluginstore import PluginChange, PluginEntry
from .schema import PLUGINS

__all__ = ["SQLitePluginStore"]


class SQLitePluginStore:
    """A `PluginStore` in the file `path`, which may be that of the certificates or one of its own."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._stack = AsyncExitStack()
        self._entries = Database(path, writer=True, durable=False)
        self._versions = Database(path, writer=True)

    async def open(self) -> None:
        async with AsyncExitStack() as stack:
            for database in (self._entries, self._versions):
                stack.push_async_callback(database.close)
                await database.open()
            await migrate(self._versions, "plugins", PLUGINS)
            self._stack = stack.pop_all()

    async def close(self) -> None:
        await self._stack.aclose()

    async def load(self, plugin: str) -> list[PluginEntry]:
        now = self._clock()

        def run(database: sqlite3.Connection) -> list[PluginEntry]:
            rows = database.execute(
                "SELECT key, value, kind, expires FROM plugin_entries "
                "WHERE plugin = ? AND (expires IS NULL OR expires > ?) ORDER BY key",
                (plugin, now),
            )
            return [PluginEntry(*row) for row in rows]

        return await self._entries.run(run)

    async def write(self, plugin: str, changes: Iterable[PluginChange]) -> None:
        given = list(changes)
        now = self._clock()

        def run(database: sqlite3.Connection) -> None:
            for change in given:
                if change.value is None:
                    database.execute("DELETE FROM plugin_entries WHERE plugin = ? AND key = ?", (plugin, change.key))
                else:
                    database.execute(
                        "INSERT OR REPLACE INTO plugin_entries VALUES (?, ?, ?, ?, ?)",
                        (plugin, change.key, change.value, change.kind, change.expires),
                    )
            database.execute("DELETE FROM plugin_entries WHERE plugin = ? AND expires <= ?", (plugin, now))

        await self._entries.transact(run)

    async def clear(self, plugin: str) -> None:
        await self._entries.transact(
            lambda database: database.execute("DELETE FROM plugin_entries WHERE plugin = ?", (plugin,)).rowcount
        )

    async def highest(self, plugin: str) -> str | None:
        rows = await self._versions.run(
            lambda database: database.execute(
                "SELECT version FROM plugin_versions WHERE name = ?", (plugin,)
            ).fetchall()
        )
        return rows[0][0] if rows else None

    async def remember(self, plugin: str, version: str) -> None:
        await self._versions.transact(
            lambda database: (
                database.execute("INSERT OR REPLACE INTO plugin_versions VALUES (?, ?)", (plugin, version)).rowcount
            )
        )
