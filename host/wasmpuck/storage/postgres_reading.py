"""What PostgreSQL is asked: each question is one prepared statement and one trip there and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .counting import oldest_shown
from .postgres_connecting import Connection
from .postgres_retrying import Attempt
from .terms import term, terms_of_fingerprint
from .values import Act, Burial, Change, Record, Tally

__all__ = [
    "acts",
    "behind",
    "by_fingerprints",
    "by_key_id",
    "by_md5",
    "by_terms",
    "by_verified",
    "canonical",
    "changed_between",
    "changes",
    "counters",
    "number_changes",
    "tombstones",
    "tombstones_behind",
    "total",
    "verified",
]

_COLUMNS = "c.fingerprint, c.md5, c.data, c.summary, c.created, c.modified"
_SELECT = f"SELECT {_COLUMNS} FROM certificates c"
_NUMBERED_AT_ONCE = 1_000


async def by_fingerprints(connection: Connection, wanted: Sequence[bytes]) -> list[Record]:
    """Primary keys by their own index, subkeys by the terms; what the index found is compared in full."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS}, c.keys FROM certificates c "
        "WHERE c.fingerprint = ANY($1::BYTEA[]) OR c.terms && $2::BIGINT[] ORDER BY c.id",
        wanted,
        [number for item in wanted for number in terms_of_fingerprint(item)],
    )
    chosen = frozenset(wanted)
    return [_record(row) for row in rows if row[0] in chosen or any(item in row[6] for item in wanted)]


async def by_key_id(connection: Connection, octets: bytes, limit: int) -> list[Record]:
    """8 octets, or the last 4: certificates that share those are few."""
    rows = await connection.fetch(
        f"{_SELECT} WHERE c.terms @> ARRAY[$1::BIGINT] "
        "AND (position($2::BYTEA IN c.fingerprint) > 0 OR position($2::BYTEA IN c.keys) > 0) ORDER BY c.id LIMIT $3",
        term("key-id", octets[-4:]),
        octets,
        limit,
    )
    return list(map(_record, rows))


async def by_md5(connection: Connection, digest: bytes) -> list[Record]:
    """Equal digests, oldest first."""
    return list(map(_record, await connection.fetch(f"{_SELECT} WHERE c.md5 = $1 ORDER BY c.id", digest)))


async def by_terms(connection: Connection, terms: Sequence[int], limit: int, offset: int) -> list[Record]:
    """Certificates with all of these terms, at least one."""
    rows = await connection.fetch(
        f"{_SELECT} WHERE c.terms @> $1::BIGINT[] ORDER BY c.id LIMIT $2 OFFSET $3", terms, limit, offset
    )
    return list(map(_record, rows))


async def behind(connection: Connection, last: bytes, limit: int) -> list[Record]:
    """A page by ascending fingerprint."""
    rows = await connection.fetch(f"{_SELECT} WHERE c.fingerprint > $1 ORDER BY c.fingerprint LIMIT $2", last, limit)
    return list(map(_record, rows))


async def tombstones(connection: Connection, wanted: Sequence[bytes], now: float) -> dict[str, Burial]:
    """Those of these fingerprints that have not expired."""
    rows = await connection.fetch(
        "SELECT fingerprint, reason, until FROM tombstones WHERE fingerprint = ANY($1::BYTEA[]) "
        "AND (until IS NULL OR until > $2)",
        wanted,
        now,
    )
    return {row[0].hex(): Burial(row[1], row[2]) for row in rows}


async def tombstones_behind(connection: Connection, last: bytes, now: float, limit: int) -> list[tuple[str, Burial]]:
    """A page by ascending fingerprint."""
    rows = await connection.fetch(
        "SELECT fingerprint, reason, until FROM tombstones WHERE fingerprint > $1 AND (until IS NULL OR until > $2) "
        "ORDER BY fingerprint LIMIT $3",
        last,
        now,
        limit,
    )
    return [(row[0].hex(), Burial(row[1], row[2])) for row in rows]


async def acts(connection: Connection, after: int, limit: int) -> list[Act]:
    """A page of the audit record."""
    rows = await connection.fetch(
        "SELECT kind, fingerprint, actor, time, detail, number FROM acts WHERE number > $1 ORDER BY number LIMIT $2",
        after,
        limit,
    )
    return [Act(*row) for row in rows]


async def verified(connection: Connection, primary: bytes) -> dict[str, float]:
    """Addresses verified for a primary key."""
    rows = await connection.fetch(
        "SELECT v.email, v.time FROM certificates c JOIN verified v ON v.certificate = c.id "
        "WHERE c.fingerprint = $1 ORDER BY v.email",
        primary,
    )
    return {row[0]: row[1] for row in rows}


async def by_verified(connection: Connection, email: str, limit: int) -> list[Record]:
    """Certificates for which an address is verified."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM verified v JOIN certificates c ON c.id = v.certificate WHERE v.email = $1 "
        "ORDER BY v.time DESC, c.id DESC LIMIT $2",
        email,
        limit,
    )
    return list(map(_record, rows))


async def canonical(connection: Connection, identity: int) -> list[Record]:
    """Preferred certificates, best first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM canonical p JOIN certificates c ON c.id = p.certificate WHERE p.identity = $1 "
        "ORDER BY p.place",
        identity,
    )
    return list(map(_record, rows))


async def total(connection: Connection) -> int:
    """How many certificates there are, from the slots of the counter."""
    return int(await connection.fetchval("SELECT COALESCE(SUM(value), 0) FROM counters WHERE name = 'certificates'"))


async def counters(connection: Connection, now: float) -> tuple[int, list[Tally]]:
    """The total, and what is shown of the hours, newest first."""
    rows = await connection.fetch(
        "SELECT hour, SUM(inserted)::BIGINT, SUM(updated)::BIGINT, SUM(deleted)::BIGINT FROM tallies "
        "WHERE hour >= $1 GROUP BY hour ORDER BY hour DESC",
        oldest_shown(now),
    )
    return await total(connection), [Tally(*row) for row in rows]


async def changes(connection: Connection, after: int, limit: int) -> tuple[list[Change], bool]:
    """A page of the change feed, and whether there are changes without a number."""
    fresh = await connection.fetchval("SELECT EXISTS (SELECT 1 FROM changes WHERE number IS NULL)")
    rows = await connection.fetch(
        "SELECT number, time, fingerprint, before, after FROM changes WHERE number > $1 ORDER BY number LIMIT $2",
        after,
        limit,
    )
    return [Change(row[0], row[1], row[2].hex(), _digits(row[3]), _digits(row[4])) for row in rows], fresh


async def number_changes(attempt: Attempt) -> None:
    """Numbers some of the changes that have none, one server at a time."""
    await attempt.connection.execute(
        "WITH fresh AS (SELECT id, row_number() OVER (ORDER BY id) AS place FROM ("
        "SELECT id FROM changes WHERE number IS NULL ORDER BY id LIMIT $1) unnumbered), "
        "moved AS (UPDATE counters SET value = value + (SELECT COUNT(*) FROM fresh) "
        "WHERE name = 'changes' AND slot = 0 RETURNING value) "
        "UPDATE changes c SET number = moved.value - (SELECT COUNT(*) FROM fresh) + fresh.place "
        "FROM fresh, moved WHERE c.id = fresh.id AND c.number IS NULL",
        _NUMBERED_AT_ONCE,
    )


async def changed_between(connection: Connection, start: float, end: float) -> list[str]:
    """Fingerprints, each once."""
    rows = await connection.fetch(
        "SELECT DISTINCT fingerprint FROM changes WHERE time >= $1 AND time < $2 ORDER BY fingerprint", start, end
    )
    return [row[0].hex() for row in rows]


def _digits(value: bytes | None) -> str | None:
    return value.hex() if value is not None else None


def _record(row: Sequence[Any]) -> Record:
    return Record(row[0].hex(), row[1].hex(), row[2], row[3], row[4], row[5])
