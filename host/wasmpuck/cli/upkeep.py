"""`wasmpuck verify` and `wasmpuck reindex`: is the store what it should be, and make it so."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import click

from wasmpuck import __version__, logs
from wasmpuck.cli.loading import journal_of
from wasmpuck.cli.options import chosen_configuration, configuration_options
from wasmpuck.cli.progress import Meter
from wasmpuck.cli.refusals import number_table
from wasmpuck.cli.rendering import plain, show_table
from wasmpuck.config import Configuration
from wasmpuck.errors import OperatorError
from wasmpuck.keyserver import Mark
from wasmpuck.keyserver.upkeep import Finding, Upkeep, UpkeepReport
from wasmpuck.storage import UpkeepStore

__all__ = ["reindex", "verify"]

_SHOWN = 20  # findings


@click.command()
@configuration_options
@click.option("--repair", is_flag=True, help="Write anew what follows from the stored bytes.")
@click.option(
    "--report",
    "report_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write each finding to FILE as a line of JSON.",
)
def verify(config_file: str | None, data: str | None, use_demo: bool, repair: bool, report_file: Path | None) -> None:
    """Look at every stored certificate as if it came in today.

    Its packets are parsed and its self-signatures checked again; digest, summary and index are compared with what
    follows from its bytes, and the counter with how many certificates there are. The server may run meanwhile.

    Exits 0 when everything is as it should be, or was repaired, and 1 when something is not. --repair never removes a
    certificate; one that the present rules keep less of is stored as they have it.
    """
    configuration = _configuration(config_file, data, use_demo)
    findings: list[Finding] = []
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(report_file.open("w", encoding="utf-8")) if report_file is not None else None

        def noted(finding: Finding) -> None:
            if len(findings) < _SHOWN:
                findings.append(finding)
            if file is not None:
                line = {name: getattr(finding, name) for name in ("fingerprint", "defect", "text", "repaired")}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")

        report = asyncio.run(
            _with_upkeep(configuration, "verifying", noted, _nothing, lambda upkeep: upkeep.verify(repair=repair))
        )
    _show(report)
    for finding in findings:
        place = finding.fingerprint or "the store"
        click.echo(f"{place}: {plain(finding.text)}{' (repaired)' if finding.repaired else ''}")
    if report.left:
        hint = "wasmpuck verify --repair writes anew what follows from the stored bytes." if not repair else ""
        raise OperatorError(f"{report.left:,} findings are left", hint=hint)


@click.command()
@configuration_options
@click.option("--resume/--fresh", default=True, help="Go on where an earlier run was ended, or begin anew.")
def reindex(config_file: str | None, data: str | None, use_demo: bool, resume: bool) -> None:
    """Make summaries and search index anew from the stored certificates.

    For after an upgrade whose notes ask for it. The server may run meanwhile; nothing looks changed to those who ask
    what has changed, and what was right before is not written.
    """
    configuration = _configuration(config_file, data, use_demo)
    journal = journal_of(configuration, fresh=not resume)
    identity = ["reindex", __version__]

    def reached(fingerprint: str) -> None:
        journal.note(identity, Mark(key=fingerprint, witness=fingerprint))

    async def work(upkeep: Upkeep) -> UpkeepReport:
        async def stored(fingerprint: str) -> bool:
            return bool(await upkeep.store.fetch([fingerprint]))

        mark = await journal.begin(identity, stored)
        return await upkeep.reindex(after=mark.key)

    report = asyncio.run(_with_upkeep(configuration, "reindexing", lambda finding: None, reached, work))
    journal.forget(identity)
    _show(report)
    if report.left:
        raise OperatorError(f"{report.left:,} certificates cannot be indexed", hint="wasmpuck verify says why.")


def _configuration(config_file: str | None, data: str | None, use_demo: bool) -> Configuration:
    configuration = chosen_configuration(config_file, use_demo, dataDir=data)
    logs.configure(configuration.server.log_format, "warning")
    return configuration


def _nothing(fingerprint: str) -> None:
    """Nothing is remembered of a verification."""


async def _with_upkeep(
    configuration: Configuration,
    what: str,
    noted: Callable[[Finding], None],
    reached: Callable[[str], None],
    work: Callable[[Upkeep], Awaitable[UpkeepReport]],
) -> UpkeepReport:
    from wasmpuck.app import open_keyserver  # here, so that the other commands start at once

    async with open_keyserver(configuration) as keyserver:
        with Meter(what, await keyserver.store.count(), in_bytes=False) as meter:

            def both(number: int, fingerprint: str) -> None:
                meter.show(number, number)
                reached(fingerprint)

            store = cast("UpkeepStore", keyserver.store)  # every backend that can be configured is one
            return await work(Upkeep(store, keyserver.workers, keyserver.policy, noted, both))


def _show(report: UpkeepReport) -> None:
    rows = [("looked at", report.certificates), ("written anew", report.rewritten)]
    rows += [(f"found: {defect}", number) for defect, number in report.found.most_common()]
    show_table(number_table("certificates", rows))
