"""Certificates of another keyserver's database on their way into the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from .hockeypuck import HockeypuckDatabase
from .intake import Intake
from .journal import Journal, Mark
from .pipeline import Settled, run
from .report import LoadReport, Refusal

__all__ = ["migrate"]


async def migrate(
    intake: Intake,
    source: HockeypuckDatabase,
    journal: Journal,
    *,
    progress: Callable[[int, int], None],
    reported: Callable[[Sequence[Refusal]], None],
) -> LoadReport:
    """Takes every certificate, under the same checks as an upload; goes on behind the journal's mark.

    `progress` gets how many rows were read and how many this run dealt with, `reported` what was refused, some at a
    time. Raises OperatorError for the source, `StorageUnavailable` for the store; what was reported before stays.
    """
    identity = ["hockeypuck", source.source]
    intake.source = "hockeypuck"
    total = LoadReport()

    async def stored(fingerprint: str) -> bool:
        return bool(await intake.store.fetch([fingerprint]))

    mark = await journal.begin(identity, stored)
    total.resumed = int(mark != Mark())

    def settled(what: Settled) -> None:
        nonlocal mark
        total.add(what.report)
        reported(what.refusals)
        mark = replace(what.batch.after, witness=what.witness or mark.witness)
        journal.note(identity, mark)
        progress(what.batch.read, total.certificates)

    await run(intake, source.batches(mark), settled)
    journal.forget(identity)
    return total
