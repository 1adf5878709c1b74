"""How SQLite compares what it holds with what it should hold, and puts it right (`upkeep.UpkeepStore`)."""

from __future__ import annotations

import sqlite3

from .ready import Ready
from .sqlite_writing import Transaction
from .terms import join, split
from .upkeep import Difference, Tallied

__all__ = ["differences", "refresh", "tally"]


def differences(database: sqlite3.Connection, ready: Ready) -> frozenset[Difference]:
    """See `UpkeepStore.differences`."""
    entry = ready.entry
    row = database.execute(
        "SELECT id, md5, keys, terms, summary, data FROM certificates WHERE fingerprint = ?",
        (bytes.fromhex(entry.fingerprint),),
    ).fetchone()
    if row is None:
        return frozenset((Difference.MISSING,))
    number, md5, keys, terms, summary, data = row
    found = set()
    if data != entry.data:
        found.add(Difference.BYTES)
    if md5.hex() != entry.md5:
        found.add(Difference.DIGEST)
    if summary != ready.summary:
        found.add(Difference.SUMMARY)
    if keys != ready.index.keys or terms != join(ready.index.terms) or not _is_indexed(database, number, ready):
        found.add(Difference.INDEX)
    return frozenset(found)


def _is_indexed(database: sqlite3.Connection, number: int, ready: Ready) -> bool:
    return all(
        database.execute("SELECT 1 FROM terms WHERE term = ? AND certificate = ?", (item, number)).fetchone()
        for item in ready.index.terms
    )


def refresh(changing: Transaction, ready: Ready) -> bool:
    """See `UpkeepStore.refresh`."""
    entry, database = ready.entry, changing.database
    fingerprint, md5 = bytes.fromhex(entry.fingerprint), bytes.fromhex(entry.md5)
    row = database.execute(
        "SELECT id, md5, terms FROM certificates WHERE fingerprint = ? AND data = ?", (fingerprint, entry.data)
    ).fetchone()
    if row is None:
        return False
    number, before, terms = row
    database.execute(
        "UPDATE certificates SET md5 = ?, keys = ?, terms = ?, summary = ? WHERE id = ?",
        (md5, ready.index.keys, join(ready.index.terms), ready.summary, number),
    )
    old = frozenset(split(terms)) if len(terms) % 8 == 0 else frozenset[int]()
    changing.unindex(number, old.difference(ready.index.terms))
    database.executemany("INSERT OR IGNORE INTO terms VALUES (?, ?)", [(item, number) for item in ready.index.terms])
    if before != md5:
        changing.log(fingerprint, before, md5)
    return True


def tally(database: sqlite3.Connection, *, repair: bool) -> Tallied:
    """See `UpkeepStore.tally`. Rows of the index are stray where their certificate does not name them."""
    certificates = int(database.execute("SELECT count(*) FROM certificates").fetchone()[0])
    counter = int(database.execute("SELECT value FROM totals WHERE name = 'certificates'").fetchone()[0])
    stray = []
    last: tuple[int, bytes] | None = None
    named: frozenset[int] = frozenset()
    # By certificate, so that each is read once.
    for number, item in database.execute("SELECT certificate, term FROM terms ORDER BY certificate"):
        if last is None or last[0] != number:
            row = database.execute("SELECT terms FROM certificates WHERE id = ?", (number,)).fetchone()
            last = (number, row[0] if row is not None else b"")
            named = frozenset(split(last[1])) if len(last[1]) % 8 == 0 else frozenset()
        if item not in named:
            stray.append((item, number))
    if repair:
        database.execute("UPDATE totals SET value = ? WHERE name = 'certificates'", (certificates,))
        database.executemany("DELETE FROM terms WHERE term = ? AND certificate = ?", stray)
    return Tallied(certificates, counter, len(stray))
