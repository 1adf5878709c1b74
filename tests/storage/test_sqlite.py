from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from contracts.entries import entry
from contracts.keystore import Clock, KeyStoreContract
from wasmpuck.errors import StorageUnavailable
from wasmpuck.storage import KeyStore, SQLiteKeyStore


class TestSQLiteKeyStore(KeyStoreContract):
    """SQLite keeps the contract of all backends."""

    @asynccontextmanager
    async def opened(self, folder: Path, clock: Clock) -> AsyncIterator[KeyStore]:
        store = SQLiteKeyStore(folder / "keys.sqlite3", clock=clock)
        await store.open()
        try:
            yield store
        finally:
            await store.close()


def run(path: Path, body: Callable[[SQLiteKeyStore], Awaitable[None]]) -> None:
    """A body on a store in this file."""

    async def whole() -> None:
        store = SQLiteKeyStore(path)
        await store.open()
        try:
            await body(store)
        finally:
            await store.close()

    asyncio.run(whole())


def refusal(path: Path) -> StorageUnavailable:
    """Why this file cannot be opened and written."""

    async def body(store: SQLiteKeyStore) -> None:
        await store.write(entry("ann"), expected=None)

    with pytest.raises(StorageUnavailable) as caught:
        run(path, body)
    assert str(path) in caught.value.message
    return caught.value


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """The message has the path, the hint what to do."""
    path = tmp_path / "keys.sqlite3"
    path.write_bytes(b"this is not a database, but a letter" * 100)
    assert "damaged or not a database" in refusal(path).hint


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    """A database whose pages were overwritten is recognised when it is read, and nothing else leaves the store."""
    path = tmp_path / "keys.sqlite3"

    async def fill(store: SQLiteKeyStore) -> None:
        await store.write_many([(entry(f"name {number}"), None) for number in range(200)])

    run(path, fill)
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(bytes(data))
    assert "damaged or not a database" in refusal(path).hint


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder where the file should be, or a file where the folder should be."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    assert "right to write" in refusal(tmp_path / "folder").hint
    assert refusal(tmp_path / "file" / "keys.sqlite3").hint


def test_a_full_disk_is_named_and_nothing_is_half_written(tmp_path: Path) -> None:
    """When the database may not grow, a write is refused with a hint, and what was there is served as before."""
    path = tmp_path / "keys.sqlite3"

    async def body(store: SQLiteKeyStore) -> None:
        await store.write(entry("ann"), expected=None)
        await store._writer.run(lambda database: database.execute("PRAGMA max_page_count = 1").fetchall())
        large = entry("ben", identities=("ben@example.org",), state="x" * 100_000)
        with pytest.raises(StorageUnavailable) as caught:
            await store.write(large, expected=None)
        assert "disk is full" in caught.value.hint
        assert await store.count() == 1
        assert await store.fetch_by_identity("ben@example.org", limit=1) == []
        assert len(await store.fetch([entry("ann").fingerprint])) == 1

    run(path, body)


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """An older server does not touch a schema that it does not know."""
    path = tmp_path / "keys.sqlite3"

    async def nothing(store: SQLiteKeyStore) -> None:
        assert await store.count() == 0

    run(path, nothing)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO migrations VALUES ('certificates', 99)")
    assert "newer version" in refusal(path).message


def test_reads_go_on_while_a_write_is_open(tmp_path: Path) -> None:
    """A long transaction, of another process even, holds up no reader."""
    path = tmp_path / "keys.sqlite3"

    async def body(store: SQLiteKeyStore) -> None:
        await store.write(entry("ann"), expected=None)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("DELETE FROM certificates")
            assert len(await store.fetch([entry("ann").fingerprint])) == 1
            other.execute("ROLLBACK")

    run(path, body)


def test_another_process_makes_another_state(tmp_path: Path) -> None:
    """What `reindex` or a second server writes ends what was read before."""
    path = tmp_path / "keys.sqlite3"

    async def body(store: SQLiteKeyStore) -> None:
        await store.write(entry("ann"), expected=None)
        before = store.state()
        assert before is not None
        assert store.state() == before
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE certificates SET summary = x'00'")
        assert store.state() not in (None, before)

    run(path, body)


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Reading and writing after closing, or before opening, are errors with words."""

    async def whole() -> None:
        store = SQLiteKeyStore(tmp_path / "keys.sqlite3")
        with pytest.raises(StorageUnavailable, match="not open"):
            await store.write(entry("ann"), expected=None)
        await store.open()
        await store.close()
        with pytest.raises(StorageUnavailable, match="not open"):
            await store.count()

    asyncio.run(whole())


WRITER = """
import asyncio, sys
from pathlib import Path
from contracts.entries import entry
from wasmpuck.storage import SQLiteKeyStore

async def main():
    store = SQLiteKeyStore(Path(sys.argv[1]))
    await store.open()
    for number in range(1_000_000):
        await store.write(entry(f"name {number}", identities=(f"{number}@example.org",)), expected=None)
        print(number, flush=True)

asyncio.run(main())
"""


def test_what_was_acknowledged_survives_a_killed_server(tmp_path: Path) -> None:
    """After kill -9 in the midst of writing, all that was reported as stored is there, whole, and counted."""
    path = tmp_path / "keys.sqlite3"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as writer:
        assert writer.stdout is not None
        acknowledged = -1
        for line in writer.stdout:
            acknowledged = int(line)
            if acknowledged == 40:
                writer.send_signal(signal.SIGKILL)

    async def body(store: SQLiteKeyStore) -> None:
        found = [record async for record in store.iterate()]
        assert acknowledged + 1 <= len(found) <= acknowledged + 2
        assert await store.count() == len(found)
        for number in range(acknowledged + 1):
            (record,) = await store.fetch_by_identity(f"{number}@example.org", limit=2)
            assert record.data == entry(f"name {number}").data

    run(path, body)
