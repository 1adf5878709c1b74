"""`wasmpuck load`: put keyrings into the store, and say what became of every certificate."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from wasmpuck import logs
from wasmpuck.cli.options import chosen_configuration, configuration_options
from wasmpuck.cli.rendering import plain, show_table
from wasmpuck.config import Configuration
from wasmpuck.errors import OperatorError
from wasmpuck.keyserver import LoadProgress, LoadReport, SubmitReport

__all__ = ["load"]

_EXAMPLES = 3  # fingerprints that are shown for each reason


@click.command()
@configuration_options
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
def load(config_file: str | None, data: str | None, use_demo: bool, files: tuple[str, ...]) -> None:
    """Load keyrings, armored or binary, into the configured store.

    Every certificate passes the same checks as an upload; loading one again changes nothing. The server may run
    meanwhile and serves each certificate as soon as it is loaded. Exits 1 when a file could not be read to its end;
    what was read before stays loaded.
    """
    configuration = chosen_configuration(config_file, use_demo, dataDir=data)
    logs.configure(configuration.server.log_format, "warning")
    paths = [Path(file) for file in files]
    refusals = _Refusals()
    with _Bar(paths) as bar:
        report = asyncio.run(_load(configuration, paths, bar, refusals))
    for table in _tables(report, refusals):
        show_table(table)
    if report.failures:
        lines = [f"{len(report.failures)} of {len(paths)} files could not be read to the end:"]
        hints = dict.fromkeys(failure.hint for failure in report.failures if failure.hint)
        raise OperatorError(
            "\n".join([*lines, *(_failed(failure.path, failure.message) for failure in report.failures)]),
            hint="\n".join(hints),
        )


async def _load(configuration: Configuration, paths: Sequence[Path], bar: _Bar, refusals: _Refusals) -> LoadReport:
    from wasmpuck.app import open_loader  # here, so that the other commands start at once

    async with open_loader(configuration) as keyserver:
        return await keyserver.load(paths, progress=bar.update, reported=refusals.add)


def _failed(path: Path, message: str) -> str:
    return f"  {message}" if str(path) in message else f"  {path}: {message}"


@dataclass(slots=True)
class _Refusals:
    """Refused certificates by the code of the reason: what was said of the first, and which they are."""

    reasons: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def add(self, path: Path, report: SubmitReport) -> None:
        """Notes the refusals of some certificates of a file."""
        for entry in report.rejected:
            _, which = self.reasons.setdefault(entry.code, (entry.comment, []))
            which.append(entry.fingerprint or f"one in {path.name}")


class _Bar:
    """A progress bar over all files, on standard error, when that is a terminal."""

    def __init__(self, paths: Sequence[Path]) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[certificates]:,} certificates"),
            TextColumn("{task.fields[rate]:,.0f}/s"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._total = sum(path.stat().st_size for path in paths if path.is_file())
        self._done: dict[Path, LoadProgress] = {}
        self._task: TaskID | None = None

    def __enter__(self) -> _Bar:
        self._progress.start()
        self._task = self._progress.add_task("loading", total=self._total or None, certificates=0, rate=0.0)
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def update(self, reached: LoadProgress) -> None:
        """Takes the progress of one file."""
        self._done[reached.path] = reached
        if self._task is None:
            return
        certificates = sum(each.certificates for each in self._done.values())
        elapsed = self._progress.tasks[0].elapsed or 0.0
        self._progress.update(
            self._task,
            description=plain(reached.path.name),
            completed=sum(each.read for each in self._done.values()),
            certificates=certificates,
            rate=certificates / elapsed if elapsed else 0.0,
        )


def _tables(report: LoadReport, refusals: _Refusals) -> list[Table]:
    taken = _table(("certificates", "number"))
    for label, number in (
        ("new", report.inserted),
        ("updated", report.updated),
        ("unchanged", report.ignored),
        ("refused", report.rejected),
        ("in all", report.certificates),
    ):
        taken.add_row(label, f"{number:,}")
    tables = [taken]
    if refusals.reasons:
        refused = _table(("refused because", "number", "why", "which"))
        for code, (why, which) in sorted(refusals.reasons.items(), key=lambda item: -len(item[1][1])):
            more = f", and {len(which) - _EXAMPLES:,} more" if len(which) > _EXAMPLES else ""
            examples = plain(", ".join(which[:_EXAMPLES]) + more)
            refused.add_row(Text(plain(code)), f"{len(which):,}", Text(plain(why)), Text(examples))
        tables.append(refused)
    if report.drops:
        dropped = _table(("packets left out by", "number"))
        for rule, number in sorted(report.drops.items(), key=lambda item: -item[1]):
            dropped.add_row(Text(plain(rule)), f"{number:,}")
        tables.append(dropped)
    return tables


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column == "number" else "left", overflow="fold")
    return table
