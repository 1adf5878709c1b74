"""What PostgreSQL does with certificates in quarantine.

Who puts one there holds the lock that excludes everybody who writes, as who buries does (`postgres_writing`): so a
writer sees it in quarantine, or is seen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .postgres_connecting import Connection
from .postgres_writing import Transaction, plain
from .ready import Ready
from .values import Held, Written

__all__ = ["behind", "by_fingerprints", "count", "discard", "hold", "release"]

_COLUMNS = "fingerprint, md5, data, source, reason, time"


async def hold(
    changing: Transaction, held: Held, expected: str | None, before: str | None, *, withdraw: bool
) -> Written:
    """See `KeyStore.hold`."""
    connection, fingerprint = changing.attempt.connection, bytes.fromhex(held.fingerprint)
    stored = await _md5(connection, "certificates", fingerprint)
    if stored is None and await changing.buried([fingerprint]):
        return Written.BURIED
    if stored != expected or await _md5(connection, "quarantine", fingerprint) != before:
        return Written.CONFLICT
    addresses = "{}"
    if withdraw and stored is not None:
        rows = await connection.fetch(
            "SELECT v.email, v.time FROM certificates c JOIN verified v ON v.certificate = c.id "
            "WHERE c.fingerprint = $1",
            fingerprint,
        )
        addresses = json.dumps({row[0]: row[1] for row in rows})
        await changing.remove(fingerprint, bytes.fromhex(stored))
    await connection.execute(
        f"INSERT INTO quarantine ({_COLUMNS}, addresses) VALUES ($1, $2, $3, $4, $5, $6, $7) "
        "ON CONFLICT (fingerprint) DO UPDATE SET md5 = excluded.md5, data = excluded.data, "
        "source = excluded.source, reason = excluded.reason, time = excluded.time"
        + (", addresses = excluded.addresses" if addresses != "{}" else ""),
        fingerprint,
        bytes.fromhex(held.md5),
        held.data,
        plain(held.source),
        plain(held.reason),
        held.since,
        addresses,
    )
    return Written.STORED


async def release(changing: Transaction, ready: Ready, expected: str | None, before: str) -> Written:
    """See `KeyStore.release`."""
    connection, fingerprint = changing.attempt.connection, bytes.fromhex(ready.entry.fingerprint)
    if await _md5(connection, "quarantine", fingerprint) != before:
        return Written.CONFLICT
    (written,) = await changing.write([(ready, expected)], released=True)
    if written is Written.STORED:
        addresses = await connection.fetchval(
            "DELETE FROM quarantine WHERE fingerprint = $1 RETURNING addresses", fingerprint
        )
        known = {plain(identity.lower()) for identity in ready.entry.identities}
        for email, when in json.loads(addresses).items():
            if email in known:
                await changing.verify(fingerprint, email, when)
    return written


async def discard(connection: Connection, fingerprint: bytes, before: str | None) -> bool:
    """See `KeyStore.discard`; the audit record is the caller's."""
    if before is not None and await _md5(connection, "quarantine", fingerprint) != before:
        return False
    status: str = await connection.execute("DELETE FROM quarantine WHERE fingerprint = $1", fingerprint)
    return status.endswith(" 1")


async def by_fingerprints(connection: Connection, wanted: Sequence[bytes]) -> dict[str, Held]:
    """Those of these that are in quarantine."""
    rows = await connection.fetch(f"SELECT {_COLUMNS} FROM quarantine WHERE fingerprint = ANY($1::BYTEA[])", wanted)
    return {row[0].hex(): _held(row) for row in rows}


async def behind(connection: Connection, last: bytes, limit: int) -> list[Held]:
    """A page by ascending fingerprint."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM quarantine WHERE fingerprint > $1 ORDER BY fingerprint LIMIT $2", last, limit
    )
    return list(map(_held, rows))


async def count(connection: Connection) -> int:
    """How many are in quarantine, by counting them."""
    return int(await connection.fetchval("SELECT COUNT(*) FROM quarantine"))


async def _md5(connection: Connection, table: str, fingerprint: bytes) -> str | None:
    md5: bytes | None = await connection.fetchval(
        f"SELECT md5 FROM {table} WHERE fingerprint = $1 FOR UPDATE", fingerprint
    )
    return md5.hex() if md5 is not None else None


def _held(row: Sequence[Any]) -> Held:
    return Held(row[0].hex(), row[1].hex(), row[2], row[3], row[4], row[5])
