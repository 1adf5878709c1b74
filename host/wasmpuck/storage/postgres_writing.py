"""What PostgreSQL does to change certificates: any number of them in a few statements.

Theory of operation, at READ COMMITTED. The rows of the certificates concerned are locked first, in the order of their
fingerprints, so that compare and set is decided once the others are done. Who buries holds a lock that excludes
everybody who writes, and takes it first: so a writer sees a tombstone, or the one who buries sees the certificate.
At SERIALIZABLE the same statements run, and what the locks do not settle is a serialization failure.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from .claims import token_digest
from .counting import HOUR
from .postgres_connecting import Overtaken
from .postgres_retrying import Attempt
from .ready import Ready
from .values import Act, Burial, Entry, Written

__all__ = ["BURYING", "WRITING", "Transaction", "plain"]

_LOCK = 0x5A5_0002
WRITING = f"SELECT pg_advisory_xact_lock_shared({_LOCK})"
BURYING = f"SELECT pg_advisory_xact_lock({_LOCK})"
_SLOTS = 256

_INSERT = """
    INSERT INTO certificates (fingerprint, md5, created, modified, keys, terms, summary, data)
    SELECT g.fingerprint, g.md5, $3, $3, g.keys, g.terms::BIGINT[], g.summary, g.data
    FROM unnest($1::BYTEA[], $2::BYTEA[], $4::BYTEA[], $5::TEXT[], $6::BYTEA[], $7::BYTEA[])
    WITH ORDINALITY AS g (fingerprint, md5, keys, terms, summary, data, place) ORDER BY g.place
    ON CONFLICT (fingerprint) DO NOTHING
"""
_UPDATE = """
    UPDATE certificates c
    SET md5 = g.md5, modified = $3, keys = g.keys, terms = g.terms::BIGINT[], summary = g.summary, data = g.data
    FROM unnest($1::BYTEA[], $2::BYTEA[], $4::BYTEA[], $5::TEXT[], $6::BYTEA[], $7::BYTEA[])
    AS g (fingerprint, md5, keys, terms, summary, data)
    WHERE c.fingerprint = g.fingerprint
"""
_FINISH = """
    WITH marked AS (INSERT INTO commits VALUES ($1, $2)),
    logged AS (
        INSERT INTO changes (time, fingerprint, before, after)
        SELECT $3, g.fingerprint, g.before, g.after FROM unnest($4::BYTEA[], $5::BYTEA[], $6::BYTEA[])
        WITH ORDINALITY AS g (fingerprint, before, after, place) ORDER BY g.place
    ),
    counted AS (
        INSERT INTO counters AS c VALUES ('certificates', $7, $10::BIGINT - $12::BIGINT)
        ON CONFLICT (name, slot) DO UPDATE SET value = c.value + excluded.value
    )
    INSERT INTO tallies AS t VALUES ($9, $8, $10, $11, $12) ON CONFLICT (hour, slot) DO UPDATE
    SET inserted = t.inserted + excluded.inserted, updated = t.updated + excluded.updated,
        deleted = t.deleted + excluded.deleted
"""


def plain(text: str) -> str:
    """What PostgreSQL takes as text: no NUL, no halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


@dataclass(slots=True)
class Transaction:
    """Changes of certificates in one transaction; `finish` writes mark, feed and counters."""

    attempt: Attempt
    now: float
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    changes: list[tuple[bytes, bytes | None, bytes | None]] = field(default_factory=list)

    async def write(self, writes: Sequence[tuple[Ready, str | None]], *, released: bool = False) -> list[Written]:
        """See `KeyStore.write_many`. `released`: they come from quarantine, where they may still be. Raises
        `Overtaken`.
        """
        wanted = sorted({bytes.fromhex(ready.entry.fingerprint) for ready, _ in writes})
        rows = await self.attempt.connection.fetch(
            "SELECT fingerprint, md5, EXISTS (SELECT 1 FROM verified v WHERE v.certificate = c.id) "
            "FROM certificates c WHERE fingerprint = ANY($1::BYTEA[]) ORDER BY fingerprint FOR UPDATE OF c",
            wanted,
        )
        stored: dict[bytes, bytes] = {row[0]: row[1] for row in rows}
        verified = {row[0] for row in rows if row[2]}
        absent = [item for item in wanted if item not in stored]
        buried = await self.buried(absent)
        held = frozenset[bytes]() if released else await self._held(absent)
        known = frozenset(stored)
        final: dict[bytes, Ready] = {}
        answers = []
        for ready, expected in writes:
            fingerprint, md5 = bytes.fromhex(ready.entry.fingerprint), bytes.fromhex(ready.entry.md5)
            before = stored.get(fingerprint)
            if before is None and fingerprint in buried:
                answers.append(Written.BURIED)
                continue
            if before is None and fingerprint in held:
                answers.append(Written.HELD)
                continue
            if (before.hex() if before is not None else None) != expected:
                answers.append(Written.CONFLICT)
                continue
            answers.append(Written.STORED)
            self.changes.append((fingerprint, before, md5))
            self.inserted += before is None
            self.updated += before is not None
            stored[fingerprint] = md5
            final[fingerprint] = ready
        await self._put(_INSERT, [item for key, item in final.items() if key not in known])
        await self._put(_UPDATE, [item for key, item in final.items() if key in known])
        for fingerprint in verified.intersection(final):
            await self._forget_addresses(fingerprint, final[fingerprint].entry)
        return answers

    async def erase(self, fingerprint: bytes, expected: str | None, burial: Burial | None) -> bool:
        """See `KeyStore.erase`; audit record and one-time value are the caller's."""
        connection = self.attempt.connection
        md5: bytes | None = await connection.fetchval(
            "SELECT md5 FROM certificates WHERE fingerprint = $1 FOR UPDATE", fingerprint
        )
        if expected is not None and (md5 is None or md5.hex() != expected):
            return False
        if md5 is not None:
            await self.remove(fingerprint, md5)
        freed: str = await connection.execute("DELETE FROM quarantine WHERE fingerprint = $1", fingerprint)
        if burial is not None:
            await connection.execute(
                "INSERT INTO tombstones VALUES ($1, $2, $3) "
                "ON CONFLICT (fingerprint) DO UPDATE SET reason = excluded.reason, until = excluded.until",
                fingerprint,
                plain(burial.reason),
                burial.until,
            )
        return md5 is not None or freed.endswith(" 1") or burial is not None

    async def remove(self, fingerprint: bytes, md5: bytes) -> None:
        """Takes a stored certificate with this digest out of publication; its row is locked."""
        await self.attempt.connection.execute("DELETE FROM certificates WHERE fingerprint = $1", fingerprint)
        self.deleted += 1
        self.changes.append((fingerprint, md5, None))

    async def exhume(self, fingerprint: bytes) -> bool:
        """See `KeyStore.exhume`; the audit record is the caller's."""
        rows = await self.attempt.connection.fetch(
            "DELETE FROM tombstones WHERE fingerprint = $1 RETURNING until IS NULL OR until > $2", fingerprint, self.now
        )
        return any(row[0] for row in rows)

    async def claim(self, token: str, expires: float) -> bool:
        """See `KeyStore.claim`; forgets what has expired."""
        connection = self.attempt.connection
        await connection.execute("DELETE FROM claims WHERE expires <= $1", self.now)
        if expires <= self.now:
            return False
        status: str = await connection.execute(
            "INSERT INTO claims VALUES ($1, $2) ON CONFLICT DO NOTHING", token_digest(token), expires
        )
        return status.endswith(" 1")

    async def audit(self, act: Act | None) -> None:
        """Appends to the audit record; who does so waits for the one before, so that numbers have no gaps."""
        if act is None:
            return
        await self.attempt.connection.execute(
            "WITH next AS (UPDATE counters SET value = value + 1 WHERE name = 'acts' AND slot = 0 RETURNING value) "
            "INSERT INTO acts SELECT value, $1, $2, $3, $4, $5 FROM next",
            plain(act.kind),
            plain(act.fingerprint),
            plain(act.actor),
            act.when,
            plain(act.detail),
        )

    async def verify(self, fingerprint: bytes, email: str, when: float) -> bool:
        """See `KeyStore.verify_address`."""
        status: str = await self.attempt.connection.execute(
            "INSERT INTO verified SELECT id, $2, $3 FROM certificates WHERE fingerprint = $1 "
            "ON CONFLICT (certificate, email) DO UPDATE SET time = excluded.time",
            fingerprint,
            email,
            when,
        )
        return status.endswith(" 1")

    async def unverify(self, fingerprint: bytes, email: str) -> bool:
        """See `KeyStore.unverify_address`."""
        status: str = await self.attempt.connection.execute(
            "DELETE FROM verified WHERE email = $2 AND "
            "certificate = (SELECT id FROM certificates WHERE fingerprint = $1)",
            fingerprint,
            email,
        )
        return status.endswith(" 1")

    async def prefer(self, identity: int, fingerprints: Sequence[bytes]) -> None:
        """See `KeyStore.set_canonical`."""
        await self.attempt.connection.execute("DELETE FROM canonical WHERE identity = $1", identity)
        await self.attempt.connection.execute(
            "INSERT INTO canonical SELECT $1, g.place, c.id FROM unnest($2::BYTEA[]) "
            "WITH ORDINALITY AS g (fingerprint, place) JOIN certificates c ON c.fingerprint = g.fingerprint",
            identity,
            fingerprints,
        )

    async def finish(self) -> None:
        """Writes the mark, the change feed and the counters, in one statement."""
        if not self.changes:
            return
        # Where the mark lies there from the beginning of this attempt, a second one is only another row to sweep.
        mark = random.randbytes(len(self.attempt.mark)) if self.attempt.left else self.attempt.mark
        # Connections of the same time have different process ids at the server, so they rarely share a slot.
        slot = self.attempt.connection.get_server_pid() % _SLOTS
        fingerprints, before, after = (list(column) for column in zip(*self.changes, strict=True))
        hour = int(self.now) // HOUR * HOUR
        counts = (self.inserted, self.updated, self.deleted)
        await self.attempt.connection.execute(
            _FINISH, mark, time.time(), self.now, fingerprints, before, after, slot, slot, hour, *counts
        )
        self.attempt.left = True

    async def _put(self, statement: str, entries: Sequence[Ready]) -> None:
        if not entries:
            return
        status: str = await self.attempt.connection.execute(
            statement,
            [bytes.fromhex(item.entry.fingerprint) for item in entries],
            [bytes.fromhex(item.entry.md5) for item in entries],
            self.now,
            [item.index.keys for item in entries],
            ["{" + ",".join(map(str, item.index.terms)) + "}" for item in entries],
            [item.summary for item in entries],
            [item.entry.data for item in entries],
        )
        if int(status.rpartition(" ")[2]) != len(entries):
            raise Overtaken

    async def buried(self, fingerprints: Sequence[bytes]) -> frozenset[bytes]:
        """Those that a tombstone keeps out."""
        if not fingerprints:
            return frozenset()
        rows = await self.attempt.connection.fetch(
            "SELECT fingerprint FROM tombstones WHERE fingerprint = ANY($1::BYTEA[]) AND (until IS NULL OR until > $2)",
            fingerprints,
            self.now,
        )
        return frozenset(row[0] for row in rows)

    async def _held(self, fingerprints: Sequence[bytes]) -> frozenset[bytes]:
        if not fingerprints:
            return frozenset()
        rows = await self.attempt.connection.fetch(
            "SELECT fingerprint FROM quarantine WHERE fingerprint = ANY($1::BYTEA[])", fingerprints
        )
        return frozenset(row[0] for row in rows)

    async def _forget_addresses(self, fingerprint: bytes, entry: Entry) -> None:
        await self.attempt.connection.execute(
            "DELETE FROM verified v USING certificates c WHERE c.fingerprint = $1 AND v.certificate = c.id "
            "AND NOT v.email = ANY($2::TEXT[])",
            fingerprint,
            [plain(identity.lower()) for identity in entry.identities],
        )
