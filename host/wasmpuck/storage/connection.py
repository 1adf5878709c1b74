"""SQLite connections, each on a thread of its own, with one kind of error and a schema brought up to date.

A transaction is one function that runs on the connection's thread: one trip there and back, and a cancelled caller
cannot leave it half done.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from wasmpuck.errors import StorageUnavailable

from .schema import Step, execute_all

__all__ = ["Database", "migrate"]

_BUSY_SECONDS = 10.0
_PAGE_BYTES = 8192
"""Rows of certificates fill such pages better than smaller ones: 4 % of a database of small certificates."""
_FORGET_MILLISECONDS = 1_000
_Answer = TypeVar("_Answer")


class Database:
    """One connection. `writer` makes file and folder where needed; without it nothing can be changed.

    `durable`: a commit returns when the data is on the disk, not when the operating system has it.
    Every method raises `StorageUnavailable` where SQLite or the file system fails.
    """

    def __init__(self, path: Path, *, writer: bool, durable: bool = True) -> None:
        self.path = path
        self._writer = writer
        self._durable = durable
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Connects."""
        name = f"sqlite-{'writer' if self._writer else 'reader'}"
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        try:
            await self._submit(self._connect)
        except BaseException:
            await self.close()
            raise

    async def run(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Runs a function with the connection; for reading, or for statements that are their own transaction."""
        return await self._submit(lambda: work(self._opened()))

    async def transact(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Runs a function as one transaction that has the write lock from its beginning: all or nothing."""

        def whole() -> _Answer:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                answer = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return answer

        return await self._submit(whole)

    async def forget(self) -> bool:
        """Empties the write-ahead log into the file, so that what was deleted is nowhere any more; for the writer.

        False if somebody still reads an older state (a backup, say): then a later call or the end of the server does
        it.
        """

        def checkpoint(connection: sqlite3.Connection) -> bool:
            connection.execute(f"PRAGMA busy_timeout = {_FORGET_MILLISECONDS}")
            try:
                return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
            finally:
                connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_SECONDS * 1000)}")

        return await self.run(checkpoint)

    async def close(self) -> None:
        """Waits for what is running, then disconnects. Closing twice does nothing."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        closing = thread.submit(self._disconnect)
        thread.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(closing))

    async def _submit(self, work: Callable[[], _Answer]) -> _Answer:
        if self._thread is None:
            raise StorageUnavailable(
                f"The database {self.path} is not open.", hint="The server is starting or stopping."
            )
        running = self._thread.submit(work)
        try:
            return await asyncio.wrap_future(running)
        except (sqlite3.Error, OSError) as error:
            raise _unavailable(self.path, error) from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("it was closed")
        return self._connection

    def _connect(self) -> None:
        if self._writer:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, cached_statements=64)
        self._connection = connection
        if self._writer:
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a file that is new
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, not only unlinked
        else:
            connection.execute("PRAGMA query_only = ON")

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


async def migrate(database: Database, component: str, steps: tuple[Step, ...]) -> None:
    """Runs the steps that this database has not seen, all or none of them. Raises `StorageUnavailable`."""

    def run(connection: sqlite3.Connection) -> None:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations (component TEXT, step INTEGER, PRIMARY KEY (component, step)) STRICT"
        )
        found = connection.execute("SELECT COALESCE(MAX(step), 0) FROM migrations WHERE component = ?", (component,))
        done = int(found.fetchone()[0])
        if done > len(steps):
            raise StorageUnavailable(
                f"The database {database.path} was written by a newer version of Wasmpuck.",
                hint="Start that version, or give another folder with --data.",
            )
        for number, step in enumerate(steps[done:], start=done + 1):
            if callable(step):
                step(connection)
            else:
                execute_all(connection, step)
            connection.execute("INSERT INTO migrations VALUES (?, ?)", (component, number))

    await database.transact(run)


def _unavailable(path: Path, error: Exception) -> StorageUnavailable:
    text = str(error)
    code: int | None = getattr(error, "sqlite_errorcode", None)
    match None if code is None else code & 0xFF:  # the low octet is the kind, the rest a detail
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            hint = "The file is damaged or not a database: move it away and load your keys again, or restore a backup."
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            hint = "Give the user that runs the server the right to write the file and its folder."
        case sqlite3.SQLITE_FULL:
            hint = "The disk is full: make room; nothing of this write was kept."
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            hint = "Another process holds the database: is a second server or a backup running on it?"
        case sqlite3.SQLITE_IOERR:
            hint = "The disk reports an error: look into the system's log."
        case _:
            hint = "Look at the path, its rights and the disk."
    return StorageUnavailable(f"The database {path} cannot be used: {text}.", hint=hint)
