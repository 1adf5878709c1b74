"""`hockeypuck-plugin run`: a scratch server with the plugin in it."""

from __future__ import annotations

import asyncio
import errno
import json
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from wasmpuck.errors import OperatorError
from wasmpuck.kit.building import build
from wasmpuck.kit.cli.options import ARTIFACT, circumstances, runtimes_option
from wasmpuck.kit.cli.rendering import progress, say
from wasmpuck.kit.running import Runner
from wasmpuck.logs import escape

__all__ = ["run"]

_SLOW_EVERY: Final = 5  # seconds between two lines about the same slow step
_PORT = click.IntRange(0, 65535)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".")
@click.option("--port", type=_PORT, default=11371, show_default=True, help="Where HKP is served; 0 takes a free one.")
@click.option("--admin-port", type=_PORT, default=0, show_default=True, help="The same for administration and metrics.")
@click.option("--settings", metavar="JSON", default="{}", help="The plugin's settings: JSON, or @FILE.")
@click.option(
    "--grant",
    "grants",
    metavar="NAME",
    multiple=True,
    help="An interface that the plugin may import; by default all that its manifest asks for. May be repeated.",
)
@click.option(
    "--limit",
    "limits",
    metavar="KEY=VALUE",
    multiple=True,
    help="A limit as in the plugin's table `limits`, such as fuel=100000 or deadline=50ms. May be repeated.",
)
@click.option("--secret", "secrets", metavar="NAME=VALUE", multiple=True, help="A secret. May be repeated.")
@click.option("--file", "files", metavar="NAME=PATH", multiple=True, help="A data file. May be repeated.")
@click.option("--keys", type=ARTIFACT, multiple=True, help="Further certificates that the server has. May be repeated.")
@click.option("--with", "beside", type=ARTIFACT, multiple=True, help="Another plugin's artifact. May be repeated.")
@runtimes_option
@click.option("--once", is_flag=True, help="End when the server is ready, for scripts.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def run(
    folder: Path,
    port: int,
    admin_port: int,
    keys: tuple[Path, ...],
    beside: tuple[Path, ...],
    once: bool,
    as_json: bool,
    **around: Any,
) -> None:
    """Runs a scratch server with the plugin in FOLDER, and follows its sources.

    The server is on the loopback, its data in a folder that goes away, with the demonstration's certificates.
    Signatures are not asked for and everything that the manifest asks for is granted. When a source changes the plugin
    is built and swapped; a failure is shown, and the generation before stays. Fuel of calls and log lines are shown as
    they come. Ends with Control-C.
    """
    given = circumstances(**around)
    for number in {port, admin_port} - {0}:
        _refuse_taken(number)
    with progress() as tell:
        built = build(folder, runtimes=given.runtimes, progress=tell)
    shown = _in_json if as_json else _in_words
    shown(
        "unsafe",
        message="for development only: signatures are not verified, and the plugin is granted all that it asks for; "
        "its requests may go anywhere",
    )
    runner = Runner(folder, shown, around=given, port=port, admin_port=admin_port, certificates=keys, beside=beside)
    asyncio.run(_run(runner, built.path, once))


async def _run(runner: Runner, artifact: Path, once: bool) -> None:
    stop = asyncio.Event()
    if once:
        stop.set()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await runner.run(artifact, stop, progress=_slow)


def _slow(what: str, seconds: float) -> None:
    if int(seconds) % _SLOW_EVERY == 0:
        say(f"{what}: {seconds:.0f} s so far")


def _refuse_taken(port: int) -> None:
    """Said before anything is built. Raises `OperatorError`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as problem:
            why = "another program uses it" if problem.errno == errno.EADDRINUSE else str(problem.strerror)
            raise OperatorError(
                f"port {port} cannot be had: {why}",
                hint="choose another with --port or --admin-port, 0 takes a free one",
            ) from None


def _in_json(what: str, **facts: Any) -> None:
    _print(json.dumps({"what": what, **facts}, ensure_ascii=False))


def _in_words(what: str, **facts: Any) -> None:
    for line in _WORDS[what](facts):
        _print(line)


def _print(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def _ready(facts: dict[str, Any]) -> list[str]:
    generation = f"plugin={facts['plugin']} version={facts['version']} generation={facts['generation']}"
    lines = [f"ready hkp={facts['hkp']} admin={facts['admin']} metrics={facts['metrics']} {generation}"]
    lines.append(f"  worlds   {', '.join(facts['worlds'])}")
    lines.append(f"  grants   {', '.join(facts['grants']) or 'none'}")
    lines.append(f"  try      curl -i '{facts['hkp']}/pks/lookup?op=index&search=ada@example.org'")
    if "routes" in facts["worlds"]:
        lines.append(f"  routes   {facts['hkp']}/plugins/{facts['plugin']}/")
    lines.append("  stop     Control-C")
    return lines


def _calls(facts: dict[str, Any]) -> list[str]:
    count = f"{facts['calls']:,} calls, each " if facts["calls"] > 1 else ""
    share = f" ({100 * facts['fuel'] / facts['budget']:.2f} %)" if facts["budget"] else ""
    failed = click.style(f", {facts['failed']:,} failed", fg="red") if facts["failed"] else ""
    cost = f"{count}fuel {facts['fuel']:,}{share}, {1000 * facts['seconds']:.2f} ms"
    return [click.style(f"{'call':<7}", fg="cyan") + f"{facts['export']}: {cost}{failed}"]


def _log(facts: dict[str, Any]) -> list[str]:
    short = {name: value for name, value in facts["fields"].items() if "\n" not in value}
    fields = "".join(f" {name}={value}" for name, value in short.items())
    long = "".join(f"\n{value}" for name, value in facts["fields"].items() if name not in short)
    level = facts["level"]
    return _marked("log", _COLOURS.get(level, "green"), f"{level} {facts['message']}{fields}{long}")


def _server(facts: dict[str, Any]) -> list[str]:
    return _marked("server", _COLOURS.get(facts["level"], "yellow"), facts["message"])


def _marked(mark: str, colour: str, text: str) -> list[str]:
    first, *rest = text.splitlines() or [""]
    return [click.style(f"{mark:<7}", fg=colour) + escape(first), *(f"       {escape(line)}" for line in rest)]


def _swapped(facts: dict[str, Any]) -> list[str]:
    generation = f"plugin={facts['plugin']} version={facts['version']} generation={facts['generation']}"
    return [click.style("swapped", fg="green", bold=True) + f" {generation} seconds={facts['seconds']}"]


def _refused(facts: dict[str, Any]) -> list[str]:
    hint = f"\nhint: {facts['hint']}" if facts["hint"] else ""
    return _marked(
        "failed", "red", f"{facts['plugin']} is refused: {facts['reason']}{hint}\nthe generation before stays"
    )


_COLOURS = {"warn": "yellow", "error": "red", "critical": "red"}

_WORDS: Final[dict[str, Callable[[dict[str, Any]], list[str]]]] = {
    "unsafe": lambda facts: _marked("unsafe", "red", facts["message"]),
    "ready": _ready,
    "building": lambda facts: _marked("build", "cyan", f"{', '.join(facts['changed'])} changed"),
    "build-failed": lambda facts: _marked("failed", "red", f"{facts['output']}\nthe generation before stays"),
    "swapped": _swapped,
    "unchanged": lambda facts: _marked("build", "cyan", "the same plugin as before"),
    "disabled": lambda facts: _marked("server", "yellow", f"{facts['plugin']} is disabled"),
    "refused": _refused,
    "calls": _calls,
    "log": _log,
    "server": _server,
    "stopping": lambda facts: ["stopped"],
}
