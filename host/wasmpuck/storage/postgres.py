"""Certificates in PostgreSQL, or in what speaks its language: several servers may share one database."""

from __future__ import annotations

import datetime
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

from . import postgres_quarantine as quarantine
from . import postgres_reading as reading
from . import postgres_upkeep as upkeep
from . import postgres_writing as writing
from .counting import statistics_of
from .indexing import EVERYTHING, Indexing, warn_of
from .postgres_connecting import Connection, ConnectionPool
from .postgres_retrying import Attempt, Isolation, Retrying
from .postgres_schema import migrate
from .ready import ready as prepared
from .terms import term, terms_of_query
from .upkeep import Difference, Tallied
from .values import Act, Burial, Change, Entry, Held, Query, Record, Statistics, Written

__all__ = ["PostgresKeyStore"]

_PAGE = 50
_NUMBERING = "SELECT value FROM counters WHERE name = 'changes' AND slot = 0 FOR UPDATE"
_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")


class PostgresKeyStore:
    """A `KeyStore` in the database that `url` names (`postgresql://user@host/database`).

    `password` None: that of the URL, else PGPASSWORD or ~/.pgpass. An operation that meets a serialization failure,
    a deadlock or a lost connection is tried again until `retry_for` seconds have passed since it began. `indexing`
    says which texts certificates are found by.
    """

    def __init__(
        self,
        url: str,
        *,
        password: str | None = None,
        pool_size: int = 10,
        isolation: Isolation = "read committed",
        retry_for: float = 20.0,
        indexing: Indexing = EVERYTHING,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pool = ConnectionPool(url, pool_size, password)
        self._retrying = Retrying(self._pool, isolation, retry_for)
        self._indexing = indexing
        self._clock = clock

    @property
    def retries(self) -> int:
        """How often something was tried again since the store was opened."""
        return self._retrying.retries

    async def open(self) -> None:
        self._pool.open()
        try:
            await migrate(self._retrying)
            warn_of(
                await self._retrying.transact(
                    lambda attempt: upkeep.mark(attempt.connection, self._indexing), repeatable=True
                )
            )
        except BaseException:
            await self._pool.close()
            raise

    async def close(self) -> None:
        await self._pool.close()

    # --- looking up ----------------------------------------------------------------------------

    async def fetch(self, fingerprints: Sequence[str]) -> list[Record]:
        wanted = list(dict.fromkeys(bytes.fromhex(item) for item in fingerprints))
        return await self._read(reading.by_fingerprints, wanted) if wanted else []

    async def fetch_by_key_id(self, key_id: str, *, limit: int) -> list[Record]:
        return await self._read(reading.by_key_id, bytes.fromhex(key_id), limit)

    async def fetch_by_md5(self, md5: str) -> list[Record]:
        return await self._read(reading.by_md5, bytes.fromhex(md5))

    async def fetch_by_identity(self, identity: str, *, limit: int) -> list[Record]:
        return await self._read(reading.by_terms, [term("identity", identity)], limit, 0)

    async def search(self, query: Query, *, limit: int, offset: int = 0) -> list[Record]:
        terms = terms_of_query(query)
        return await self._read(reading.by_terms, terms, limit, offset) if terms else []

    def state(self) -> int | None:
        return None

    async def iterate(self, *, after: str = "") -> AsyncIterator[Record]:
        last = bytes.fromhex(after)
        while True:
            page = await self._read(reading.behind, last, _PAGE)
            for record in page:
                yield record
            if len(page) < _PAGE:
                return
            last = bytes.fromhex(page[-1].fingerprint)

    # --- writing -------------------------------------------------------------------------------

    async def write(self, entry: Entry, *, expected: str | None) -> Written:
        return (await self.write_many([(entry, expected)]))[0]

    async def write_many(self, writes: Sequence[tuple[Entry, str | None]]) -> list[Written]:
        if not writes:
            return []
        given = [(prepared(entry, self._indexing), expected) for entry, expected in writes]
        return await self._change(lambda changing: changing.write(given), writing.WRITING)

    async def replace(
        self, entry: Entry, *, expected: str, act: Act | None = None, once: tuple[str, float] | None = None
    ) -> Written:
        given = [(prepared(entry, self._indexing), expected)]

        async def run(changing: writing.Transaction) -> Written:
            (written,) = await changing.write(given)
            if written is Written.STORED:
                if once is not None and not await changing.claim(*once):
                    raise _NotDone
                await changing.audit(act)
            return written

        try:
            return await self._change(run, writing.WRITING)
        except _NotDone:
            return Written.REPLAYED

    async def delete(self, fingerprint: str, *, expected: str | None = None) -> bool:
        return await self.erase(fingerprint, expected=expected)

    async def erase(
        self,
        fingerprint: str,
        *,
        expected: str | None = None,
        burial: Burial | None = None,
        act: Act | None = None,
        once: tuple[str, float] | None = None,
    ) -> bool:
        primary = bytes.fromhex(fingerprint)

        async def run(changing: writing.Transaction) -> bool:
            if not await changing.erase(primary, expected, burial):
                return False
            if once is not None and not await changing.claim(*once):
                raise _NotDone
            await changing.audit(act)
            return True

        try:
            return await self._change(run, writing.WRITING if burial is None else writing.BURYING)
        except _NotDone:
            return False

    # --- tombstones ----------------------------------------------------------------------------

    async def tombstones(self, fingerprints: Sequence[str]) -> dict[str, Burial]:
        return await self._read(reading.tombstones, [bytes.fromhex(item) for item in fingerprints], self._clock())

    async def exhume(self, fingerprint: str, *, act: Act | None = None) -> bool:
        primary = bytes.fromhex(fingerprint)

        async def run(changing: writing.Transaction) -> bool:
            if not await changing.exhume(primary):
                return False
            await changing.audit(act)
            return True

        return await self._change(run)

    async def iterate_tombstones(self) -> AsyncIterator[tuple[str, Burial]]:
        last, now = b"", self._clock()
        while True:
            page = await self._read(reading.tombstones_behind, last, now, _PAGE)
            for item in page:
                yield item
            if len(page) < _PAGE:
                return
            last = bytes.fromhex(page[-1][0])

    # --- quarantine ----------------------------------------------------------------------------

    async def hold(
        self,
        held: Held,
        *,
        expected: str | None,
        before: str | None,
        withdraw: bool = False,
        act: Act | None = None,
    ) -> Written:
        async def run(changing: writing.Transaction) -> Written:
            written = await quarantine.hold(changing, held, expected, before, withdraw=withdraw)
            return await _noted(changing, written, act)

        return await self._change(run, writing.BURYING)

    async def release(self, entry: Entry, *, expected: str | None, before: str, act: Act | None = None) -> Written:
        ready = prepared(entry, self._indexing)

        async def run(changing: writing.Transaction) -> Written:
            return await _noted(changing, await quarantine.release(changing, ready, expected, before), act)

        return await self._change(run, writing.WRITING)

    async def discard(self, fingerprint: str, *, before: str | None = None, act: Act | None = None) -> bool:
        primary = bytes.fromhex(fingerprint)

        async def run(changing: writing.Transaction) -> bool:
            if not await quarantine.discard(changing.attempt.connection, primary, before):
                return False
            await changing.audit(act)
            return True

        return await self._change(run)

    async def held(self, fingerprints: Sequence[str]) -> dict[str, Held]:
        return await self._read(quarantine.by_fingerprints, [bytes.fromhex(item) for item in fingerprints])

    async def holding(self, *, after: str = "", limit: int) -> list[Held]:
        return await self._read(quarantine.behind, bytes.fromhex(after), limit)

    async def count_held(self) -> int:
        return await self._read(quarantine.count)

    # --- one-time values and the audit record --------------------------------------------------

    async def claim(self, token: str, expires: float) -> bool:
        return await self._change(lambda changing: changing.claim(token, expires))

    async def audit(self, act: Act) -> None:
        await self._change(lambda changing: changing.audit(act))

    async def acts(self, *, after: int = 0, limit: int) -> list[Act]:
        return await self._read(reading.acts, after, limit)

    # --- verified addresses and preferred certificates -----------------------------------------

    async def verify_address(self, fingerprint: str, email: str, when: float) -> bool:
        primary, address = bytes.fromhex(fingerprint), writing.plain(email.lower())
        return await self._change(lambda changing: changing.verify(primary, address, when))

    async def unverify_address(self, fingerprint: str, email: str) -> bool:
        primary, address = bytes.fromhex(fingerprint), writing.plain(email.lower())
        return await self._change(lambda changing: changing.unverify(primary, address))

    async def verified_addresses(self, fingerprint: str) -> dict[str, float]:
        return await self._read(reading.verified, bytes.fromhex(fingerprint))

    async def fetch_by_verified(self, email: str, *, limit: int) -> list[Record]:
        return await self._read(reading.by_verified, writing.plain(email.lower()), limit)

    async def set_canonical(self, identity: str, fingerprints: Sequence[str]) -> None:
        chosen = [bytes.fromhex(item) for item in dict.fromkeys(fingerprints)]
        await self._change(lambda changing: changing.prefer(term("identity", identity), chosen))

    async def canonical(self, identity: str) -> list[Record]:
        return await self._read(reading.canonical, term("identity", identity))

    # --- counters and the change feed ----------------------------------------------------------

    async def count(self) -> int:
        return await self._read(reading.total)

    async def statistics(self) -> Statistics:
        now = self._clock()
        total, tallies = await self._read(reading.counters, now)
        return statistics_of(total, tallies, now)

    async def changes(self, *, after: int = 0, limit: int) -> list[Change]:
        while True:
            page, fresh = await self._read(reading.changes, after, limit)
            if len(page) >= limit or not fresh:
                return page
            await self._retrying.transact(reading.number_changes, _NUMBERING)

    async def changed_on(self, day: datetime.date) -> list[str]:
        start = datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp()
        return await self._read(reading.changed_between, start, start + 86_400)

    async def trim_changes(self, before: float) -> int:
        async def run(attempt: Attempt) -> int:
            status: str = await attempt.connection.execute("DELETE FROM changes WHERE time < $1", before)
            return int(status.rpartition(" ")[2])

        return await self._retrying.transact(run)

    # --- upkeep --------------------------------------------------------------------------------

    async def differences(self, entries: Sequence[Entry]) -> list[frozenset[Difference]]:
        return (
            await self._read(upkeep.differences, [prepared(entry, self._indexing) for entry in entries])
            if entries
            else []
        )

    async def refresh(self, entries: Sequence[Entry]) -> list[bool]:
        given = [prepared(entry, self._indexing) for entry in entries]
        return await self._change(lambda changing: upkeep.refresh(changing, given), writing.WRITING)

    async def tally(self, *, repair: bool = False) -> Tallied:
        if not repair:
            return await self._read(upkeep.tally, repair=False)
        return await self._retrying.transact(lambda attempt: upkeep.tally(attempt.connection, repair=True))

    async def reindexed(self) -> None:
        await self._retrying.transact(
            lambda attempt: upkeep.unmark(attempt.connection, self._indexing), repeatable=True
        )

    # --- connections ---------------------------------------------------------------------------

    async def _read(
        self,
        work: Callable[Concatenate[Connection, _Asked], Awaitable[_Answer]],
        *asked: _Asked.args,
        **more: _Asked.kwargs,
    ) -> _Answer:
        return await self._retrying.read(lambda connection: work(connection, *asked, **more))

    async def _change(self, work: Callable[[writing.Transaction], Awaitable[_Answer]], prelude: str = "") -> _Answer:
        now = self._clock()

        async def run(attempt: Attempt) -> _Answer:
            changing = writing.Transaction(attempt, now)
            answer = await work(changing)
            await changing.finish()
            return answer

        return await self._retrying.transact(run, prelude)


async def _noted(changing: writing.Transaction, written: Written, act: Act | None) -> Written:
    if written is Written.STORED:
        await changing.audit(act)
    return written


class _NotDone(Exception):
    """Rolls a transaction back."""
