from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from wasmpuck.storage import Record, SQLiteKeyStore
from wasmpuck.storage.listing import pack
from wasmpuck.storage.schema import CERTIFICATES, execute_all

PRIMARY, SUBKEY = "11" * 12 + "8877665544332211", "22" * 12 + "a877665544332211"
ODD_ID = "ffeeddccbbaa9988"


def test_a_database_of_the_first_schema_keeps_its_certificates(tmp_path: Path) -> None:
    """All ways of finding one are there after the migration, and it can be changed and removed."""
    path = tmp_path / "keys.sqlite3"
    first = CERTIFICATES[0]
    assert isinstance(first, str)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE migrations (component TEXT, step INTEGER, PRIMARY KEY (component, step)) STRICT")
        database.execute("INSERT INTO migrations VALUES ('certificates', 1)")
        execute_all(database, first)
        database.execute(
            "INSERT INTO certificates VALUES (7, ?, ?, 1.5, 2.5, ?, ?)",
            (bytes.fromhex(PRIMARY), b"m" * 16, pack({"name": "ann"}), b"data"),
        )
        for fingerprint, key_id in ((PRIMARY, PRIMARY[-16:]), (SUBKEY, SUBKEY[-16:]), ("33" * 20, ODD_ID)):
            number = int.from_bytes(bytes.fromhex(key_id), "big", signed=True)
            database.execute("INSERT INTO keys VALUES (7, ?, ?)", (number, bytes.fromhex(fingerprint)))
        database.execute("INSERT INTO identities VALUES (7, 'ann@example.org')")
        database.execute("UPDATE totals SET value = 1")

    async def run() -> None:
        store = SQLiteKeyStore(path)
        await store.open()
        try:
            wanted = [Record(PRIMARY, "6d" * 16, b"data", pack({"name": "ann"}), 1.5, 2.5)]
            for fingerprint in (PRIMARY, SUBKEY, "33" * 20):
                assert await store.fetch([fingerprint]) == wanted
            for key_id in (PRIMARY[-16:], SUBKEY[-16:], ODD_ID, ODD_ID[-8:], SUBKEY[-8:]):
                assert await store.fetch_by_key_id(key_id, limit=2) == wanted
            assert await store.fetch_by_identity("Ann@example.org", limit=2) == wanted
            assert await store.fetch_by_md5("6d" * 16) == wanted
            assert await store.erase(PRIMARY, expected="6d" * 16) is True
            assert await store.fetch_by_identity("ann@example.org", limit=2) == []
            assert await store.count() == 0
        finally:
            await store.close()

    asyncio.run(run())


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    """Two stores that open a new file at once both work on it."""

    async def run() -> None:
        stores = [SQLiteKeyStore(tmp_path / "keys.sqlite3") for _ in range(3)]
        await asyncio.gather(*(store.open() for store in stores))
        assert [await store.count() for store in stores] == [0, 0, 0]
        await asyncio.gather(*(store.close() for store in stores))

    asyncio.run(run())
