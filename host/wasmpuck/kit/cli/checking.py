"""`hockeypuck-plugin check`: what is to be found about a plugin before others find it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from wasmpuck.kit.checking import check as check_plugin
from wasmpuck.kit.cli.errors import FAILED
from wasmpuck.kit.cli.options import runtimes_option
from wasmpuck.kit.cli.rendering import print_json, progress
from wasmpuck.logs import escape

__all__ = ["check"]

_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True), default=".", metavar="[FOLDER|ARTIFACT]")
@runtimes_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a text.")
def check(path: Path, runtimes: Path | None, as_json: bool) -> None:
    """Looks for what is wrong with a plugin, or is likely to be: imports, worlds, size, schema, versions, limits.

    Each finding has a number (docs/kit.md lists them). Ends with 1 when there is an error among them.
    """
    with progress() as tell:
        findings = check_plugin(path, runtimes, tell)
    count = Counter(finding.level for finding in findings)
    if as_json:
        found = [{"code": one.code, "level": one.level, "message": one.message, "hint": one.hint} for one in findings]
        print_json({"errors": count["error"], "warnings": count["warning"], "findings": found})
    else:
        for one in findings:
            first, *rest = one.message.splitlines() or [""]
            level = click.style(f"{one.level:<7}", fg=_COLOURS[one.level])
            click.echo(f"{one.code} {level} {escape(first)}")
            for line in (*rest, *(f"hint: {line}" for line in one.hint.splitlines())):
                click.echo(f"             {escape(line)}")
        click.echo(f"{count['error']} errors, {count['warning']} warnings")
    click.get_current_context().exit(FAILED if count["error"] else 0)
