"""What SQLite deletes is gone from its files."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from wasmpuck.storage.connection import Database

TRACE = b"zebedee.quux@personal.example"


def left(path: Path) -> bool:
    """Whether the trace is in the file or its write-ahead log."""
    return any(TRACE in file.read_bytes() for file in path.parent.iterdir())


def test_deleted_bytes_are_overwritten_and_the_log_is_emptied(tmp_path: Path) -> None:
    """Row, overflow pages and log: after `forget` nothing is left of what was deleted, before there was."""
    path = tmp_path / "a.sqlite"

    async def whole() -> None:
        database = Database(path, writer=True)
        await database.open()
        try:
            await database.run(lambda connection: connection.execute("CREATE TABLE t (v BLOB)"))
            rows = [(TRACE,), (TRACE * 1000,), (b"x" * 5000 + TRACE,)]
            await database.run(lambda connection: connection.executemany("INSERT INTO t VALUES (?)", rows))
            await database.run(lambda connection: connection.execute("DELETE FROM t"))
            assert left(path)
            assert await database.forget() is True
            assert not left(path)
        finally:
            await database.close()

    asyncio.run(whole())


def test_a_reader_of_an_older_state_delays_forgetting(tmp_path: Path) -> None:
    """While a backup reads, `forget` answers False and nothing breaks; afterwards it succeeds."""
    path = tmp_path / "a.sqlite"

    async def whole() -> None:
        database = Database(path, writer=True)
        await database.open()
        try:
            await database.run(lambda connection: connection.execute("CREATE TABLE t (v BLOB)"))
            await database.run(lambda connection: connection.execute("INSERT INTO t VALUES (?)", (TRACE,)))
            backup = sqlite3.connect(path, isolation_level=None)
            backup.execute("BEGIN")
            assert backup.execute("SELECT count(*) FROM t").fetchone() == (1,)
            await database.run(lambda connection: connection.execute("DELETE FROM t"))
            assert await database.forget() is False
            backup.execute("COMMIT")
            backup.close()
            assert await database.forget() is True
            assert not left(path)
        finally:
            await database.close()

    asyncio.run(whole())
