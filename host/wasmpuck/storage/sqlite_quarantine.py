"""What SQLite does with certificates in quarantine, as functions that run on a connection's thread."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from .ready import Ready
from .sqlite_writing import Transaction
from .values import Held, Written

__all__ = ["behind", "by_fingerprints", "count", "discard", "hold", "release"]

_COLUMNS = "fingerprint, md5, data, source, reason, time"
_MAX_VARIABLES = 250


def hold(changing: Transaction, held: Held, expected: str | None, before: str | None, *, withdraw: bool) -> Written:
    """See `KeyStore.hold`."""
    database, fingerprint = changing.database, bytes.fromhex(held.fingerprint)
    stored = _md5(database, "certificates", fingerprint)
    if stored is None and changing.buried(fingerprint):
        return Written.BURIED
    if stored != expected or _md5(database, "quarantine", fingerprint) != before:
        return Written.CONFLICT
    addresses = "{}"
    if withdraw and stored is not None:
        rows = database.execute(
            "SELECT v.email, v.time FROM certificates c JOIN verified v ON v.certificate = c.id "
            "WHERE c.fingerprint = ?",
            (fingerprint,),
        )
        addresses = json.dumps(dict(rows.fetchall()))
        changing.remove(fingerprint)
    database.execute(
        f"INSERT INTO quarantine ({_COLUMNS}, addresses) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
        "ON CONFLICT (fingerprint) DO UPDATE SET md5 = ?2, data = ?3, source = ?4, reason = ?5, time = ?6"
        + (", addresses = ?7" if addresses != "{}" else ""),
        (fingerprint, bytes.fromhex(held.md5), held.data, held.source, held.reason, held.since, addresses),
    )
    return Written.STORED


def release(changing: Transaction, ready: Ready, expected: str | None, before: str) -> Written:
    """See `KeyStore.release`."""
    database, fingerprint = changing.database, bytes.fromhex(ready.entry.fingerprint)
    if _md5(database, "quarantine", fingerprint) != before:
        return Written.CONFLICT
    written = changing.write(ready, expected, released=True)
    if written is Written.STORED:
        (addresses,) = database.execute(
            "DELETE FROM quarantine WHERE fingerprint = ? RETURNING addresses", (fingerprint,)
        ).fetchone()
        known = {identity.lower() for identity in ready.entry.identities}
        for email, when in json.loads(addresses).items():
            if email in known:
                changing.verify(fingerprint, email, when)
    return written


def discard(database: sqlite3.Connection, fingerprint: bytes, before: str | None) -> bool:
    """See `KeyStore.discard`; the audit record is the caller's."""
    if before is not None and _md5(database, "quarantine", fingerprint) != before:
        return False
    return database.execute("DELETE FROM quarantine WHERE fingerprint = ?", (fingerprint,)).rowcount > 0


def by_fingerprints(database: sqlite3.Connection, wanted: Sequence[bytes]) -> dict[str, Held]:
    """Those of these that are in quarantine."""
    found: dict[str, Held] = {}
    for start in range(0, len(wanted), _MAX_VARIABLES):
        part = wanted[start : start + _MAX_VARIABLES]
        rows = database.execute(
            f"SELECT {_COLUMNS} FROM quarantine WHERE fingerprint IN ({', '.join('?' * len(part))})", part
        )
        found |= {row[0].hex(): _held(row) for row in rows}
    return found


def behind(database: sqlite3.Connection, last: bytes, limit: int) -> list[Held]:
    """A page by ascending fingerprint."""
    rows = database.execute(
        f"SELECT {_COLUMNS} FROM quarantine WHERE fingerprint > ? ORDER BY fingerprint LIMIT ?", (last, limit)
    )
    return [_held(row) for row in rows]


def count(database: sqlite3.Connection) -> int:
    """How many are in quarantine, by counting them."""
    return int(database.execute("SELECT COUNT(*) FROM quarantine").fetchone()[0])


def _md5(database: sqlite3.Connection, table: str, fingerprint: bytes) -> str | None:
    row = database.execute(f"SELECT md5 FROM {table} WHERE fingerprint = ?", (fingerprint,)).fetchone()
    return row[0].hex() if row is not None else None


def _held(row: Sequence[Any]) -> Held:
    fingerprint, md5, *rest = row
    return Held(fingerprint.hex(), md5.hex(), *rest)
