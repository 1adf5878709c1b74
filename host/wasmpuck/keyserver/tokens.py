"""Tokens that the server makes and later believes: what they say is in them, and a MAC says that it was us.

A token is base64url, without padding, of 16 bytes of HMAC-SHA-256 and a JSON array [purpose, values, expiry, nonce].
Nothing is remembered until a token is used; who uses one that holds only once claims its nonce in the store.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wasmpuck.errors import BadRequest, OperatorError

__all__ = ["BadToken", "Token", "Tokens"]

_MAC_BYTES = 16
_SECRET_BYTES = 32
_LONGEST = 65_536
"""Characters: room for a hundred addresses in the token of an upload."""


class BadToken(BadRequest):
    """Not a token of ours, one for another purpose, or one that has expired."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says. `expires` is seconds since 1970; `nonce` is what makes two alike differ."""

    values: Mapping[str, str]
    expires: float
    nonce: str


class Tokens:
    """Makes and reads tokens under one secret. Lives as long as the server."""

    def __init__(self, secret: bytes, *, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock

    @classmethod
    def stored(cls, path: Path, *, clock: Callable[[], float] = time.time) -> Tokens:
        """Tokens under the secret in the file `path`, which is made, for its owner alone, if there is none.

        Raises `OperatorError` for a file that cannot be used or that others can read.
        """
        try:
            return cls(_read_secret(path), clock=clock)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise _unusable(path, error) from None
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(_SECRET_BYTES))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(beside, path)  # unlike a rename, this never replaces the secret of a server that was faster
            except FileExistsError:
                pass
            finally:
                beside.unlink()
            return cls(_read_secret(path), clock=clock)
        except OSError as error:
            raise _unusable(path, error) from None

    def issue(self, purpose: str, values: Mapping[str, str], lifetime: float) -> str:
        """A token that holds for `lifetime` seconds: ASCII letters, digits, `-` and `_`."""
        expires = int(self._clock() + lifetime)
        body = json.dumps(
            [purpose, dict(values), expires, secrets.token_urlsafe(12)], separators=(",", ":"), ensure_ascii=False
        ).encode()
        return base64.urlsafe_b64encode(self._mac(body) + body).rstrip(b"=").decode()

    def read(self, purpose: str, text: str) -> Token:
        """What the token says. Raises `BadToken`."""
        broken = BadToken("this token is not valid", hint="Copy all of it from the newest letter, or ask for another.")
        if len(text) > _LONGEST or not text.isascii():
            raise broken
        try:
            raw = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise broken from None
        body = raw[_MAC_BYTES:]
        if not hmac.compare_digest(raw[:_MAC_BYTES], self._mac(body)):
            raise broken
        made_for, values, expires, nonce = json.loads(body)
        if made_for != purpose:
            raise broken
        if expires <= self._clock():
            raise BadToken("this token has expired", hint="Ask for another.")
        return Token(values, expires, nonce)

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, body, "sha256")[:_MAC_BYTES]


def _read_secret(path: Path) -> bytes:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise OperatorError(
                f"{path} can be read by others than its owner",
                hint="remove it, and a new secret is made; tokens that are on their way become invalid",
            )
        secret = file.read(_SECRET_BYTES + 1)
    if len(secret) != _SECRET_BYTES:
        raise OperatorError(f"{path} does not hold {_SECRET_BYTES} bytes", hint="remove it, and a new secret is made")
    return secret


def _unusable(path: Path, error: OSError) -> OperatorError:
    return OperatorError(f"the secret {path} cannot be used: {error.strerror}", hint="make its folder writable")
