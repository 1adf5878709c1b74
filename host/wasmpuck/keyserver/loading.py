"""Keyring files of any size, certificate by certificate, parsed on all processors and stored in batches.

Theory of operation. A thread reads and cuts, worker processes vet, the loop merges and stores, each a few batches
ahead of the next, in the order of the file. A batch is one transaction, so a crash loses at most the batches that
were not reported.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from wasmpuck.openpgp.armor import BrokenArmor, looks_armored
from wasmpuck.openpgp.ingest import Outcome, prepare_many
from wasmpuck.openpgp.policy import Policy
from wasmpuck.openpgp.splitter import Piece, pieces_of_armor, pieces_of_packets

from .intake import Intake
from .report import LoadFailure, LoadProgress, LoadReport, SubmitReport

__all__ = ["load"]

_CHUNK = 1 << 20
_LINE = 1 << 13
_BATCH_BYTES = 1 << 20
_BATCH_PIECES = 200
_AHEAD = 2  # batches in flight for each worker process

ProgressHook = Callable[[LoadProgress], None]
ReportHook = Callable[[Path, SubmitReport], None]


async def load(
    intake: Intake, paths: Iterable[Path], *, progress: ProgressHook | None, reported: ReportHook | None
) -> LoadReport:
    """See `Keyserver.load`."""
    total = LoadReport()
    for path in paths:
        try:
            with await asyncio.to_thread(path.open, "rb") as file:
                await _load_file(intake, path, file, total, progress, reported)
        except OSError as error:
            hint = "Give a file that the user who runs this may read."
            total.failures.append(LoadFailure(path, f"{path} cannot be read: {error.strerror or error}.", hint))
        except BrokenArmor as error:
            total.failures.append(LoadFailure(path, error.message, error.hint))
    return total


async def _load_file(
    intake: Intake,
    path: Path,
    file: BinaryIO,
    total: LoadReport,
    progress: ProgressHook | None,
    reported: ReportHook | None,
) -> None:
    size = os.fstat(file.fileno()).st_size
    before = total.certificates
    running: deque[tuple[asyncio.Task[list[Outcome]], int]] = deque()
    batches = _batches(_pieces(file, intake.policy))
    broken: BrokenArmor | None = None

    async def settle() -> None:
        task, read = running[0]
        outcomes = await task
        running.popleft()
        intake.report = report = SubmitReport()
        await intake.take_many(outcomes)
        total.add(report)
        if reported is not None:
            reported(path, report)
        if progress is not None:
            progress(LoadProgress(path, read, size, total.certificates - before))

    try:
        while broken is None:
            try:
                batch = await asyncio.to_thread(next, batches, None)
            except BrokenArmor as error:
                broken = error
                break
            if batch is None:
                break
            for problem in (piece.problem for piece in batch if piece.problem is not None):
                total.failures.append(LoadFailure(path, problem.message, problem.hint))
            task = asyncio.create_task(intake.workers.run(prepare_many, batch, intake.policy))
            running.append((task, file.tell()))
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


def _batches(pieces: Iterator[Piece]) -> Iterator[Sequence[Piece]]:
    """What was whole before a broken place comes as a batch before the exception does."""
    batch: list[Piece] = []
    size = 0
    broken: BrokenArmor | None = None
    while True:
        try:
            piece = next(pieces, None)
        except BrokenArmor as error:
            broken, piece = error, None
        if piece is not None:
            batch.append(piece)
            size += len(piece.data)
        if batch and (piece is None or size >= _BATCH_BYTES or len(batch) >= _BATCH_PIECES):
            yield batch
            batch, size = [], 0
        if broken is not None:
            raise broken
        if piece is None:
            return


def _pieces(file: BinaryIO, policy: Policy) -> Iterator[Piece]:
    start = file.read(_LINE)
    file.seek(0)
    if looks_armored(start):
        # Bounded, so that a file that is one endless line does not fill the memory.
        return pieces_of_armor(iter(lambda: file.readline(_LINE), b""), policy.max_incoming_bytes)
    return pieces_of_packets(iter(lambda: file.read(_CHUNK), b""), policy.max_incoming_bytes)
