"""How PostgreSQL compares what it holds with what it should hold, and puts it right (`upkeep.UpkeepStore`).

Its index of terms is kept by the database itself: what the column says is what is found.
"""

from __future__ import annotations

from collections.abc import Sequence

from .indexing import Indexing
from .postgres_connecting import Connection
from .postgres_writing import Transaction
from .ready import Ready
from .upkeep import Difference, Tallied

__all__ = ["differences", "mark", "refresh", "tally", "unmark"]

_COUNTER = "SELECT COALESCE(SUM(value), 0)::BIGINT FROM counters WHERE name = 'certificates'"


async def differences(connection: Connection, ready: Sequence[Ready]) -> list[frozenset[Difference]]:
    """See `UpkeepStore.differences`."""
    rows = await connection.fetch(
        "SELECT fingerprint, md5, keys, terms, summary, data FROM certificates WHERE fingerprint = ANY($1::BYTEA[])",
        [bytes.fromhex(item.entry.fingerprint) for item in ready],
    )
    stored = {row[0].hex(): row[1:] for row in rows}
    return [_compared(stored.get(item.entry.fingerprint), item) for item in ready]


def _compared(row: Sequence[object] | None, ready: Ready) -> frozenset[Difference]:
    if row is None:
        return frozenset((Difference.MISSING,))
    md5, keys, terms, summary, data = row
    pairs = (
        (Difference.BYTES, data, ready.entry.data),
        (Difference.DIGEST, md5, bytes.fromhex(ready.entry.md5)),
        (Difference.SUMMARY, summary, ready.summary),
        (Difference.INDEX, (keys, terms), (ready.index.keys, list(ready.index.terms))),
    )
    return frozenset(kind for kind, found, wanted in pairs if found != wanted)


async def refresh(changing: Transaction, ready: Sequence[Ready]) -> list[bool]:
    """See `UpkeepStore.refresh`."""
    done = []
    for item in ready:
        fingerprint, md5 = bytes.fromhex(item.entry.fingerprint), bytes.fromhex(item.entry.md5)
        before = await changing.attempt.connection.fetchval(
            "SELECT md5 FROM certificates WHERE fingerprint = $1 AND data = $2 FOR UPDATE", fingerprint, item.entry.data
        )
        done.append(before is not None)
        if before is None:
            continue
        await changing.attempt.connection.execute(
            "UPDATE certificates SET md5 = $2, keys = $3, terms = $4::BIGINT[], summary = $5 WHERE fingerprint = $1",
            fingerprint,
            md5,
            item.index.keys,
            list(item.index.terms),
            item.summary,
        )
        if before != md5:
            changing.changes.append((fingerprint, before, md5))
    return done


async def mark(connection: Connection, indexing: Indexing) -> list[str]:
    """Notes what is not indexed from now on; returns the marks of what is, and was not for all that is stored."""
    if not await connection.fetchval("SELECT EXISTS (SELECT 1 FROM certificates)"):
        await unmark(connection, indexing)
    for each in indexing.marks:
        await connection.execute("INSERT INTO counters VALUES ($1, 0, 1) ON CONFLICT DO NOTHING", each)
    rows = await connection.fetch("SELECT name FROM counters WHERE name = ANY($1::TEXT[])", list(indexing.covers))
    return [row[0] for row in rows]


async def unmark(connection: Connection, indexing: Indexing) -> None:
    """Notes that all that is stored is indexed by these rules."""
    await connection.execute("DELETE FROM counters WHERE name = ANY($1::TEXT[])", list(indexing.covers))


async def tally(connection: Connection, *, repair: bool) -> Tallied:
    """See `UpkeepStore.tally`; a repair needs a transaction around it."""
    if repair:
        await connection.execute("LOCK TABLE counters IN EXCLUSIVE MODE")
    certificates = int(await connection.fetchval("SELECT count(*) FROM certificates"))
    counter = int(await connection.fetchval(_COUNTER))
    if repair and certificates != counter:
        await connection.execute(
            "INSERT INTO counters AS c VALUES ('certificates', 0, $1) "
            "ON CONFLICT (name, slot) DO UPDATE SET value = c.value + $1",
            certificates - counter,
        )
    return Tallied(certificates, counter, 0)
