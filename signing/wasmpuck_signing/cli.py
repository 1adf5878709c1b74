"""`hockeypuck-plugin`: make keys, sign, verify and look into plugins. The only module here that prints.

Exit codes: 0 done; 1 the artifact is refused; 2 wrong usage; 3 another file that was given (a key, a keyring, a
plugin.toml) or asked for cannot be used. Answers go to standard output, errors to standard error as a message and a
hint.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click

from . import __version__, report
from .errors import BadManifest, KeyLocked, Refused, SigningError, TooLarge, Unreadable
from .keyring import Keyring
from .keys import PrivateKey
from .manifest import Manifest
from .pack import pack
from .verify import DEFAULT_MAX_BYTES
from .verify import verify as verify_artifact
from .wasmsig import sign as add_signature

__all__ = ["main"]

EXIT_REFUSED = 1
EXIT_FILE = 3

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


class _GivenFile(SigningError):
    """A file beside the artifact that cannot be used."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Makes keys, signs, verifies and looks into Wasmpuck plugins.

    Exit codes: 0 done; 1 the artifact is refused; 2 wrong usage; 3 another file (key, keyring, plugin.toml) cannot be
    used.
    """


def _reporting(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except SigningError as problem:
            _fail(problem)

    return run


def _fail(problem: SigningError) -> NoReturn:
    refused = isinstance(problem, Refused)
    label = f"refused ({problem.code})" if refused else "error"
    click.echo(f"{label}: {problem.message}", err=True)
    if problem.hint:
        click.echo(f"  {problem.hint}", err=True)
    sys.exit(EXIT_REFUSED if refused else EXIT_FILE)


@main.command()
@click.argument("file", type=_FILE)
@click.option("--comment", default="", help="A line for people, written beside the public key.")
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase and encrypt the private key with it.")
@_reporting
def keygen(file: Path, comment: str, passphrase: bool) -> None:
    """Makes an Ed25519 key pair: the private key into FILE (PEM, mode 0600), the public key to standard output.

    FILE must not exist. The printed line is what an operator puts into a keyring file as `key`.
    """
    password = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True) if passphrase else ""
    key = PrivateKey.generate(comment)
    key.save(file, password.encode())
    click.echo(key.public.line())
    click.echo(f"key id {key.public.key_id}; the private key is in {file}: keep it secret and keep a copy", err=True)


@main.command()
@click.argument("file", type=_FILE)
@click.option(
    "--manifest", "manifest_file", type=_FILE, help="The plugin.toml; without it FILE has to hold a manifest."
)
@click.option("--key", "key_file", type=_FILE, required=True, help="The private key (PEM).")
@click.option("-o", "--output", type=_FILE, required=True, help="The artifact to write; may be FILE.")
@click.option("--source", help="The digest of the sources to put into the manifest: sha256:…")
@_reporting
def sign(file: Path, manifest_file: Path | None, key_file: Path, output: Path, source: str | None) -> None:
    """Puts a manifest into the component FILE and signs it.

    With --manifest, an older manifest and older signatures are replaced. Without it, a signature is added to the
    artifact as it is. The same input gives the same bytes.
    """
    component = _read_artifact(file)
    key = _read_key(key_file)
    if manifest_file is not None:
        artifact = pack(component, _read_manifest(manifest_file, source), key)
    elif source is not None:
        raise click.UsageError("--source is an entry of a new manifest: give --manifest as well.")
    else:
        Manifest.of(component)
        artifact = add_signature(component, key)
    _write(output, artifact)
    summary = report.inspect(artifact)
    manifest = summary["manifest"]
    click.echo(f"{manifest['name']} {manifest['version']} signed by {key.public.key_id}")
    click.echo(f"sha256 {summary['sha256']}  {output}")


@main.command()
@click.argument("file", type=_FILE)
@click.option("--keyring", "folder", type=_FOLDER, required=True, help="Folder with a file for each trusted publisher.")
@click.option("--allow-demonstration", is_flag=True, help="Accept keys whose private half is public.")
@_reporting
def verify(file: Path, folder: Path, allow_demonstration: bool) -> None:
    """Checks FILE as a server with this keyring would, except for what only the server knows (earlier versions,
    grants).
    """
    keyring = Keyring.load(folder)
    for problem in keyring.problems:
        click.echo(f"warning: {problem.message}", err=True)
    known = verify_artifact(
        _read_artifact(file), keyring, now=datetime.now(UTC), allow_demonstration=allow_demonstration
    )
    for signer in known.signers:
        click.echo(f"{known.manifest.name} {known.manifest.version} is signed by {signer.name} ({signer.key.key_id})")
    click.echo(f"sha256 {known.digest}")


@main.command()
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a text.")
@_reporting
def inspect(file: Path, as_json: bool) -> None:
    """Shows what FILE says about itself: manifest, signatures, sections. Says nothing about trust: see `verify`."""
    summary = report.inspect(_read_artifact(file))
    click.echo(json.dumps(summary, indent=2, ensure_ascii=False) if as_json else report.as_text(summary))


def _read_artifact(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(DEFAULT_MAX_BYTES + 1)
    except OSError as problem:
        raise Unreadable(f"{path}: {problem.strerror or problem}", "Check the path and its permissions.") from None
    if len(data) > DEFAULT_MAX_BYTES:
        raise TooLarge(f"{path} has more than {DEFAULT_MAX_BYTES} bytes", "No server loads it. Build it smaller.")
    return data


def _read_manifest(path: Path, source: str | None) -> Manifest:
    try:
        return Manifest.from_toml(path.read_text(encoding="utf-8"), source=source, folder=path.parent)
    except OSError as problem:
        raise _GivenFile(f"{path}: {problem.strerror or problem}") from None
    except UnicodeDecodeError:
        raise _GivenFile(f"{path}: not UTF-8") from None
    except BadManifest as problem:
        raise _GivenFile(f"{path}: {problem.message}", problem.hint) from None


def _read_key(path: Path) -> PrivateKey:
    try:
        key = PrivateKey.load(path)
    except KeyLocked:
        password = click.prompt(f"Passphrase of {path}", hide_input=True, err=True)
        key = PrivateKey.load(path, password.encode())
    if not key.public.is_demonstration and path.stat().st_mode & 0o077:
        click.echo(f"warning: others can read the private key; run `chmod 600 {path}`", err=True)
    return key


def _write(path: Path, data: bytes) -> None:
    """Replaces `path` in one step, so that a server that watches the folder never sees half a file."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as problem:
        raise _GivenFile(f"{path}: {problem.strerror or problem}") from None
