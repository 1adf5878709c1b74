"""`hockeypuck-plugin new`, its alias `hockeypuck-plugin-gen`, and `sdk-path`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from wasmpuck.kit.cli.rendering import print_json
from wasmpuck.kit.compiling import runtimes_folder
from wasmpuck.kit.resources import LANGUAGES, sdk_folder
from wasmpuck.kit.scaffolding import LICENSE, TYPES, plan, scaffold
from wasmpuck.logs import escape

__all__ = ["new", "sdk_path"]

_LANGUAGE_NAMES = {"rust": "Rust", "python": "Python", "js": "JavaScript"}


@click.command()
@click.argument("name")
@click.option("--lang", metavar="LANGUAGE", help=f"{', '.join(LANGUAGES)}; by default python.")
@click.option("--type", "type_", metavar="TYPE", help=f"{', '.join(TYPES)}; by default middleware.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where it is made; by default a folder NAME.")
@click.option("--license", "license_", metavar="SPDX", default=LICENSE, show_default=True, help="The plugin's licence.")
@click.option(
    "--template",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of templates of your own instead of the type's: texts with placeholders such as @name@.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a text.")
def new(
    name: str,
    lang: str | None,
    type_: str | None,
    folder: Path | None,
    license_: str,
    template: Path | None,
    as_json: bool,
) -> None:
    """Makes the folder of a new plugin, which builds and passes its tests as it is.

    On a terminal it asks for the language and the type if they are not given.
    """
    made = plan(
        name,
        language=lang or _asked("Language", LANGUAGES, "python", as_json),
        type=type_ or _asked("Type", TYPES, "middleware", as_json),
        folder=folder,
        license=license_,
        template=template,
    )
    files = [path.as_posix() for path in scaffold(made)]
    if as_json:
        print_json({"folder": str(made.folder), "language": made.language, "type": made.type, "files": files})
        return
    click.echo(escape(f"{made.folder}: {made.type} in {_LANGUAGE_NAMES[made.language]}"))
    for path in files:
        click.echo(f"  {escape(path)}")
    click.echo(escape(f"next: cd {made.folder}, then hockeypuck-plugin build, test, run"))


@click.command("sdk-path")
@click.argument("what", type=click.Choice((*LANGUAGES, "runtimes")))
def sdk_path(what: str) -> None:
    """Prints the folder of a language's library, for editors and type checkers; or that of the language runtimes."""
    click.echo(runtimes_folder() if what == "runtimes" else sdk_folder(what))


def _asked(what: str, known: tuple[str, ...], usual: str, as_json: bool) -> str:
    """An answer from the terminal; the usual one where there is no terminal."""
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return usual
    return str(click.prompt(what, type=click.Choice(known), default=usual))
