"""How SQLite compares what it holds with what it should hold, and puts it right (`upkeep.UpkeepStore`)."""

from __future__ import annotations

import sqlite3

from .ready import Ready
from .sqlite_writing import KEPT, Transaction
from .terms import named
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
    if keys != ready.index.keys or terms != ready.terms or _indexed(database, number, ready) != ready.index.terms:
        found.add(Difference.INDEX)
    return frozenset(found)


def _indexed(database: sqlite3.Connection, number: int, ready: Ready) -> tuple[int, ...]:
    """By which of the terms that it could have it is found."""
    entry = ready.entry
    possible = named(ready.terms, entry.data, bytes.fromhex(entry.fingerprint)) or frozenset()
    return tuple(
        item
        for item in sorted(possible.union(ready.index.terms))
        if database.execute("SELECT 1 FROM terms WHERE term = ? AND certificate = ?", (item, number)).fetchone()
    )


def refresh(changing: Transaction, ready: Ready) -> bool:
    """See `UpkeepStore.refresh`."""
    entry, database = ready.entry, changing.database
    fingerprint, md5 = bytes.fromhex(entry.fingerprint), bytes.fromhex(entry.md5)
    row = database.execute(
        f"SELECT id, md5, {KEPT} FROM certificates WHERE fingerprint = ? AND data = ?", (fingerprint, entry.data)
    ).fetchone()
    if row is None:
        return False
    number, before, *kept = row
    database.execute(
        "UPDATE certificates SET md5 = ?, keys = ?, terms = ?, summary = ? WHERE id = ?",
        (md5, ready.index.keys, ready.terms, ready.summary, number),
    )
    changing.unindex(number, named(*kept), but=ready.index.terms)
    database.executemany("INSERT OR IGNORE INTO terms VALUES (?, ?)", [(item, number) for item in ready.index.terms])
    if before != md5:
        changing.log(fingerprint, before, md5)
    return True


def tally(database: sqlite3.Connection, *, repair: bool) -> Tallied:
    """See `UpkeepStore.tally`. Rows of the index are stray where their certificate does not name them.

    Those of a damaged certificate are left to it.
    """
    certificates = int(database.execute("SELECT count(*) FROM certificates").fetchone()[0])
    counter = int(database.execute("SELECT value FROM totals WHERE name = 'certificates'").fetchone()[0])
    stray = []
    last: int | None = None
    names: frozenset[int] | None = None
    # By certificate, so that each is read once.
    for number, item in database.execute("SELECT certificate, term FROM terms ORDER BY certificate"):
        if last != number:
            row = database.execute(f"SELECT {KEPT} FROM certificates WHERE id = ?", (number,)).fetchone()
            last, names = number, named(*row) if row is not None else frozenset()
        if names is not None and item not in names:
            stray.append((item, number))
    if repair:
        database.execute("UPDATE totals SET value = ? WHERE name = 'certificates'", (certificates,))
        database.executemany("DELETE FROM terms WHERE term = ? AND certificate = ?", stray)
    return Tallied(certificates, counter, len(stray))
