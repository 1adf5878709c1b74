"""Keyrings of any size and number, certificate by certificate, into the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from wasmpuck.openpgp.armor import BrokenArmor, looks_armored
from wasmpuck.openpgp.packets import MalformedPacket
from wasmpuck.openpgp.policy import Policy
from wasmpuck.openpgp.splitter import Piece, pieces_of_armor, pieces_of_packets

from .intake import Intake
from .journal import Journal, Mark
from .pipeline import BATCH_BYTES, BATCH_PIECES, Batch, Settled, run
from .report import LoadFailure, LoadProgress, LoadReport, Refusal, SubmitReport
from .sources import BrokenStream, Source, Stream, expand

__all__ = ["ProgressHook", "ReportHook", "load"]

_CHUNK = 1 << 20
_LINE = 1 << 13

ProgressHook = Callable[[LoadProgress], None]
ReportHook = Callable[[Path, SubmitReport, Sequence[Refusal]], None]


async def load(
    intake: Intake,
    paths: Iterable[Path],
    *,
    journal: Journal | None = None,
    progress: ProgressHook | None = None,
    reported: ReportHook | None = None,
) -> LoadReport:
    """See `Keyserver.load`."""
    total = LoadReport()
    loader = _Loader(intake, journal, total, progress, reported)
    met: list[Any] = []
    for source in await asyncio.to_thread(lambda: list(expand(paths))):
        try:
            met.append(identity := source.identity)
            await loader.load(source, identity)
        except OSError as error:
            hint = "Give a file that the user who runs this may read."
            reason = f"{source.path} cannot be read: {error.strerror or error}."
            total.failures.append(LoadFailure(source.path, reason, hint))
        except (BrokenArmor, BrokenStream) as error:
            total.failures.append(LoadFailure(source.path, error.message, error.hint))
    if journal is not None and not total.failures:
        for identity in met:
            if identity is not None:
                journal.forget(identity)
    return total


@dataclass(slots=True)
class _Loader:
    intake: Intake
    journal: Journal | None
    total: LoadReport
    progress: ProgressHook | None
    reported: ReportHook | None

    async def load(self, source: Source, identity: Any) -> None:
        """One source. Raises OSError, `BrokenArmor`, `BrokenStream` after what came before is stored."""
        mark = Mark()
        if self.journal is not None and identity is not None:
            mark = await self.journal.begin(identity, self._is_stored)
            self.total.resumed += mark != Mark()
        if mark.done:
            self._show(LoadProgress(source.path, source.size, source.size, 0))
            return
        before = self.total.certificates
        self.intake.source = source.path.name

        def settled(what: Settled) -> None:
            nonlocal mark
            for piece in what.batch.pieces:
                if piece.problem is not None:
                    self.total.failures.append(LoadFailure(source.path, piece.problem.message, piece.problem.hint))
            self.total.add(what.report)
            if self.reported is not None:
                self.reported(source.path, what.report, what.refusals)
            mark = replace(what.batch.after, witness=what.witness or mark.witness)
            if self.journal is not None and identity is not None:
                self.journal.note(identity, mark)
            self._show(LoadProgress(source.path, what.batch.read, source.size, self.total.certificates - before))

        stream = await asyncio.to_thread(source.open)
        try:
            await run(self.intake, _in_thread(_batches(stream, self.intake.policy, mark)), settled)
        finally:
            stream.close()

    def _show(self, progress: LoadProgress) -> None:
        if self.progress is not None:
            self.progress(progress)

    async def _is_stored(self, fingerprint: str) -> bool:
        return bool(await self.intake.store.fetch([fingerprint]))


async def _in_thread(batches: Iterator[Batch]) -> AsyncIterator[Batch]:
    while (batch := await asyncio.to_thread(next, batches, None)) is not None:
        yield batch


def _batches(stream: Stream, policy: Policy, mark: Mark) -> Iterator[Batch]:
    """From `mark` on. What is whole before a broken place comes as a batch before the exception does."""
    batch: list[Piece] = []
    size, count, offset = 0, mark.pieces, mark.offset
    pieces = _pieces(stream, policy, mark)
    broken: BrokenArmor | BrokenStream | OSError | None = None
    failed = False
    while True:
        try:
            piece = next(pieces, None)
        except (BrokenArmor, BrokenStream, OSError) as error:
            broken, piece = error, None
        if batch and (piece is None or size >= BATCH_BYTES or len(batch) >= BATCH_PIECES or piece.problem is not None):
            done = piece is None and not failed and broken is None
            # At a broken place it goes on with the certificate before: that place is to be found, and told, again.
            place = offset if piece is None or piece.problem is not None else piece.offset
            yield Batch(batch, Mark(count, place, done=done), stream.taken)
            batch, size = [], 0
        if piece is None:
            break
        if piece.problem is None:
            offset = piece.offset
        else:
            failed = True
        batch.append(piece)
        size += len(piece.data)
        count += 1
    if broken is not None:
        raise broken


def _pieces(stream: Stream, policy: Policy, mark: Mark) -> Iterator[Piece]:
    """The pieces behind a mark: in armor by their number, else by the offset."""
    most = policy.max_incoming_bytes
    if looks_armored(stream.start):
        # Bounded, so that a file that is one endless line does not fill the memory.
        lines = iter(lambda: stream.file.readline(_LINE), b"")
        yield from islice(pieces_of_armor(lines, most), mark.pieces, None)
        return
    if mark.offset:
        stream.skip(mark.offset)
    for piece in pieces_of_packets(iter(lambda: stream.file.read(_CHUNK), b""), most):
        problem = piece.problem
        if mark.offset and problem is not None:
            problem = MalformedPacket(problem.offset + mark.offset, problem.reason)
        yield replace(piece, offset=piece.offset + mark.offset, problem=problem) if mark.offset else piece
