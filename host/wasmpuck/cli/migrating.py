"""`wasmpuck migrate`: take over another keyserver's certificates."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from wasmpuck import logs
from wasmpuck.cli.loading import journal_of, load
from wasmpuck.cli.options import chosen_configuration, configuration_options
from wasmpuck.cli.progress import Meter
from wasmpuck.cli.refusals import Refusals, ReportFile, load_tables
from wasmpuck.cli.rendering import show_table
from wasmpuck.config import Configuration
from wasmpuck.keyserver import Journal, LoadReport, Refusal
from wasmpuck.keyserver.hockeypuck import HockeypuckDatabase
from wasmpuck.keyserver.migrating import migrate as take_over

__all__ = ["migrate"]

_NAME = "hockeypuck"


@click.group()
def migrate() -> None:
    """Take over the certificates of another keyserver."""


@migrate.command(_NAME)
@configuration_options
@click.option("--resume/--fresh", default=True, help="Go on where an earlier run was ended, or begin anew.")
@click.option(
    "--report",
    "report_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write each refused certificate with its reason to FILE: JSON lines, or CSV if it ends in .csv.",
)
@click.argument("source", metavar="SOURCE")
@click.pass_context
def hockeypuck(
    ctx: click.Context,
    config_file: str | None,
    data: str | None,
    use_demo: bool,
    resume: bool,
    report_file: Path | None,
    source: str,
) -> None:
    """Take over what a Hockeypuck 2 has stored.

    SOURCE is its PostgreSQL database, as postgresql://USER@HOST/DATABASE or as the DSN in hockeypuck.conf, or a folder
    of dumps made by hockeypuck-dump. The source is only read; Hockeypuck may run meanwhile. The password is better
    given as PGPASSWORD than in SOURCE.

    Every certificate passes the same checks as an upload, and this command can be repeated: what was ended goes on
    where it was. Exits 0 when everything was read, whatever was refused.
    """
    if Path(source).exists():
        ctx.invoke(
            load,
            config_file=config_file,
            data=data,
            use_demo=use_demo,
            resume=resume,
            report_file=report_file,
            files=(Path(source),),
        )
        return
    configuration = chosen_configuration(config_file, use_demo, dataDir=data)
    logs.configure(configuration.server.log_format, "warning")
    refusals = Refusals()
    database = HockeypuckDatabase(source)
    journal = journal_of(configuration, fresh=not resume)
    with contextlib.ExitStack() as stack:
        written = stack.enter_context(ReportFile(report_file)) if report_file is not None else None

        def reported(refused: Sequence[Refusal]) -> None:
            refusals.add(_NAME, refused)
            if written is not None:
                written.begin(resumed=journal.resumed)
                written.add(_NAME, refused)

        report = asyncio.run(_migrate(configuration, database, journal, reported))
    if report.resumed:
        click.echo("an earlier run had taken over a part (--fresh takes over everything anew)")
    for table in load_tables(report, refusals):
        show_table(table)
    if database.differing:
        click.echo(f"documents that do not have the digest that Hockeypuck noted: {database.differing:,}")


async def _migrate(
    configuration: Configuration,
    database: HockeypuckDatabase,
    journal: Journal,
    reported: Callable[[Sequence[Refusal]], None],
) -> LoadReport:
    from wasmpuck.app import open_loader  # here, so that the other commands start at once

    total = await database.count()
    async with open_loader(configuration) as keyserver:
        with Meter("migrating", total, in_bytes=False) as meter:
            intake = keyserver.bulk_intake()
            return await take_over(intake, database, journal, progress=meter.show, reported=reported)
