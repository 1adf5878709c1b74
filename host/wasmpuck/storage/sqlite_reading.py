"""What SQLite is asked, as functions that run on a reader's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from .counting import oldest_shown
from .terms import term, terms_of_fingerprint
from .values import Act, Burial, Change, Record, Tally

__all__ = [
    "acts",
    "behind",
    "by_fingerprint",
    "by_fingerprints",
    "by_key_id",
    "by_md5",
    "by_terms",
    "by_verified",
    "canonical",
    "changed_on",
    "changes",
    "counters",
    "tombstones",
    "tombstones_behind",
    "total",
    "verified",
    "version",
]

_COLUMNS = "c.fingerprint, c.md5, c.data, c.summary, c.created, c.modified"
_SELECT = f"SELECT {_COLUMNS} FROM certificates c"
# The term leads: joined the other way round, or asked for by IN, this takes twice the time.
_BY_TERM = f"SELECT {_COLUMNS} FROM terms t CROSS JOIN certificates c ON c.id = t.certificate WHERE t.term"
_FIRST_BY_TERM = f"{_BY_TERM} = ? ORDER BY t.certificate LIMIT ?"
_TWO_BY_TERMS = f"{_BY_TERM} = ? UNION ALL {_BY_TERM} = ? LIMIT 2"
_MAX_VARIABLES = 250
# Of several terms, the rarest leads; how rare is counted only so far.
_RARE = 200


def by_fingerprint(database: sqlite3.Connection, item: bytes) -> list[Record]:
    """`by_fingerprints` for a single one, cheaper where it is a primary key's alone and nobody shares its terms."""
    rows = database.execute(_TWO_BY_TERMS, terms_of_fingerprint(item)).fetchall()
    return [_record(rows[0])] if len(rows) == 1 and rows[0][0] == item else by_fingerprints(database, [item])


def by_fingerprints(database: sqlite3.Connection, wanted: Sequence[bytes]) -> list[Record]:
    """Primary keys first, which nearly all are; the others may be subkeys, of more than one certificate each."""
    found: dict[int, tuple[Any, ...]] = {}
    for start in range(0, len(wanted), _MAX_VARIABLES):
        part = wanted[start : start + _MAX_VARIABLES]
        marks = ", ".join("?" * len(part))
        primaries = f"SELECT id FROM certificates WHERE fingerprint IN ({marks})"
        subkeys = f"SELECT certificate FROM terms WHERE term IN ({marks}, {marks})"
        rows = database.execute(
            f"SELECT c.id, c.keys, {_COLUMNS} FROM certificates c WHERE c.id IN ({primaries} UNION {subkeys})",
            (*part, *(number for item in part for number in terms_of_fingerprint(item))),
        )
        chosen = frozenset(part)
        for row in rows:
            if row[2] in chosen or any(item in row[1] for item in part):
                found[row[0]] = row[2:]
    return [_record(found[number]) for number in sorted(found)]


def by_key_id(database: sqlite3.Connection, octets: bytes, limit: int) -> list[Record]:
    """8 octets, or the last 4: certificates that share those are few."""
    where = "c.id IN (SELECT certificate FROM terms WHERE term = ?1)"
    rows = database.execute(
        f"{_SELECT} WHERE {where} AND (instr(c.fingerprint, ?2) OR instr(c.keys, ?2)) ORDER BY c.id LIMIT ?3",
        (term("key-id", octets[-4:]), octets, limit),
    )
    return [_record(row) for row in rows]


def by_md5(database: sqlite3.Connection, digest: bytes) -> list[Record]:
    """Equal digests, oldest first."""
    return [_record(row) for row in database.execute(f"{_SELECT} WHERE c.md5 = ? ORDER BY c.id", (digest,))]


def by_terms(database: sqlite3.Connection, terms: Sequence[int], limit: int, offset: int) -> list[Record]:
    """Certificates with all of these terms, at least one."""
    if len(terms) == 1 and not offset:
        return [_record(row) for row in database.execute(_FIRST_BY_TERM, (*terms, limit)).fetchall()]
    first, *others = sorted(terms, key=lambda item: _rarity(database, item)) if len(terms) > 1 else terms
    also = " AND EXISTS (SELECT 1 FROM terms b WHERE b.term = ? AND b.certificate = a.certificate)" * len(others)
    numbers = f"SELECT a.certificate FROM terms a WHERE a.term = ?{also} ORDER BY a.certificate LIMIT ? OFFSET ?"
    rows = database.execute(f"{_SELECT} WHERE c.id IN ({numbers}) ORDER BY c.id", (first, *others, limit, offset))
    return [_record(row) for row in rows]


def _rarity(database: sqlite3.Connection, item: int) -> int:
    rows = database.execute("SELECT COUNT(*) FROM (SELECT 1 FROM terms WHERE term = ? LIMIT ?)", (item, _RARE))
    return int(rows.fetchone()[0])


def behind(database: sqlite3.Connection, last: bytes, limit: int) -> list[Record]:
    """A page by ascending fingerprint."""
    rows = database.execute(f"{_SELECT} WHERE c.fingerprint > ? ORDER BY c.fingerprint LIMIT ?", (last, limit))
    return [_record(row) for row in rows]


def tombstones(database: sqlite3.Connection, wanted: Sequence[bytes], now: float) -> dict[str, Burial]:
    """Those of these fingerprints that have not expired."""
    found: dict[str, Burial] = {}
    for start in range(0, len(wanted), _MAX_VARIABLES):
        part = wanted[start : start + _MAX_VARIABLES]
        rows = database.execute(
            f"SELECT fingerprint, reason, until FROM tombstones WHERE fingerprint IN ({', '.join('?' * len(part))}) "
            "AND (until IS NULL OR until > ?)",
            (*part, now),
        )
        found |= {row[0].hex(): Burial(*row[1:]) for row in rows}
    return found


def tombstones_behind(database: sqlite3.Connection, last: bytes, now: float, limit: int) -> list[tuple[str, Burial]]:
    """A page by ascending fingerprint."""
    rows = database.execute(
        "SELECT fingerprint, reason, until FROM tombstones WHERE fingerprint > ? AND (until IS NULL OR until > ?) "
        "ORDER BY fingerprint LIMIT ?",
        (last, now, limit),
    )
    return [(row[0].hex(), Burial(*row[1:])) for row in rows]


def acts(database: sqlite3.Connection, after: int, limit: int) -> list[Act]:
    """A page of the audit record."""
    rows = database.execute(
        "SELECT kind, fingerprint, actor, time, detail, number FROM acts WHERE number > ? ORDER BY number LIMIT ?",
        (after, limit),
    )
    return [Act(*row) for row in rows]


def verified(database: sqlite3.Connection, primary: bytes) -> dict[str, float]:
    """Addresses verified for a primary key."""
    rows = database.execute(
        "SELECT v.email, v.time FROM certificates c JOIN verified v ON v.certificate = c.id "
        "WHERE c.fingerprint = ? ORDER BY v.email",
        (primary,),
    )
    return dict(rows.fetchall())


def by_verified(database: sqlite3.Connection, email: str, limit: int) -> list[Record]:
    """Certificates for which an address is verified."""
    rows = database.execute(
        f"SELECT {_COLUMNS} FROM verified v JOIN certificates c ON c.id = v.certificate WHERE v.email = ? "
        "ORDER BY v.time DESC, c.id DESC LIMIT ?",
        (email, limit),
    )
    return [_record(row) for row in rows]


def canonical(database: sqlite3.Connection, identity: str) -> list[Record]:
    """Preferred certificates, best first."""
    rows = database.execute(
        f"SELECT {_COLUMNS} FROM canonical p JOIN certificates c ON c.id = p.certificate WHERE p.identity = ? "
        "ORDER BY p.place",
        (identity,),
    )
    return [_record(row) for row in rows]


def version(database: sqlite3.Connection) -> int:
    """A number that another connection's commit changes; it is for this connection only."""
    return int(database.execute("PRAGMA data_version").fetchone()[0])


def total(database: sqlite3.Connection) -> int:
    """How many certificates there are."""
    return int(database.execute("SELECT value FROM totals WHERE name = 'certificates'").fetchone()[0])


def counters(database: sqlite3.Connection, now: float) -> tuple[int, list[Tally]]:
    """The total, and what is shown of the hours, newest first."""
    rows = database.execute(
        "SELECT hour, inserted, updated, deleted FROM tallies WHERE hour >= ? ORDER BY hour DESC", (oldest_shown(now),)
    )
    return total(database), [Tally(*row) for row in rows]


def changes(database: sqlite3.Connection, after: int, limit: int) -> list[Change]:
    """A page of the change feed."""
    rows = database.execute(
        "SELECT number, time, fingerprint, before, after FROM changes WHERE number > ? ORDER BY number LIMIT ?",
        (after, limit),
    )
    return [Change(row[0], row[1], row[2].hex(), _digits(row[3]), _digits(row[4])) for row in rows]


def changed_on(database: sqlite3.Connection, day: int) -> list[str]:
    """Fingerprints, each once, of a day since 1970. The day after is searched too, for a clock that went back."""
    rows = database.execute(
        "SELECT DISTINCT fingerprint FROM changes WHERE time >= ?1 * 86400 AND time < (?1 + 1) * 86400 "
        "AND number >= (SELECT first FROM days WHERE day = ?1) "
        "AND number < COALESCE((SELECT MIN(first) FROM days WHERE day > ?1 + 1), 9223372036854775807) "
        "ORDER BY fingerprint",
        (day,),
    )
    return [row[0].hex() for row in rows]


def _digits(value: bytes | None) -> str | None:
    return value.hex() if value is not None else None


def _record(row: Sequence[Any]) -> Record:
    fingerprint, md5, data, summary, created, modified = row
    return Record(fingerprint.hex(), md5.hex(), data, summary, created, modified)
