"""`wasmpuck plugins`: look at and change the plugins of a running server."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from wasmpuck.cli.control import Control
from wasmpuck.cli.installing import InstalledFile
from wasmpuck.cli.options import chosen_configuration, configuration_options, data_folder
from wasmpuck.cli.rendering import RUNTIME_COLUMNS, plain, plugin_table, row_of, show_table
from wasmpuck.errors import OperatorError

__all__ = ["plugins"]

_FILE_NAME = re.compile(r"([a-z][a-z0-9-]*?)(?:-[0-9]+\.[0-9]+\.[0-9]+[^/]*)?\.wasm")


@click.group()
def plugins() -> None:
    """List, swap and reload the plugins of a running server.

    The server is found by its data folder; without --data, --config or --demo the usual folders are looked at.
    """


@plugins.command("list")
@configuration_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
def list_plugins(config_file: str | None, data: str | None, use_demo: bool, as_json: bool) -> None:
    """Show name, version, state, health, generation, kind, runtime, signer, worlds and the reason for what is not
    running.
    """
    answer = _control(config_file, use_demo, data).get("/admin/plugins")
    rows = [row_of(plugin) for plugin in answer if isinstance(plugin, Mapping)] if isinstance(answer, list) else []
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        show_table(plugin_table(rows))
    else:
        click.echo("no plugins")


@plugins.command("runtimes")
@configuration_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
def list_runtimes(config_file: str | None, data: str | None, use_demo: bool, as_json: bool) -> None:
    """Show the language runtimes: name, version, state, language, file, signer, the plugins on it, and why one cannot
    be used.
    """
    answer = _control(config_file, use_demo, data).get("/admin/runtimes")
    found = [row for row in answer if isinstance(row, Mapping)] if isinstance(answer, list) else []
    rows = [row_of(row, RUNTIME_COLUMNS) for row in found]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        show_table(plugin_table(rows, RUNTIME_COLUMNS))
    else:
        click.echo("no runtimes")


@plugins.command("swap")
@configuration_options
@click.argument("name_or_file", metavar="NAME|FILE")
def swap(config_file: str | None, data: str | None, use_demo: bool, name_or_file: str) -> None:
    """Replace a plugin without interrupting requests.

    NAME prepares the plugin of this name anew from the server's folder and settings. FILE (NAME.wasm, or
    NAME-VERSION.wasm) is first put into the plugin folder of the configuration that --config or --demo names. When
    anything fails the old plugin keeps serving, and the old file is put back.
    """
    name, artifact = _artifact(name_or_file)
    control = _control(config_file, use_demo, data)
    path = f"/admin/plugins/{urllib.parse.quote(name, safe='')}/swap"
    if artifact is None:
        outcome = control.post(path)
    else:
        folder = chosen_configuration(config_file, use_demo, dataDir=data).plugins.directory
        with InstalledFile(folder / f"{name}.wasm", artifact) as installed:
            outcome = control.post(path)
            if not _refused(outcome):
                installed.keep()
    _report([outcome])


@plugins.command("reload")
@configuration_options
def reload(config_file: str | None, data: str | None, use_demo: bool) -> None:
    """Read the configuration and the plugin folder again, as SIGHUP does."""
    _report(_control(config_file, use_demo, data).post("/admin/reload"))


def _control(config_file: str | None, use_demo: bool, data: str | None) -> Control:
    return Control.find(data_folder(config_file, use_demo, data))


def _artifact(name_or_file: str) -> tuple[str, bytes | None]:
    """The plugin's name, and the file's bytes when a file was named. Raises OperatorError."""
    if "/" not in name_or_file and not name_or_file.endswith(".wasm"):
        return name_or_file, None
    path = Path(name_or_file)
    found = _FILE_NAME.fullmatch(path.name)
    if found is None:
        raise OperatorError(
            f"{name_or_file} is not named like a plugin", hint="a plugin's file is NAME.wasm or NAME-VERSION.wasm"
        )
    try:
        return found[1], path.read_bytes()
    except OSError as error:
        raise OperatorError(
            f"{name_or_file}: {error.strerror}", hint="give the path of a signed plugin, or only its name"
        ) from None


def _refused(outcome: Any) -> bool:
    return isinstance(outcome, Mapping) and outcome.get("what") == "refused"


def _report(outcomes: Any) -> None:
    """Prints what became of each plugin. Raises OperatorError when one was refused."""
    told = [outcome for outcome in outcomes if isinstance(outcome, Mapping)] if isinstance(outcomes, list) else []
    for outcome in told:
        if not _refused(outcome):
            click.echo(_sentence(outcome))
    if not told:
        click.echo("nothing to change")
    if refused := [outcome for outcome in told if _refused(outcome)]:
        hints = dict.fromkeys(str(outcome["hint"]) for outcome in refused if outcome.get("hint"))
        raise OperatorError("\n".join(_sentence(outcome) for outcome in refused), hint="\n".join(hints))


def _sentence(outcome: Mapping[str, Any]) -> str:
    """`ratelimit-window 0.2.0: published as generation 3`."""
    what = plain(outcome.get("what"))
    reason = "\n".join(plain(line) for line in str(outcome.get("reason") or "").split("\n"))
    subject = f"{plain(outcome.get('name'))} {plain(outcome.get('version'))}".strip()
    generation = f" as generation {plain(outcome['generation'])}" if what == "published" else ""
    return f"{subject}: {what}{generation}" + (f": {reason}" if reason else "")
