"""`hockeypuck-plugin replay`: a transcript against a plugin."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from wasmpuck.kit.artifacts import read_artifact
from wasmpuck.kit.cli.errors import FAILED
from wasmpuck.kit.cli.options import ARTIFACT, manifest_option, runtimes_option
from wasmpuck.kit.cli.rendering import print_json, progress
from wasmpuck.kit.compiling import author_compiler, load_code
from wasmpuck.kit.replaying import Difference, compare
from wasmpuck.kit.transcript import Transcript
from wasmpuck.logs import escape

__all__ = ["replay"]


@click.command()
@click.argument("artifact", type=ARTIFACT)
@click.argument("transcript", type=ARTIFACT)
@manifest_option
@runtimes_option
@click.option("--ignore-fuel", is_flag=True, help="Do not call it a difference when only the fuel differs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def replay(
    artifact: Path, transcript: Path, manifest: Path | None, runtimes: Path | None, ignore_fuel: bool, as_json: bool
) -> None:
    """Makes the calls of TRANSCRIPT on ARTIFACT again and compares host calls, results and fuel.

    Host calls are answered as they were when it was recorded. Every difference is shown, and then it ends with 1.
    """
    recorded = Transcript.read(transcript)
    verified = read_artifact(artifact, manifest)
    differences = asyncio.run(_replay(verified, runtimes, recorded, ignore_fuel))
    if as_json:
        found = [
            {"call": one.number, "export": one.call.name, "what": one.what, "diff": one.diff} for one in differences
        ]
        print_json({"calls": len(recorded.calls), "same": not differences, "differences": found})
    else:
        for difference in differences:
            _show(difference)
        changed = "" if verified.digest == recorded.head.digest else "; the artifact is another than the recorded one"
        click.echo(f"{len(recorded.calls):,} calls, {len(differences):,} differences{changed}")
    click.get_current_context().exit(FAILED if differences else 0)


def _show(difference: Difference) -> None:
    head, *diff = str(difference).splitlines()
    click.echo(click.style(escape(head), bold=True))
    for line in diff:
        click.echo(click.style(f"  {escape(line)}", fg={"+": "green", "-": "red"}.get(line[:1])))


async def _replay(verified: Any, runtimes: Path | None, recorded: Transcript, ignore_fuel: bool) -> list[Difference]:
    with progress() as tell:
        compiled = await load_code(verified, author_compiler(tell), runtimes)
    try:
        return await compare(compiled, recorded, ignore_fuel=ignore_fuel)
    finally:
        compiled.close()
