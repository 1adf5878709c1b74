"""`hockeypuck-plugin build`: from a plugin's folder to its artifact."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from wasmpuck.kit.building import build as build_plugin
from wasmpuck.kit.cli.options import runtimes_option
from wasmpuck.kit.cli.rendering import print_json, progress
from wasmpuck.kit.errors import UnusableFile
from wasmpuck.logs import escape
from wasmpuck_signing.errors import SigningError
from wasmpuck_signing.keys import PrivateKey

__all__ = ["build", "key_option", "read_key"]

key_option = click.option(
    "--key", type=click.Path(path_type=Path, dir_okay=False), help="Private key to sign with (`keygen` makes one)."
)


def read_key(path: Path | None) -> PrivateKey | None:
    """The key in a file. Raises `UnusableFile`."""
    if path is None:
        return None
    try:
        return PrivateKey.load(path)
    except SigningError as problem:
        raise UnusableFile(f"{path}: {problem.message}", hint=problem.hint) from None


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".")
@key_option
@runtimes_option
@click.option("--standalone", is_flag=True, help="Make a component of a script, with its runtime in it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a text.")
def build(folder: Path, key: Path | None, runtimes: Path | None, standalone: bool, as_json: bool) -> None:
    """Builds the plugin in FOLDER into FOLDER/dist/NAME.wasm, unsigned unless there is a key.

    A script is checked by its language runtime, errors come with file and line; a Rust plugin is compiled. The same
    sources and tools give the same bytes, wherever the folder is (but for `--standalone`).
    """
    with progress() as tell:
        built = build_plugin(folder, key=read_key(key), runtimes=runtimes, standalone=standalone, progress=tell)
    digest = hashlib.sha256(built.path.read_bytes()).hexdigest()
    if as_json:
        found = {"artifact": str(built.path), "bytes": built.size, "sha256": digest, "changed": built.changed}
        print_json({**found, "built-with": built.how, "signed": key is not None})
        return
    state = "" if built.changed else " (as it was)"
    click.echo(escape(f"{built.path}{state}: {built.size:,} bytes, {'signed' if key else 'unsigned'}, {built.how}"))
    click.echo(f"sha256 {digest}")
