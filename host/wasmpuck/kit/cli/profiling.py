"""`hockeypuck-plugin profile`: where a call's fuel goes."""

from __future__ import annotations

import asyncio
import contextlib
import io
from pathlib import Path
from typing import Any

import click

from wasmpuck.errors import BadRequest
from wasmpuck.kit.artifacts import read_artifact
from wasmpuck.kit.cli.options import ARTIFACT, around_options, circumstances, json_argument
from wasmpuck.kit.cli.rendering import columns, print_json, progress, say
from wasmpuck.kit.compiling import author_compiler, load_code
from wasmpuck.kit.exports import export_type
from wasmpuck.kit.flames import page, svg
from wasmpuck.kit.profiling import Profile, profile
from wasmpuck.kit.recording import Recorder
from wasmpuck.kit.stand import PluginFailed, Stand
from wasmpuck.kit.transcript import Transcript
from wasmpuck.kit.values import arguments_from_json

__all__ = ["profile_command"]


@click.command("profile")
@click.argument("artifact", type=ARTIFACT)
@click.argument("export", required=False)
@click.argument("arguments", metavar="[JSON]...", nargs=-1)
@around_options
@click.option("--transcript", type=ARTIFACT, help="Profile a call of this transcript instead of EXPORT.")
@click.option("--call", "number", type=int, help="With --transcript: which call; by default the most expensive.")
@click.option("--samples", type=click.IntRange(1, 100_000), default=200, show_default=True, help="How many to take.")
@click.option("--top", type=click.IntRange(1), default=20, show_default=True, help="How many functions are listed.")
@click.option("-o", "--output", type=ARTIFACT, help="Write a flame graph: FILE.html with a table, or FILE.svg.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: functions and stacks.")
def profile_command(
    artifact: Path,
    export: str | None,
    arguments: tuple[str, ...],
    manifest: Path | None,
    transcript: Path | None,
    number: int | None,
    samples: int,
    top: int,
    output: Path | None,
    as_json: bool,
    **around: Any,
) -> None:
    """Shows which functions of ARTIFACT use the fuel of one call.

    The call is EXPORT with JSON arguments, as for `call`, or one of a transcript. The same call gives the same profile,
    on every machine. Build with a name section (do not strip), or functions have numbers only.
    """
    if (export is None) == (transcript is None):
        raise click.UsageError("Give EXPORT, or --transcript FILE.")
    if output is not None and output.suffix not in (".html", ".svg"):
        raise click.UsageError("The flame graph is written to a file that ends with .html or .svg.")
    verified = read_artifact(artifact, manifest)
    if transcript is not None:
        recorded = Transcript.read(transcript)
    else:
        assert export is not None
        given = [json_argument(text, f"argument {place}") for place, text in enumerate(arguments, 1)]
        arguments_from_json(export_type(export), given, export)
        recorded = asyncio.run(_record(verified, circumstances(**around), export, given))
        number = max(place for place, call in enumerate(recorded.calls, 1) if call.name == export)
    if number is None:
        if not recorded.calls:
            raise BadRequest(f"{transcript} holds no calls")
        number = max(range(1, len(recorded.calls) + 1), key=lambda place: recorded.calls[place - 1].fuel)
    found = asyncio.run(_profile(verified, around["runtimes"], recorded, number, samples))
    if output is not None:
        text = svg(found) if output.suffix == ".svg" else page(found, f"{verified.name} {verified.version}")
        output.write_text(text, encoding="utf-8")
    functions = found.functions()
    if as_json:
        stacks = [{"frames": list(stack), "samples": count} for stack, count in sorted(found.stacks.items())]
        rows = [{"name": one.name, "own": round(one.own, 3), "total": round(one.total, 3)} for one in functions]
        print_json({"call": found.call, "fuel": found.fuel, "functions": rows, "stacks": stacks})
        return
    columns(
        ("own %", "total %", "function"),
        [(f"{one.own:.1f}", f"{one.total:.1f}", one.name) for one in functions[:top]],
        right=(0, 1),
    )
    say(f"{found.call}: fuel {found.fuel:,}, {found.samples:,} samples, {len(functions):,} functions")


async def _record(verified: Any, around: Any, export: str, given: list[Any]) -> Transcript:
    file = io.StringIO()
    async with contextlib.AsyncExitStack() as stack:
        with progress() as tell:
            stand = await stack.enter_async_context(
                Stand(verified, around, tap=Recorder(file), compiler=author_compiler(tell))
            )
        with contextlib.suppress(PluginFailed):  # a call that fails can be profiled too
            await stand.call(export, *given)
    return Transcript.of(file.getvalue().splitlines())


async def _profile(verified: Any, runtimes: Path | None, recorded: Transcript, number: int, samples: int) -> Profile:
    with progress() as tell:
        compiled = await load_code(verified, author_compiler(tell), runtimes)
        try:
            return await profile(compiled, recorded, number, samples=samples, progress=lambda what, _: tell(what, 0))
        finally:
            compiled.close()
