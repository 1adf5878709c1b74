"""Certificates in one SQLite file: a writer, and readers that never wait for it (write-ahead log)."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from .connection import Database, migrate
from .listing import pack
from .protocol import Entry, Record, Statistics, Tally
from .schema import CERTIFICATES

__all__ = ["SQLiteKeyStore"]

_COLUMNS = "c.fingerprint, c.md5, c.data, c.summary, c.created, c.modified"
_HOUR, _DAY = 3_600, 86_400
_HOURS_SHOWN, _DAYS_SHOWN = 24, 7
_PAGE = 50
_MAX_VARIABLES = 500


class SQLiteKeyStore:
    """A `KeyStore` in the file `path`; its folder is made if it is not there.

    `readers` connections serve lookups at once; each has a thread that sleeps when there is nothing to do.
    """

    def __init__(self, path: Path, *, readers: int = 2, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._stack = AsyncExitStack()
        self._writer = Database(path, writer=True)
        self._readers = [Database(path, writer=False) for _ in range(readers)]
        self._idle: asyncio.LifoQueue[Database] = asyncio.LifoQueue()

    async def open(self) -> None:
        async with AsyncExitStack() as stack:
            for database in (self._writer, *self._readers):
                stack.push_async_callback(database.close)
                await database.open()
                if database is self._writer:
                    await migrate(database, "certificates", CERTIFICATES)
                else:
                    self._idle.put_nowait(database)
            self._stack = stack.pop_all()

    async def close(self) -> None:
        await self._stack.aclose()

    # --- reading -------------------------------------------------------------------------------

    async def fetch(self, fingerprints: Sequence[str]) -> list[Record]:
        wanted = list(dict.fromkeys(bytes.fromhex(item) for item in fingerprints))
        found: dict[int, Record] = {}
        for start in range(0, len(wanted), _MAX_VARIABLES):
            part = wanted[start : start + _MAX_VARIABLES]
            where = f"SELECT certificate FROM keys WHERE fingerprint IN ({', '.join('?' * len(part))})"
            found |= await self._select(where, part)
        return [found[number] for number in sorted(found)]

    async def fetch_by_key_id(self, key_id: str, *, limit: int) -> list[Record]:
        # One index, on the last 8 digits, serves both: certificates that share those are few.
        where, values = "SELECT certificate FROM keys WHERE key_id & 4294967295 = ?", [int(key_id[-8:], 16)]
        if len(key_id) == 16:
            where, values = f"{where} AND key_id = ?", [*values, _signed(key_id)]
        return list((await self._select(where, values, limit)).values())

    async def fetch_by_md5(self, md5: str) -> list[Record]:
        return list((await self._select("SELECT id FROM certificates WHERE md5 = ?", (bytes.fromhex(md5),))).values())

    async def fetch_by_identity(self, identity: str, *, limit: int) -> list[Record]:
        where = "SELECT certificate FROM identities WHERE identity = ?"
        return list((await self._select(where, (identity.lower(),), limit)).values())

    async def count(self) -> int:
        rows = await self._read("SELECT value FROM totals WHERE name = 'certificates'", ())
        return int(rows[0][0])

    async def statistics(self) -> Statistics:
        now = int(self._clock())
        today = now - now % _DAY
        rows = await self._read(
            "SELECT hour, inserted, updated, deleted FROM tallies WHERE hour > ? ORDER BY hour DESC",
            (today - _DAYS_SHOWN * _DAY,),
        )
        hourly = [Tally(*row) for row in rows if row[0] > now - _HOURS_SHOWN * _HOUR - now % _HOUR]
        days: dict[int, list[int]] = {}
        for hour, *numbers in rows:
            day = days.setdefault(hour - hour % _DAY, [0, 0, 0])
            day[:] = [one + other for one, other in zip(day, numbers, strict=True)]
        daily = [Tally(day, *numbers) for day, numbers in days.items()][:_DAYS_SHOWN]
        return Statistics(await self.count(), tuple(hourly), tuple(daily))

    async def iterate(self, *, after: str = "") -> AsyncIterator[Record]:
        last = bytes.fromhex(after)
        while True:
            rows = await self._read(
                f"SELECT {_COLUMNS} FROM certificates c WHERE c.fingerprint > ? ORDER BY c.fingerprint LIMIT {_PAGE}",
                (last,),
            )
            for row in rows:
                yield _record(row)
            if len(rows) < _PAGE:
                return
            last = rows[-1][0]

    async def _select(self, where: str, values: Sequence[Any], limit: int = -1) -> dict[int, Record]:
        sql = f"SELECT c.id, {_COLUMNS} FROM certificates c WHERE c.id IN ({where}) ORDER BY c.id LIMIT ?"
        return {row[0]: _record(row[1:]) for row in await self._read(sql, (*values, limit))}

    async def _read(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        reader = await self._idle.get()
        try:
            return await reader.run(lambda database: database.execute(sql, values).fetchall())
        finally:
            self._idle.put_nowait(reader)

    # --- writing -------------------------------------------------------------------------------

    async def write(self, entry: Entry, *, expected: str | None) -> bool:
        return (await self.write_many([(entry, expected)]))[0]

    async def write_many(self, writes: Sequence[tuple[Entry, str | None]]) -> list[bool]:
        now = self._clock()
        rows = [(entry, pack(entry.summary)) for entry, _ in writes]

        def run(database: sqlite3.Connection) -> list[bool]:
            return [
                _write(database, entry, summary, expected, now)
                for (entry, summary), (_, expected) in zip(rows, writes, strict=True)
            ]

        return await self._writer.transact(run)

    async def delete(self, fingerprint: str, *, expected: str | None = None) -> bool:
        now = self._clock()

        def run(database: sqlite3.Connection) -> bool:
            cursor = database.execute(
                "DELETE FROM certificates WHERE fingerprint = ?1 AND (?2 IS NULL OR md5 = ?2)",
                (bytes.fromhex(fingerprint), bytes.fromhex(expected) if expected is not None else None),
            )
            if not cursor.rowcount:
                return False
            _count(database, now, "deleted", -1)
            return True

        return await self._writer.transact(run)


def _write(database: sqlite3.Connection, entry: Entry, summary: bytes, expected: str | None, now: float) -> bool:
    fingerprint, md5 = bytes.fromhex(entry.fingerprint), bytes.fromhex(entry.md5)
    if expected is None:
        cursor = database.execute(
            "INSERT INTO certificates (fingerprint, md5, created, modified, summary, data) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING RETURNING id",
            (fingerprint, md5, now, now, summary, entry.data),
        )
    else:
        cursor = database.execute(
            "UPDATE certificates SET md5 = ?, modified = ?, summary = ?, data = ? "
            "WHERE fingerprint = ? AND md5 = ? RETURNING id",
            (md5, now, summary, entry.data, fingerprint, bytes.fromhex(expected)),
        )
    row = cursor.fetchall()
    if not row:
        return False
    number = row[0][0]
    if expected is not None:
        database.execute("DELETE FROM keys WHERE certificate = ?", (number,))
        database.execute("DELETE FROM identities WHERE certificate = ?", (number,))
    database.executemany(
        "INSERT INTO keys (certificate, key_id, fingerprint) VALUES (?, ?, ?)",
        [(number, _signed(key_id), bytes.fromhex(key)) for key, key_id in dict(entry.keys).items()],
    )
    database.executemany(
        "INSERT INTO identities (certificate, identity) VALUES (?, ?)",
        [(number, identity) for identity in dict.fromkeys(item.lower() for item in entry.identities)],
    )
    _count(database, now, "inserted" if expected is None else "updated", 1 if expected is None else 0)
    return True


def _count(database: sqlite3.Connection, now: float, what: str, change: int) -> None:
    hour = int(now) // _HOUR * _HOUR
    database.execute(
        f"INSERT INTO tallies (hour, {what}) VALUES (?, 1) ON CONFLICT (hour) DO UPDATE SET {what} = {what} + 1",
        (hour,),
    )
    if change:
        database.execute("UPDATE totals SET value = value + ? WHERE name = 'certificates'", (change,))


def _record(row: Sequence[Any]) -> Record:
    fingerprint, md5, data, summary, created, modified = row
    return Record(fingerprint.hex(), md5.hex(), data, summary, created, modified)


def _signed(key_id: str) -> int:
    """64 bits as SQLite's signed integer."""
    return int.from_bytes(bytes.fromhex(key_id), "big", signed=True)
