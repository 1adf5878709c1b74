"""`wasmpuck load`: put keyrings into the store, and say what became of every certificate."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from wasmpuck import logs
from wasmpuck.cli.options import chosen_configuration, configuration_options
from wasmpuck.cli.progress import Meter
from wasmpuck.cli.refusals import Refusals, ReportFile, load_tables
from wasmpuck.cli.rendering import show_table
from wasmpuck.config import Configuration
from wasmpuck.errors import OperatorError
from wasmpuck.keyserver import (
    Journal,
    LoadFailure,
    LoadProgress,
    LoadReport,
    ProgressHook,
    Refusal,
    ReportHook,
    SubmitReport,
    expand,
)

__all__ = ["describe_failures", "journal_of", "load"]


@click.command()
@configuration_options
@click.option(
    "--resume/--fresh", default=True, help="Go on where an earlier loading of the same files ended, or begin anew."
)
@click.option(
    "--report",
    "report_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write each refused certificate with its reason to FILE: JSON lines, or CSV if it ends in .csv.",
)
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
def load(
    config_file: str | None,
    data: str | None,
    use_demo: bool,
    resume: bool,
    report_file: Path | None,
    files: tuple[Path, ...],
) -> None:
    """Load keyrings into the configured store.

    FILE is a keyring, armored or binary, a folder of them, or - for standard input; gzip, bzip2, xz and zstd are
    unpacked on the way. Every certificate passes the same checks as an upload; loading one again changes nothing. The
    server may run meanwhile and serves each certificate as soon as it is loaded.

    What was ended goes on where it was when the same command is given again, unless a file or the rules have changed
    since. Exits 0 when every file was read to its end, whatever was refused, and 1 when one was not; what was read
    before stays loaded.
    """
    configuration = chosen_configuration(config_file, use_demo, dataDir=data)
    logs.configure(configuration.server.log_format, "warning")
    refusals = Refusals()
    with contextlib.ExitStack() as stack:
        written = stack.enter_context(ReportFile(report_file)) if report_file is not None else None
        meter = stack.enter_context(Meter("loading", sum(source.size for source in expand(files)), in_bytes=True))
        done: dict[Path, LoadProgress] = {}

        def progress(reached: LoadProgress) -> None:
            done[reached.path] = reached
            certificates = sum(each.certificates for each in done.values())
            meter.show(sum(each.read for each in done.values()), certificates, reached.path.name)

        def reported(path: Path, _: SubmitReport, refused: Sequence[Refusal]) -> None:
            refusals.add(path.name, refused)
            if written is not None:
                written.begin(resumed=journal.resumed)
                written.add(str(path), refused)

        journal = journal_of(configuration, fresh=not resume)
        report = asyncio.run(_load(configuration, files, journal, progress, reported))
        if written is not None:
            written.begin(resumed=journal.resumed)
    if report.resumed:
        click.echo(f"files loaded in part or in whole before: {report.resumed} (--fresh loads all of them anew)")
    for table in load_tables(report, refusals):
        show_table(table)
    if report.failures:
        raise describe_failures(report.failures)


async def _load(
    configuration: Configuration,
    paths: Sequence[Path],
    journal: Journal,
    progress: ProgressHook,
    reported: ReportHook,
) -> LoadReport:
    from wasmpuck.app import open_loader  # here, so that the other commands start at once

    async with open_loader(configuration) as keyserver:
        return await keyserver.load(paths, journal=journal, progress=progress, reported=reported)


def journal_of(configuration: Configuration, *, fresh: bool) -> Journal:
    """Where the data folder keeps how far each loading got, under the present rules."""
    folder = configuration.server.data_dir
    return Journal(folder / "loading", repr(configuration.openpgp), fresh=fresh)


def describe_failures(failures: Iterable[LoadFailure]) -> OperatorError:
    """The error that names all of them, with each hint once."""
    found = list(failures)
    number = len({failure.path for failure in found})
    lines = [f"{number} {'file' if number == 1 else 'files'} could not be read to the end:"]
    for failure in found:
        named = str(failure.path) in failure.message
        lines.append(f"  {failure.message}" if named else f"  {failure.path}: {failure.message}")
    hints = dict.fromkeys(failure.hint for failure in found if failure.hint)
    return OperatorError("\n".join(lines), hint="\n".join(hints))
