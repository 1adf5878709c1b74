"""`hockeypuck-plugin docs`: a page about a plugin."""

from __future__ import annotations

from pathlib import Path

import click

from wasmpuck.kit.cli.options import runtimes_option
from wasmpuck.kit.cli.rendering import say
from wasmpuck.kit.compiling import runtimes_folder
from wasmpuck.kit.documenting import page
from wasmpuck.kit.errors import UnusableFile
from wasmpuck.kit.sources import Project
from wasmpuck.trust import Artifact
from wasmpuck_signing import Manifest
from wasmpuck_signing.errors import SigningError

__all__ = ["docs"]


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True), default=".", metavar="[FOLDER|ARTIFACT]")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file.")
@runtimes_option
def docs(path: Path, output: Path | None, runtimes: Path | None) -> None:
    """Makes a page (Markdown) for those who run the plugin: settings, what it may use and when it is called, limits.

    It says what the manifest, the schema of the settings, the contract and the README say.
    """
    if path.is_dir():
        manifest = Project.open(path).manifest(runtimes or runtimes_folder())
        text = page(manifest, _readme(path / "README.md"))
    else:
        try:
            text = page(Manifest.of(Artifact.read(path).data))
        except SigningError as problem:
            raise UnusableFile(f"{path}: {problem.message}", hint=problem.hint) from None
    if output is None:
        click.echo(text, nl=False)
        return
    output.write_text(text, encoding="utf-8")
    say(f"{output} is written")


def _readme(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as problem:
        raise UnusableFile(f"{path} cannot be read: {problem}") from None
