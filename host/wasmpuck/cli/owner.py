"""`wasmpuck owner`: for people who own a key and want a server to delete or replace its certificate."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import click

from wasmpuck.cli.fingerprints import FINGERPRINT
from wasmpuck.cli.rendering import plain
from wasmpuck.errors import OperatorError
from wasmpuck.keyserver.owner_request import OwnerAct, request_text

__all__ = ["owner"]

_TIMEOUT = 60.0
_LONGEST_ANSWER = 1024 * 1024


@click.group()
def owner() -> None:
    """Have your own certificate deleted or replaced on a keyserver."""


@owner.command("request")
@click.argument("act", metavar="delete|replace", type=click.Choice(["delete", "replace"]))
@click.argument("fingerprint", metavar="FINGERPRINT", type=FINGERPRINT)
@click.option("--server", metavar="NAME", required=True, help="The name of the keyserver, such as keys.example.org.")
@click.option("--certificate", metavar="FILE", type=click.Path(), help="Replace by this one, not by what gpg exports.")
@click.option(
    "--minutes", metavar="NUMBER", type=click.IntRange(1, 44_640), default=60, help="Good for; 60 by default."
)
@click.option("--sign", is_flag=True, help="Sign the text with gpg.")
@click.option("--send", is_flag=True, help="Sign it and send it to the server.")
@click.option("--local-user", metavar="KEY", help="The key that signs, when it is not FINGERPRINT (gpg's option).")
@click.option("--url", metavar="URL", help="Where the server is reached; https://NAME by default.")
def request(
    act: str,
    fingerprint: str,
    server: str,
    certificate: str | None,
    minutes: int,
    sign: bool,
    send: bool,
    local_user: str | None,
    url: str | None,
) -> None:
    """Print a text to sign; with --sign the signed text; with --send, have it done.

    FINGERPRINT is that of the primary key. The text names the server, a nonce and an expiry: it can be used once,
    there, and not for long. What --sign prints can be sent from elsewhere as the field keytext of a form to
    https://NAME/pks/delete or https://NAME/pks/replace.
    """
    kind = OwnerAct(f"/pks/{act}")
    armored = ""
    if kind is OwnerAct.REPLACE:
        armored = _read(certificate) if certificate else _gpg("--export", "--armor", fingerprint)
        if not armored.strip():
            raise OperatorError(
                f"gpg has no certificate {fingerprint}", hint="give a file with --certificate, or the key's fingerprint"
            )
    text = request_text(kind, server, fingerprint, expires=time.time() + minutes * 60, certificate=armored)
    if not (sign or send):
        click.echo(text, nl=False)
        return
    signed = _gpg("--armor", "--local-user", local_user or fingerprint, "--clearsign", text=text)
    if not send:
        click.echo(signed, nl=False)
        return
    done = _send((url or f"https://{server}").rstrip("/") + kind.value, signed)
    for what, certificates in done.items():
        for item in certificates if isinstance(certificates, list) else []:
            click.echo(f"{plain(item.get('fingerprint')) if isinstance(item, dict) else ''}: {plain(what)}")


def _read(path: str) -> str:
    try:
        return Path(path).read_text("ascii")
    except OSError as error:
        raise OperatorError(f"{path}: {error.strerror}", hint="give a file with the armored certificate") from None
    except ValueError:
        raise OperatorError(f"{path} is not armored", hint="export it with: gpg --export --armor FINGERPRINT") from None


def _gpg(*arguments: str, text: str = "") -> str:
    """What gpg writes; it may ask for a passphrase on the terminal. Raises OperatorError."""
    try:
        done = subprocess.run(["gpg", *arguments], input=text.encode(), stdout=subprocess.PIPE, check=False)
    except FileNotFoundError:
        raise OperatorError(
            "there is no gpg here", hint="leave out --sign and --send, and sign the text with your own program"
        ) from None
    if done.returncode:
        raise OperatorError(
            f"gpg {arguments[0]} failed with exit status {done.returncode}", hint="gpg's own words are above"
        )
    return done.stdout.decode("ascii", "replace")


def _send(url: str, signed: str) -> dict[str, object]:
    """The server's report. Raises OperatorError with the server's own reason."""
    if not url.startswith(("https://", "http://")):
        raise OperatorError(f"{url} is no address of a server", hint="give --url like https://keys.example.org")
    form = urllib.parse.urlencode({"keytext": signed}).encode("ascii")
    asked = urllib.request.Request(url, form, {"Accept": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=_TIMEOUT) as response:
            answer = json.loads(response.read(_LONGEST_ANSWER))
    except urllib.error.HTTPError as error:
        told = _reason(error)
        raise OperatorError(
            f"the server refused: {told.get('detail') or error.reason}", hint=str(told.get("hint") or "")
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise OperatorError(f"{url} does not answer: {reason}", hint="give the right address with --url") from None
    return answer if isinstance(answer, dict) else {}


def _reason(error: urllib.error.HTTPError) -> dict[str, object]:
    with error:
        try:
            told = json.loads(error.read(_LONGEST_ANSWER))
        except (OSError, ValueError):
            return {}
    return told if isinstance(told, dict) else {}
