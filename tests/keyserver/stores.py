"""Stores of both backends for tests of what works on any of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from postgres import PostgresServer
from wasmpuck.storage import SQLiteKeyStore, UpkeepStore
from wasmpuck.storage.indexing import EVERYTHING, Indexing
from wasmpuck.storage.postgres import PostgresKeyStore

__all__ = ["Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is: a folder, and a server if it is PostgreSQL's."""

    folder: Path
    server: PostgresServer | None = None

    async def url(self) -> str:
        """Of the database in PostgreSQL."""
        assert self.server is not None
        return self.server.url(await self.server.database(self.folder))

    @asynccontextmanager
    async def store(self, indexing: Indexing = EVERYTHING) -> AsyncIterator[UpkeepStore]:
        """The store, open; each time the same data."""
        store: UpkeepStore
        if self.server is None:
            store = SQLiteKeyStore(self.folder / "keys.sqlite", indexing=indexing)
        else:
            store = PostgresKeyStore(await self.url(), retry_for=60, indexing=indexing)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    async def execute(self, sqlite: str, postgres: str = "") -> None:
        """Does something behind the store's back."""
        if self.server is None:
            import sqlite3

            with sqlite3.connect(self.folder / "keys.sqlite") as database:
                database.executescript(sqlite)
            database.close()
            return
        connection = await asyncpg.connect(await self.url())
        try:
            await connection.execute(postgres or sqlite)
        finally:
            await connection.close()
