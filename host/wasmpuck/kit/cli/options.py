"""Options that several commands share: what a plugin finds on its stand."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from wasmpuck.config import PluginLimits
from wasmpuck.config.fields import settings_of
from wasmpuck.config.kinds import BadValue, nearest
from wasmpuck.errors import BadRequest
from wasmpuck.kit.circumstances import Circumstances
from wasmpuck.kit.clock import START
from wasmpuck.kit.errors import UnusableFile
from wasmpuck.kit.neighbours import Neighbour
from wasmpuck.kit.peers import Peer

__all__ = ["ARTIFACT", "around_options", "circumstances", "json_argument", "manifest_option", "runtimes_option"]

Command = TypeVar("Command", bound=Callable[..., Any])
Entry = TypeVar("Entry")

ARTIFACT = click.Path(path_type=Path, dir_okay=False)

manifest_option = click.option(
    "--manifest",
    type=ARTIFACT,
    help="The plugin.toml of a component without manifest; by default the nearest beside or above it.",
)


runtimes_option = click.option(
    "--runtimes",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the language runtimes for scripts; by default those that come with Wasmpuck.",
)


def around_options(command: Command) -> Command:
    """Adds the options that `circumstances` reads, and `--manifest`."""
    for option in (
        manifest_option,
        runtimes_option,
        click.option(
            "--keys", type=ARTIFACT, multiple=True, help="Certificates that the keyserver has. May be repeated."
        ),
        click.option("--peers", type=ARTIFACT, help="What other servers answer to `http-client`: JSON (docs/kit.md)."),
        click.option(
            "--neighbours", type=ARTIFACT, help="What other plugins answer to `messaging`: JSON (docs/kit.md)."
        ),
        click.option("--secret", "secrets", metavar="NAME=VALUE", multiple=True, help="A secret. May be repeated."),
        click.option("--file", "files", metavar="NAME=PATH", multiple=True, help="A data file. May be repeated."),
        click.option("--seed", type=int, help="Makes the capability `random` repeatable."),
        click.option(
            "--now", metavar="TIME", help="Where the plugin's clock begins (ISO 8601); by default 2026-01-01T00:00:00Z."
        ),
        click.option(
            "--limit",
            "limits",
            metavar="KEY=VALUE",
            multiple=True,
            help="A limit as in the plugin's table `limits`, such as fuel=100000 or deadline=50ms. May be repeated.",
        ),
        click.option(
            "--grant",
            "grants",
            metavar="NAME",
            multiple=True,
            help="An interface that the plugin may import; by default all that its manifest asks for. May be repeated.",
        ),
        click.option("--settings", metavar="JSON", default="{}", help="The plugin's settings: JSON, or @FILE."),
    ):
        command = option(command)
    return command


def circumstances(
    settings: str = "{}",
    grants: tuple[str, ...] = (),
    limits: tuple[str, ...] = (),
    now: str | None = None,
    seed: int | None = None,
    peers: Path | None = None,
    neighbours: Path | None = None,
    secrets: tuple[str, ...] = (),
    files: tuple[str, ...] = (),
    keys: tuple[Path, ...] = (),
    runtimes: Path | None = None,
) -> Circumstances:
    """What the options say.

    Raises:
        BadRequest, UnusableFile: they do not hold.
    """
    table = json_argument(settings, "--settings")
    if not isinstance(table, dict):
        raise BadRequest("--settings: an object is needed", hint="such as --settings '{\"window\": 60}'")
    return Circumstances(
        settings=table,
        grants=grants or None,
        limits=dict(_limit(one) for one in limits),
        seed=seed,
        start=START if now is None else _time(now),
        peers=() if peers is None else _table(peers, Peer.from_json, _PEERS),
        neighbours=() if neighbours is None else _table(neighbours, Neighbour.from_json, _NEIGHBOURS),
        secrets=dict(_pair("--secret", one) for one in secrets),
        keys=keys,
        runtimes=runtimes,
        table={"files": tuple((name, Path(path).absolute()) for name, path in (_pair("--file", one) for one in files))},
    )


def json_argument(text: str, what: str) -> Any:
    """JSON from the command line, `@FILE` from a file, `-` from standard input.

    Raises:
        BadRequest: it is no JSON. `UnusableFile`: the file cannot be read.
    """
    source = what
    if text == "-":
        text, source = sys.stdin.read(), "standard input"
    elif text.startswith("@"):
        source = text[1:]
        text = _read(Path(source))
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadRequest(
            f"{source} is no JSON: {error}", hint="a text needs its own quotation marks: '\"text\"'"
        ) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableFile(f"{path} cannot be read: {error}") from None


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise BadRequest(f"{option} {text}: NAME=… is needed")
    return name, value


def _limit(text: str) -> tuple[str, Any]:
    key, _, value = text.partition("=")
    known = {each.key: each for each in settings_of(PluginLimits)}
    found = known.get(key)
    if found is None:
        near = nearest(key, known)
        raise BadRequest(f"there is no limit {key}", hint=f"did you mean {near}?" if near else ", ".join(known))
    try:
        return found.field, found.kind.from_text(value)
    except BadValue as problem:
        raise BadRequest(f"--limit {key}: {problem.message}", hint=problem.hint) from None


def _time(text: str) -> float:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"--now: {text} is no time", hint="write it as 2026-01-31T12:00:00Z") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)).timestamp()


_PEERS: Final = '[{"url": "https://api.example.org/*", "body": "…"}]'
_NEIGHBOURS: Final = '[{"name": "geo", "services": ["location"], "answers": {"country": "…"}}]'


def _table(path: Path, read: Callable[[dict[str, Any]], Entry], example: str) -> tuple[Entry, ...]:
    try:
        return tuple(read(one) for one in json.loads(_read(path)))
    except (ValueError, TypeError, AttributeError) as error:
        raise UnusableFile(f"{path} is not such a table: {error}", hint=f"write {example}") from None
