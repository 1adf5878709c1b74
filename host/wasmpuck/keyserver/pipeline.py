"""Many certificates on their way into the store: vetted on all processors, stored in batches, in their order.

Theory of operation. Whoever reads gives batches; worker processes vet some of them ahead, the loop merges and stores
one after the other. A batch is one transaction as far as it holds different certificates, so a crash loses at most
batches that were not reported. What is held is bounded by the number of batches ahead and the size of each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from wasmpuck.openpgp.ingest import Outcome, Prepared, Rejected, prepare_many
from wasmpuck.openpgp.splitter import Piece

from .intake import Intake
from .journal import Mark
from .report import Refusal, SubmitEntry, SubmitReport

__all__ = ["BATCH_BYTES", "BATCH_PIECES", "Batch", "Settled", "run"]

BATCH_BYTES = 1 << 20
BATCH_PIECES = 500  # fewer cost a third more in transactions, more gain nothing
_AHEAD = 2  # batches in flight for each worker process


@dataclass(frozen=True, slots=True)
class Batch:
    """Pieces in their order. `after` is where their source goes on behind them, `read` how much of it was read.

    `refused` are those that did not get as far as being pieces.
    """

    pieces: Sequence[Piece]
    after: Mark
    read: int = 0
    refused: Sequence[Refusal] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """A batch whose certificates are durable or refused. `witness` is one of its fingerprints that is stored, or ""."""

    batch: Batch
    report: SubmitReport
    refusals: Sequence[Refusal]
    witness: str


async def run(intake: Intake, batches: AsyncIterator[Batch], settled: Callable[[Settled], None]) -> None:
    """Takes every batch. Raises what `batches` raises, when everything before it is settled, and what the store and
    admission raise, at once.
    """
    running: deque[tuple[asyncio.Task[list[Outcome]], Batch]] = deque()

    async def settle() -> None:
        task, batch = running[0]
        outcomes = await task
        running.popleft()
        settled(await _store(intake, batch, outcomes))

    broken: Exception | None = None
    try:
        while True:
            try:
                batch = await anext(batches, None)
            except Exception as error:
                broken = error
                break
            if batch is None:
                break
            work = intake.workers.run(prepare_many, batch.pieces, intake.policy)
            running.append((asyncio.create_task(work), batch))
            if len(running) > _AHEAD * intake.workers.count:
                await settle()
        while running:
            await settle()
    finally:
        for task, _ in running:
            task.cancel()
        await asyncio.gather(*(task for task, _ in running), return_exceptions=True)
    if broken is not None:
        raise broken


async def _store(intake: Intake, batch: Batch, outcomes: Sequence[Outcome]) -> Settled:
    intake.report = report = SubmitReport()
    refusals: list[Refusal] = []
    places: dict[str, int] = {}
    group: list[Prepared] = []

    def note(offset: int | None, since: int) -> None:
        refusals.extend(
            _refusal(entry, places.get(entry.fingerprint, 0) if offset is None else offset)
            for entry in report.rejected[since:]
        )

    async def flush() -> None:
        since = len(report.rejected)
        await intake.take_many(group)
        note(None, since)
        group.clear()

    for piece, outcome in zip(batch.pieces, outcomes, strict=True):
        if isinstance(outcome, Prepared):
            group.append(outcome)
            places[outcome.fingerprint] = piece.offset
            continue
        if not isinstance(outcome, Rejected):
            await flush()  # it may be about a certificate before it
        since = len(report.rejected)
        await intake.take(outcome)
        note(piece.offset, since)
    await flush()
    for refused in batch.refused:
        report.rejected.append(SubmitEntry(refused.version, refused.fingerprint, refused.text, refused.code))
        refusals.append(refused)
    refusals.sort(key=lambda refusal: refusal.offset)
    return Settled(batch, report, refusals, _witness(report))


def _refusal(entry: SubmitEntry, offset: int) -> Refusal:
    return Refusal(offset, entry.fingerprint, entry.version, entry.code, entry.comment)


def _witness(report: SubmitReport) -> str:
    for entries in (report.inserted, report.updated, report.ignored):
        if entries:
            return entries[-1].fingerprint
    return ""
