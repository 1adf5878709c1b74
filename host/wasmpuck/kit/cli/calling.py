"""`hockeypuck-plugin call`: one export, JSON in and out."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import click

from wasmpuck.kit.artifacts import read_artifact
from wasmpuck.kit.cli.options import ARTIFACT, around_options, circumstances, json_argument
from wasmpuck.kit.cli.rendering import print_json, progress, say
from wasmpuck.kit.compiling import author_compiler
from wasmpuck.kit.exports import export_type
from wasmpuck.kit.stand import PluginFailed, Stand
from wasmpuck.kit.values import arguments_from_json

__all__ = ["call"]


@click.command()
@click.argument("artifact", type=ARTIFACT)
@click.argument("export")
@click.argument("arguments", metavar="[JSON]...", nargs=-1)
@around_options
@click.option("--advance", type=float, default=0.0, metavar="SECONDS", help="Lets time pass first, so that tasks run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: result or failure, fuel, log, storage, …")
def call(
    artifact: Path,
    export: str,
    arguments: tuple[str, ...],
    manifest: Path | None,
    advance: float,
    as_json: bool,
    **around: Any,
) -> None:
    """Calls EXPORT (interface.function) of ARTIFACT in the real runtime, with one JSON value for each parameter.

    JSON may be `-` for standard input or @FILE. The result goes to standard output, what the plugin logs and what the
    call cost to standard error. A failed call ends with exit code 1.
    """
    given = [json_argument(text, f"argument {number}") for number, text in enumerate(arguments, 1)]
    arguments_from_json(export_type(export), given, export)  # before the plugin is loaded
    verified = read_artifact(artifact, manifest)
    found = asyncio.run(_call(verified, circumstances(**around), export, given, advance))
    failure = found.pop("exception")
    if as_json:
        print_json(found)
        click.get_current_context().exit(0 if failure is None else 1)
    if failure is not None:
        raise failure
    print_json(found["result"])
    for line in found["log"]:
        fields = "".join(f" {name}={value}" for name, value in line["fields"].items())
        say(f"{line['level']} {line['message']}{fields}")
    say(f"fuel {found['fuel']:,} of {found['budget']:,} ({100 * found['fuel'] / found['budget']:.2g} %)")


async def _call(verified: Any, around: Any, export: str, given: list[Any], advance: float) -> dict[str, Any]:
    async with contextlib.AsyncExitStack() as stack:
        with progress() as tell:
            stand = await stack.enter_async_context(Stand(verified, around, compiler=author_compiler(tell)))
        await stand.advance(advance)
        failure: PluginFailed | None = None
        found: dict[str, Any] = {}
        try:
            found["result"] = await stand.call(export, *given)
        except PluginFailed as error:
            failure = error
            found["failure"] = {
                "reason": str(error.reason),
                "message": error.message,
                "backtrace": error.backtrace.splitlines(),
            }
        return found | {
            "fuel": stand.fuel,
            "budget": stand.plugin.limits.fuel,
            "log": [line.to_json() for line in stand.log],
            "metrics": stand.metrics,
            "storage": {key: value for key, value in stand.storage.items() if not isinstance(value, bytes)},
            "published": [event._asdict() for event in stand.published],
            "exception": failure,
        }
