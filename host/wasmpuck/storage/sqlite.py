"""Certificates in one SQLite file: a writer, and readers that never wait for it (write-ahead log)."""

from __future__ import annotations

import asyncio
import datetime
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from . import sqlite_quarantine as quarantine
from . import sqlite_reading as reading
from . import sqlite_upkeep as upkeep
from . import sqlite_writing as writing
from .connection import Database, migrate
from .counting import statistics_of
from .indexing import EVERYTHING, Indexing, warn_of
from .prompt import PromptReader
from .ready import ready as prepared
from .schema import CERTIFICATES
from .terms import term, terms_of_query
from .upkeep import Difference, Tallied
from .values import Act, Burial, Change, Entry, Held, Query, Record, Statistics, Written

__all__ = ["SQLiteKeyStore"]

_PAGE = 50
_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")


class SQLiteKeyStore:
    """A `KeyStore` in the file `path`; its folder is made if it is not there.

    `indexing` says which texts certificates are found by. `readers` connections serve lookups at once; each has a
    thread that sleeps when there is nothing to do.
    """

    def __init__(
        self,
        path: Path,
        *,
        readers: int = 2,
        indexing: Indexing = EVERYTHING,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._indexing = indexing
        self._clock = clock
        self._stack = AsyncExitStack()
        self._writer = Database(path, writer=True)
        self._readers = [Database(path, writer=False) for _ in range(readers)]
        self._idle: asyncio.LifoQueue[Database] = asyncio.LifoQueue()
        self._prompt = PromptReader(path)

    async def open(self) -> None:
        async with AsyncExitStack() as stack:
            for database in (self._writer, *self._readers):
                stack.push_async_callback(database.close)
                await database.open()
                if database is self._writer:
                    await migrate(database, "certificates", CERTIFICATES)
                    warn_of(await database.transact(lambda writer: writing.mark(writer, self._indexing)))
                else:
                    self._idle.put_nowait(database)
            self._prompt.open()
            stack.callback(self._prompt.close)
            self._stack = stack.pop_all()

    async def close(self) -> None:
        await self._stack.aclose()

    # --- looking up ----------------------------------------------------------------------------

    async def fetch(self, fingerprints: Sequence[str]) -> list[Record]:
        wanted = list(dict.fromkeys(bytes.fromhex(item) for item in fingerprints))
        if len(wanted) == 1:
            found = self._prompt.read(lambda database: reading.by_fingerprint(database, wanted[0]))
            if found is not None:
                return found
        return await self._read(reading.by_fingerprints, wanted)

    async def fetch_by_key_id(self, key_id: str, *, limit: int) -> list[Record]:
        octets = bytes.fromhex(key_id)
        return await self._read(reading.by_key_id, octets, limit)

    async def fetch_by_md5(self, md5: str) -> list[Record]:
        digest = bytes.fromhex(md5)
        return await self._read(reading.by_md5, digest)

    async def fetch_by_identity(self, identity: str, *, limit: int) -> list[Record]:
        terms = [term("identity", identity)]
        return await self._read(reading.by_terms, terms, limit, 0)

    async def search(self, query: Query, *, limit: int, offset: int = 0) -> list[Record]:
        terms = terms_of_query(query)
        if query.kind == "identity" and len(terms) == 1:
            found = self._prompt.read(lambda database: reading.by_terms(database, terms, limit, offset))
            if found is not None:
                return found
        return await self._read(reading.by_terms, terms, limit, offset) if terms else []

    def state(self) -> int | None:
        return self._prompt.read(reading.version)

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
        ready = [(prepared(entry, self._indexing), expected) for entry, expected in writes]
        return await self._change(lambda changing: [changing.write(item, expected) for item, expected in ready])

    async def replace(
        self, entry: Entry, *, expected: str, act: Act | None = None, once: tuple[str, float] | None = None
    ) -> Written:
        ready = prepared(entry, self._indexing)

        def run(changing: writing.Transaction) -> Written:
            written = changing.write(ready, expected)
            if written is Written.STORED:
                if once is not None and not writing.claim(changing.database, *once, changing.now):
                    raise _NotDone
                changing.audit(act)
            return written

        try:
            written = await self._change(run)
        except _NotDone:
            return Written.REPLAYED
        if written is Written.STORED:
            await self._writer.forget()  # what the replacement lacks
        return written

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

        def run(changing: writing.Transaction) -> bool:
            if not changing.erase(primary, expected, burial):
                return False
            if once is not None and not writing.claim(changing.database, *once, changing.now):
                raise _NotDone
            changing.audit(act)
            return True

        try:
            done = await self._change(run)
        except _NotDone:
            return False
        if done:
            await self._writer.forget()
        return done

    # --- tombstones ----------------------------------------------------------------------------

    async def tombstones(self, fingerprints: Sequence[str]) -> dict[str, Burial]:
        wanted, now = [bytes.fromhex(item) for item in fingerprints], self._clock()
        return await self._read(reading.tombstones, wanted, now)

    async def exhume(self, fingerprint: str, *, act: Act | None = None) -> bool:
        primary = bytes.fromhex(fingerprint)
        return await self._change(lambda changing: changing.exhume(primary, act))

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
        def run(changing: writing.Transaction) -> Written:
            return _noted(changing, quarantine.hold(changing, held, expected, before, withdraw=withdraw), act)

        written = await self._change(run)
        if withdraw and written is Written.STORED:
            await self._writer.forget()
        return written

    async def release(self, entry: Entry, *, expected: str | None, before: str, act: Act | None = None) -> Written:
        ready = prepared(entry, self._indexing)
        return await self._change(
            lambda changing: _noted(changing, quarantine.release(changing, ready, expected, before), act)
        )

    async def discard(self, fingerprint: str, *, before: str | None = None, act: Act | None = None) -> bool:
        primary = bytes.fromhex(fingerprint)

        def run(changing: writing.Transaction) -> bool:
            if not quarantine.discard(changing.database, primary, before):
                return False
            changing.audit(act)
            return True

        done = await self._change(run)
        if done:
            await self._writer.forget()
        return done

    async def held(self, fingerprints: Sequence[str]) -> dict[str, Held]:
        wanted = [bytes.fromhex(item) for item in fingerprints]
        return await self._read(quarantine.by_fingerprints, wanted)

    async def holding(self, *, after: str = "", limit: int) -> list[Held]:
        return await self._read(quarantine.behind, bytes.fromhex(after), limit)

    async def count_held(self) -> int:
        return await self._read(quarantine.count)

    # --- one-time values and the audit record --------------------------------------------------

    async def claim(self, token: str, expires: float) -> bool:
        return await self._change(lambda changing: writing.claim(changing.database, token, expires, changing.now))

    async def audit(self, act: Act) -> None:
        await self._change(lambda changing: changing.audit(act))

    async def acts(self, *, after: int = 0, limit: int) -> list[Act]:
        return await self._read(reading.acts, after, limit)

    # --- verified addresses and preferred certificates -----------------------------------------

    async def verify_address(self, fingerprint: str, email: str, when: float) -> bool:
        primary, address = bytes.fromhex(fingerprint), email.lower()
        return await self._change(lambda changing: changing.verify(primary, address, when))

    async def unverify_address(self, fingerprint: str, email: str) -> bool:
        primary, address = bytes.fromhex(fingerprint), email.lower()
        return await self._change(lambda changing: changing.unverify(primary, address))

    async def verified_addresses(self, fingerprint: str) -> dict[str, float]:
        primary = bytes.fromhex(fingerprint)
        return await self._read(reading.verified, primary)

    async def fetch_by_verified(self, email: str, *, limit: int) -> list[Record]:
        address = email.lower()
        return await self._read(reading.by_verified, address, limit)

    async def set_canonical(self, identity: str, fingerprints: Sequence[str]) -> None:
        name, chosen = identity.lower(), [bytes.fromhex(item) for item in dict.fromkeys(fingerprints)]
        await self._change(lambda changing: changing.prefer(name, chosen))

    async def canonical(self, identity: str) -> list[Record]:
        name = identity.lower()
        return await self._read(reading.canonical, name)

    # --- counters and the change feed ----------------------------------------------------------

    async def count(self) -> int:
        return await self._read(reading.total)

    async def statistics(self) -> Statistics:
        now = self._clock()
        total, tallies = await self._read(reading.counters, now)
        return statistics_of(total, tallies, now)

    async def changes(self, *, after: int = 0, limit: int) -> list[Change]:
        return await self._read(reading.changes, after, limit)

    async def changed_on(self, day: datetime.date) -> list[str]:
        return await self._read(reading.changed_on, (day - datetime.date(1970, 1, 1)).days)

    async def trim_changes(self, before: float) -> int:
        return await self._change(lambda changing: changing.trim(before))

    # --- upkeep --------------------------------------------------------------------------------

    async def differences(self, entries: Sequence[Entry]) -> list[frozenset[Difference]]:
        ready = [prepared(entry, self._indexing) for entry in entries]
        return await self._read(lambda database: [upkeep.differences(database, item) for item in ready])

    async def refresh(self, entries: Sequence[Entry]) -> list[bool]:
        ready = [prepared(entry, self._indexing) for entry in entries]
        return await self._change(lambda changing: [upkeep.refresh(changing, item) for item in ready])

    async def tally(self, *, repair: bool = False) -> Tallied:
        if repair:
            return await self._change(lambda changing: upkeep.tally(changing.database, repair=True))
        return await self._read(upkeep.tally, repair=False)

    async def reindexed(self) -> None:
        await self._change(lambda changing: writing.unmark(changing.database, self._indexing))

    # --- connections ---------------------------------------------------------------------------

    async def _read(
        self,
        work: Callable[Concatenate[sqlite3.Connection, _Asked], _Answer],
        *asked: _Asked.args,
        **more: _Asked.kwargs,
    ) -> _Answer:
        reader = await self._idle.get()
        try:
            return await reader.run(lambda database: work(database, *asked, **more))
        finally:
            self._idle.put_nowait(reader)

    async def _change(self, work: Callable[[writing.Transaction], _Answer]) -> _Answer:
        now = self._clock()

        def run(database: sqlite3.Connection) -> _Answer:
            changing = writing.Transaction(database, now)
            answer = work(changing)
            changing.finish()
            return answer

        return await self._writer.transact(run)


def _noted(changing: writing.Transaction, written: Written, act: Act | None) -> Written:
    if written is Written.STORED:
        changing.audit(act)
    return written


class _NotDone(Exception):
    """Rolls a transaction back."""
