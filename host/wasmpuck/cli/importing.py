"""`wasmpuck config import`: make a configuration of one of Hockeypuck's, and say what became of each of its keys."""

from __future__ import annotations

import json
import os
import secrets
from collections import Counter
from pathlib import Path

import click
from rich import box
from rich.table import Table
from rich.text import Text

from wasmpuck.cli.rendering import plain, show_table
from wasmpuck.config import parse
from wasmpuck.config.hockeypuck import Fate, Import, import_hockeypuck
from wasmpuck.config.loading import read_text
from wasmpuck.errors import OperatorError

__all__ = ["import_file"]

_COLOURS = {Fate.NOT_SUPPORTED: "yellow", Fate.WRONG_VALUE: "red", Fate.UNKNOWN: "red", Fate.TRANSLATED: "green"}
_STANDARD_OUTPUT = Path("-")


@click.command("import")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default="wasmpuck.toml",
    show_default=True,
    help="The file to write; - is standard output, and the report goes to standard error.",
)
@click.option("--force", is_flag=True, help="Replace the file to write if it exists.")
@click.option(
    "--env-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Variables for {{ .NAME }} in the file, one NAME=value a line, beside those of the environment.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--strict", is_flag=True, help="Exit 1 when a key asks for a decision of yours.")
@click.argument("file", metavar="FILE")
@click.pass_context
def import_file(
    ctx: click.Context, file: str, output: Path, force: bool, env_file: Path | None, as_json: bool, strict: bool
) -> None:
    """Make a configuration of Hockeypuck's, FILE, into one of Wasmpuck's.

    FILE is read as Hockeypuck reads it: a template over the environment, then TOML. The report says of each key what
    became of it: translated (and to what), same by default, not needed (and why), not supported (and what to do
    instead), wrong value, or unknown. Passwords are never shown; a file that holds one is readable for its owner alone.

    \b
    Exits
      0  the file is written
      1  it could not be written; or, with --strict, it is written and a key is
         not supported, of a wrong value or unknown, or a variable is not set
      2  FILE cannot be read, is no TOML or not Hockeypuck's
    """
    to_terminal = output == _STANDARD_OUTPUT
    environment = {name: _text(value) for name, value in os.environ.items()}
    if env_file is not None:
        environment |= _variables(read_text(env_file))
    name = "wasmpuck.toml" if to_terminal else _text(str(output))
    result = import_hockeypuck(read_text(Path(file)), _text(file), environment, output=name)
    parse(result.text, file=name)  # what is written is taken by `serve`, whatever FILE held
    if to_terminal:
        click.echo(result.text, nl=False)
    else:
        _write(output, result, force=force)
    if as_json:
        click.echo(json.dumps(_report(result, file, None if to_terminal else str(output)), indent=2), err=to_terminal)
    else:
        _show(result, file, "standard output" if to_terminal else str(output), err=to_terminal)
    ctx.exit(1 if strict and (result.open or result.missing) else 0)


def _text(value: str) -> str:
    """What the system gave, without the octets that are no UTF-8."""
    return value.encode("utf-8", "replace").decode()


def _variables(text: str) -> dict[str, str]:
    """`NAME=value` lines as Compose's `.env` files have them: comments, `export`, and quotation marks around values."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name and not name.startswith("#"):
            value = value.strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            found[name.strip()] = value
    return found


def _write(path: Path, result: Import, *, force: bool) -> None:
    """Writes the file at once or not at all. Raises OperatorError for one that exists, OSError."""
    mode = 0o600 if result.secret else 0o644
    if path.exists() and not force:
        raise OperatorError(
            f"{path} exists already", hint="--force replaces it; --output names another file, - standard output"
        )
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            file.write(result.text)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _report(result: Import, file: str, output: str | None) -> dict[str, object]:
    return {
        "file": file,
        "output": output,
        "keys": [
            {
                "key": each.key,
                "line": each.line,
                "fate": str(each.fate),
                "becomes": list(each.becomes),
                "note": each.note,
            }
            for each in result.fates
        ],
        "notes": result.notes,
        "next": result.next,
    }


def _show(result: Import, file: str, output: str, *, err: bool) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("line", "key", "fate", "what becomes of it"):
        table.add_column(column, overflow="fold", no_wrap=column in ("line", "fate"))
    for each in result.fates:
        text = "\n".join([*map(plain, each.becomes), *(plain(each.note).split("; ") if each.note else [])])
        table.add_row(
            str(each.line), Text(plain(each.key)), Text(each.fate, style=_COLOURS.get(each.fate, "")), Text(text)
        )
    show_table(table, err=err)
    counted = Counter(each.fate for each in result.fates)
    summary = ", ".join(f"{counted[fate]} {fate}" for fate in Fate if counted[fate])
    click.echo(f"{plain(file)} → {plain(output)}: {summary}", err=err)
    for note in result.notes:
        click.echo(f"note: {plain(note)}", err=err)
    for number, step in enumerate(result.next, 1):
        click.echo(f"{number}. {plain(step)}", err=err)
