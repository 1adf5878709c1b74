"""What SQLite does to change certificates, as functions that run inside a transaction on the writer's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .claims import token_digest
from .counting import DAY, HOUR
from .indexing import Indexing
from .ready import Ready
from .terms import named
from .values import Act, Burial, Entry, Written

__all__ = ["KEPT", "Transaction", "claim", "mark", "unmark"]

# What `named` wants of a row. Where it keeps no terms those follow from its bytes, which are few.
KEPT = "terms, CASE WHEN terms = x'' THEN data ELSE x'' END, fingerprint"
_FOUND = f"SELECT id, md5, {KEPT} FROM certificates WHERE fingerprint = ?"


def mark(database: sqlite3.Connection, indexing: Indexing) -> list[str]:
    """Notes what is not indexed from now on; returns the marks of what is, and was not for all that is stored."""
    if not database.execute("SELECT 1 FROM certificates LIMIT 1").fetchone():
        unmark(database, indexing)
    database.executemany("INSERT OR IGNORE INTO totals VALUES (?, 1)", [(each,) for each in indexing.marks])
    names = {name for (name,) in database.execute("SELECT name FROM totals")}
    return [each for each in indexing.covers if each in names]


def unmark(database: sqlite3.Connection, indexing: Indexing) -> None:
    """Notes that all that is stored is indexed by these rules."""
    database.executemany("DELETE FROM totals WHERE name = ?", [(each,) for each in indexing.covers])


def claim(database: sqlite3.Connection, token: str, expires: float, now: float) -> bool:
    """See `KeyStore.claim`; forgets what has expired."""
    database.execute("DELETE FROM claims WHERE expires <= ?", (now,))
    if expires <= now:
        return False
    cursor = database.execute("INSERT INTO claims VALUES (?, ?) ON CONFLICT DO NOTHING", (token_digest(token), expires))
    return cursor.rowcount > 0


@dataclass(slots=True)
class Transaction:
    """Changes of certificates in one transaction; `finish` writes the counters, once for all of them."""

    database: sqlite3.Connection
    now: float
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    _cleared: bool = field(default=False, init=False)
    _first: int | None = field(default=None, init=False)

    def write(self, ready: Ready, expected: str | None, *, released: bool = False) -> Written:
        """See `KeyStore.write`. `released`: it comes from quarantine, where it may still be."""
        entry = ready.entry
        fingerprint, md5 = bytes.fromhex(entry.fingerprint), bytes.fromhex(entry.md5)
        found = self.database.execute(_FOUND, (fingerprint,)).fetchone()
        if found is None and self.buried(fingerprint):
            return Written.BURIED
        if found is None and not released and self._held(fingerprint):
            return Written.HELD
        if (found[1].hex() if found is not None else None) != expected:
            return Written.CONFLICT
        if found is None:
            cursor = self.database.execute(
                "INSERT INTO certificates (fingerprint, md5, created, modified, keys, terms, summary, data) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (fingerprint, md5, self.now, self.now, ready.index.keys, ready.terms, ready.summary, entry.data),
            )
            number = cursor.lastrowid
            self.inserted += 1
        else:
            number, _, *old = found
            self.database.execute(
                "UPDATE certificates SET md5 = ?, modified = ?, keys = ?, terms = ?, summary = ?, data = ? "
                "WHERE id = ?",
                (md5, self.now, ready.index.keys, ready.terms, ready.summary, entry.data, number),
            )
            self.unindex(number, named(*old), but=ready.index.terms)
            self._forget_addresses(number, entry)
            self.updated += 1
        self.database.executemany(
            "INSERT OR IGNORE INTO terms VALUES (?, ?)", [(item, number) for item in ready.index.terms]
        )
        self.log(fingerprint, found[1] if found is not None else None, md5)
        return Written.STORED

    def erase(self, fingerprint: bytes, expected: str | None, burial: Burial | None) -> bool:
        """See `KeyStore.erase`; audit record and one-time value are the caller's."""
        found = self.database.execute("SELECT md5 FROM certificates WHERE fingerprint = ?", (fingerprint,)).fetchone()
        if expected is not None and (found is None or found[0].hex() != expected):
            return False
        if found is not None:
            self.remove(fingerprint)
        freed = self.database.execute("DELETE FROM quarantine WHERE fingerprint = ?", (fingerprint,)).rowcount > 0
        if burial is not None:
            self.database.execute(
                "INSERT OR REPLACE INTO tombstones VALUES (?, ?, ?)", (fingerprint, burial.reason, burial.until)
            )
        return found is not None or freed or burial is not None

    def remove(self, fingerprint: bytes) -> None:
        """Takes a stored certificate out of publication."""
        number, md5, *kept = self.database.execute(_FOUND, (fingerprint,)).fetchone()
        self.unindex(number, named(*kept))
        self.database.execute("DELETE FROM certificates WHERE id = ?", (number,))
        self.deleted += 1
        self.log(fingerprint, md5, None)

    def audit(self, act: Act | None) -> None:
        """Appends to the audit record."""
        if act is not None:
            self.database.execute(
                "INSERT INTO acts (kind, fingerprint, actor, time, detail) VALUES (?, ?, ?, ?, ?)",
                (act.kind, act.fingerprint, act.actor, act.when, act.detail),
            )

    def exhume(self, fingerprint: bytes, act: Act | None) -> bool:
        """See `KeyStore.exhume`."""
        self.database.execute("DELETE FROM tombstones WHERE until <= ?", (self.now,))
        if not self.database.execute("DELETE FROM tombstones WHERE fingerprint = ?", (fingerprint,)).rowcount:
            return False
        self.audit(act)
        return True

    def verify(self, fingerprint: bytes, email: str, when: float) -> bool:
        """See `KeyStore.verify_address`."""
        cursor = self.database.execute(
            "INSERT OR REPLACE INTO verified SELECT id, ?, ? FROM certificates WHERE fingerprint = ?",
            (email, when, fingerprint),
        )
        return cursor.rowcount > 0

    def unverify(self, fingerprint: bytes, email: str) -> bool:
        """See `KeyStore.unverify_address`."""
        cursor = self.database.execute(
            "DELETE FROM verified WHERE email = ? AND "
            "certificate = (SELECT id FROM certificates WHERE fingerprint = ?)",
            (email, fingerprint),
        )
        return cursor.rowcount > 0

    def prefer(self, identity: str, fingerprints: Sequence[bytes]) -> None:
        """See `KeyStore.set_canonical`."""
        self.database.execute("DELETE FROM canonical WHERE identity = ?", (identity,))
        self.database.executemany(
            "INSERT INTO canonical SELECT ?, ?, id FROM certificates WHERE fingerprint = ?",
            [(identity, place, item) for place, item in enumerate(fingerprints)],
        )

    def trim(self, before: float) -> int:
        """See `KeyStore.trim_changes`."""
        day = int(before // DAY)
        cursor = self.database.execute(
            "DELETE FROM changes WHERE time < ?1 AND number < COALESCE((SELECT MIN(first) FROM days WHERE day > ?2), "
            "9223372036854775807)",
            (before, day),
        )
        self.database.execute("DELETE FROM days WHERE day < ?", (day,))
        return cursor.rowcount

    def finish(self) -> None:
        """Writes the counters, and with which change the day began."""
        if self._first is not None:
            self.database.execute("INSERT OR IGNORE INTO days VALUES (?, ?)", (int(self.now // DAY), self._first))
        if not (self.inserted or self.updated or self.deleted):
            return
        counts = (self.inserted, self.updated, self.deleted)
        self.database.execute(
            "INSERT INTO tallies VALUES (?, ?, ?, ?) ON CONFLICT (hour) DO UPDATE SET inserted = inserted + "
            "excluded.inserted, updated = updated + excluded.updated, deleted = deleted + excluded.deleted",
            (int(self.now) // HOUR * HOUR, *counts),
        )
        if self.inserted != self.deleted:
            self.database.execute(
                "UPDATE totals SET value = value + ? WHERE name = 'certificates'", (self.inserted - self.deleted,)
            )

    def buried(self, fingerprint: bytes) -> bool:
        """Whether a tombstone keeps it out."""
        if not self._cleared:
            self.database.execute("DELETE FROM tombstones WHERE until <= ?", (self.now,))
            self._cleared = True
        found = self.database.execute("SELECT 1 FROM tombstones WHERE fingerprint = ?", (fingerprint,))
        return found.fetchone() is not None

    def _held(self, fingerprint: bytes) -> bool:
        found = self.database.execute("SELECT 1 FROM quarantine WHERE fingerprint = ?", (fingerprint,))
        return found.fetchone() is not None

    def unindex(self, number: int, terms: Iterable[int] | None, but: Iterable[int] = ()) -> None:
        """Removes rows of the index: these, or all of a certificate, which takes long. `but` are not removed."""
        if terms is None:
            rows = self.database.execute("SELECT term FROM terms WHERE certificate = ?", (number,))
            terms = [row[0] for row in rows]
        self.database.executemany(
            "DELETE FROM terms WHERE term = ? AND certificate = ?",
            [(item, number) for item in frozenset(terms).difference(but)],
        )

    def _forget_addresses(self, number: int, entry: Entry) -> None:
        rows = self.database.execute("SELECT email FROM verified WHERE certificate = ?", (number,)).fetchall()
        if rows:
            kept = {identity.lower() for identity in entry.identities}
            self.database.executemany(
                "DELETE FROM verified WHERE certificate = ? AND email = ?",
                [(number, email) for (email,) in rows if email not in kept],
            )

    def log(self, fingerprint: bytes, before: bytes | None, after: bytes | None) -> None:
        """Appends to the change feed."""
        cursor = self.database.execute(
            "INSERT INTO changes (time, fingerprint, before, after) VALUES (?, ?, ?, ?)",
            (self.now, fingerprint, before, after),
        )
        if self._first is None:
            self._first = cursor.lastrowid
