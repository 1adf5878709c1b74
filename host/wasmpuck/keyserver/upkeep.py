"""Does the store hold what it should, and by what is it found: looked at certificate by certificate, and put right.

Theory of operation. Worker processes make from the stored bytes what would be stored beside them today; the store
compares. The loop goes by ascending fingerprint and holds a few pages, so that a server can work meanwhile; a
certificate that is changed after it was read is left to whoever changes it, who writes all of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from wasmpuck.openpgp import MalformedPacket, Policy, Unparseable
from wasmpuck.openpgp.ingest import Prepared, Rejected, combine, prepare
from wasmpuck.openpgp.splitter import Piece
from wasmpuck.storage import Difference, Record, UpkeepStore, Written

from .intake import entry_of
from .workers import Workers

__all__ = ["Defect", "Finding", "Upkeep", "UpkeepReport"]

_PAGE = 200
_PAGE_BYTES = 1 << 20
_AHEAD = 2


class Defect(StrEnum):
    """What may be wrong with a stored certificate. The value is shown to operators and written to reports."""

    UNREADABLE = "unreadable"
    """Its bytes cannot be read."""
    REFUSED = "refused"
    """It would not be taken today: the rules or their limits were others when it was stored."""
    OTHER_KEY = "other-key"
    """Its bytes are those of another key."""
    RULES = "rules"
    """Today other packets, or the same in another order, would be kept of it."""
    DIGEST = "digest"
    SUMMARY = "summary"
    INDEX = "index"
    COUNTER = "counter"
    """The counter of certificates is not how many there are."""
    STRAY = "stray"
    """Rows of the index that belong to no certificate."""


_MENDED = {
    Difference.DIGEST: Defect.DIGEST,
    Difference.SUMMARY: Defect.SUMMARY,
    Difference.INDEX: Defect.INDEX,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be; `fingerprint` is empty for what concerns no single certificate."""

    fingerprint: str
    defect: Defect
    text: str
    repaired: bool = False


@dataclass(slots=True)
class UpkeepReport:
    """Certificates looked at, how many were written anew, findings by kind, and how many of them are repaired."""

    certificates: int = 0
    rewritten: int = 0
    found: Counter[Defect] = field(default_factory=Counter)
    repaired: int = 0

    @property
    def left(self) -> int:
        """Findings that are still there."""
        return self.found.total() - self.repaired


_Remade = Prepared | Rejected | None
"""What would be stored today; None for bytes that cannot be read."""


def _remake(data: Sequence[bytes], policy: Policy, validate: bool) -> list[_Remade]:
    """In a worker: from the bytes of certificates; without `validate` no signature is checked again."""
    return [_remake_one(each, policy, validate) for each in data]


def _remake_one(data: bytes, policy: Policy, validate: bool) -> _Remade:
    try:
        made = prepare(Piece(data, 0), policy) if validate else combine(data, data, policy)
    except (MalformedPacket, Unparseable):
        return None
    return made if isinstance(made, Prepared | Rejected) else None


@dataclass(slots=True)
class Upkeep:
    """One walk through a store. `noted` gets each finding, `reached` the number done and the last fingerprint."""

    store: UpkeepStore
    workers: Workers
    policy: Policy
    noted: Callable[[Finding], None]
    reached: Callable[[int, str], None]
    report: UpkeepReport = field(default_factory=UpkeepReport)

    async def verify(self, *, repair: bool) -> UpkeepReport:
        """Parses and validates every certificate again and compares all that is kept beside it, and the counter.

        With `repair` everything that follows from the stored bytes is written anew. What is unreadable, of another
        key or would be refused stays as it is: nobody but the operator should remove a certificate.
        """
        await self._walk("", repair=repair, validate=True)
        await self._count(repair=repair)
        return self.report

    async def reindex(self, *, after: str = "") -> UpkeepReport:
        """Makes summaries and index anew from the stored bytes, behind a fingerprint, where they are others today.

        One that goes on where another was ended counts as the end of that.
        """
        await self._walk(after, repair=True, validate=False)
        await self.store.reindexed()
        return self.report

    async def _walk(self, after: str, *, repair: bool, validate: bool) -> None:
        running: deque[tuple[asyncio.Task[list[_Remade]], list[Record]]] = deque()

        async def first() -> None:
            task, records = running[0]
            remade = await task
            running.popleft()
            await self._compare(records, remade, repair=repair)
            self.report.certificates += len(records)
            self.reached(self.report.certificates, records[-1].fingerprint)

        try:
            async for records in _pages(self.store.iterate(after=after)):
                work = self.workers.run(_remake, [record.data for record in records], self.policy, validate)
                running.append((asyncio.create_task(work), records))
                if len(running) > _AHEAD * self.workers.count:
                    await first()
            while running:
                await first()
        finally:
            for task, _ in running:
                task.cancel()
            await asyncio.gather(*(task for task, _ in running), return_exceptions=True)

    async def _compare(self, records: Sequence[Record], remade: Sequence[_Remade], *, repair: bool) -> None:
        whole: list[tuple[Record, Prepared]] = []
        for record, made in zip(records, remade, strict=True):
            if made is None:
                self._note(record, Defect.UNREADABLE, "Its bytes cannot be read.")
            elif isinstance(made, Rejected):
                self._note(record, Defect.REFUSED, f"{made.code}: {made.text}")
            elif made.fingerprint != record.fingerprint:
                self._note(record, Defect.OTHER_KEY, f"Its bytes are those of {made.fingerprint}.")
            elif made.data != record.data:
                await self._rule(record, made, repair=repair)
            else:
                whole.append((record, made))
        entries = [entry_of(made) for _, made in whole]
        for (record, made), differences in zip(whole, await self.store.differences(entries), strict=True):
            if differences & {Difference.MISSING, Difference.BYTES}:
                continue  # changed since it was read: whoever did that wrote all of it
            if not differences:
                continue
            done = repair and (await self.store.refresh([entry_of(made)]))[0]
            self.report.rewritten += done
            for difference in sorted(differences):
                self._note(record, _MENDED[difference], f"The {difference} is not what follows from its bytes.", done)

    async def _rule(self, record: Record, made: Prepared, *, repair: bool) -> None:
        drops = ", ".join(f"{number} {rule}" for rule, number in made.drops)
        text = f"Today it would be stored otherwise ({drops or 'another order'})."
        done = repair and await self.store.write(entry_of(made), expected=record.md5) is Written.STORED
        self.report.rewritten += done
        self._note(record, Defect.RULES, text, done)

    async def _count(self, *, repair: bool) -> None:
        tallied = await self.store.tally(repair=repair)
        if tallied.certificates != tallied.counter:
            text = f"The counter says {tallied.counter} certificates, there are {tallied.certificates}."
            self._found(Finding("", Defect.COUNTER, text, repair))
        if tallied.stray:
            text = f"{tallied.stray} rows of the index belong to no certificate."
            self._found(Finding("", Defect.STRAY, text, repair))

    def _note(self, record: Record, defect: Defect, text: str, repaired: bool = False) -> None:
        self._found(Finding(record.fingerprint, defect, text, repaired))

    def _found(self, finding: Finding) -> None:
        self.report.found[finding.defect] += 1
        self.report.repaired += finding.repaired
        self.noted(finding)


async def _pages(records: AsyncIterator[Record]) -> AsyncIterator[list[Record]]:
    page: list[Record] = []
    size = 0
    async for record in records:
        page.append(record)
        size += len(record.data)
        if len(page) >= _PAGE or size >= _PAGE_BYTES:
            yield page
            page, size = [], 0
    if page:
        yield page
