"""The text that an owner signs to have a certificate deleted or replaced (docs/adr/0005).

    /pks/delete
    server: keys.example.org
    fingerprint: 0123456789abcdef0123456789abcdef01234567
    nonce: mYw1u5dC0r2Tq8l9xX4bZQ6a7EoKpVhN
    expires: 2026-01-31T12:00:00Z

The path is the act, so that a signature for one cannot serve the other. Fields come in any order, each
once. A replacement ends with an empty line and the armored certificate. Nothing else may stand in the text: what was
signed is what is done, all of it. A request is about one certificate, so that it cannot be done by half.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from wasmpuck.errors import BadRequest

__all__ = ["OwnerAct", "OwnerRequest", "parse_request", "request_text"]

_FINGERPRINT = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\Z")
_NONCE = re.compile(r"[A-Za-z0-9_-]{22,128}\Z")  # 22 characters of base64 hold 128 bits
_SERVER = re.compile(r"[a-z0-9.:_-]{1,253}\Z")
_FIELD = re.compile(r"([a-z]+): *(.*)\Z")
_EXPIRES = "%Y-%m-%dT%H:%M:%SZ"
_EXPIRES_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z", re.ASCII)
_BEGIN, _END = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
_FIELDS = ("server", "fingerprint", "nonce", "expires")


class OwnerAct(StrEnum):
    """What is asked for; the value is the path that the request is sent to."""

    DELETE = "/pks/delete"
    REPLACE = "/pks/replace"


@dataclass(frozen=True, slots=True)
class OwnerRequest:
    """A request as it was signed.

    `server` is lower case without a final dot; `fingerprint` is lower-case hexadecimal, of a primary key; `expires` is
    seconds since 1970; `certificate` is the armored text of a replacement, else empty.
    """

    act: OwnerAct
    server: str
    fingerprint: str
    nonce: str
    expires: float
    certificate: str = ""


def parse_request(lines: Sequence[str]) -> OwnerRequest:
    """Reads a signed text, given as lines without their ends and without trailing blanks.

    Raises `BadRequest` for anything that is not exactly one request.
    """
    try:
        act = OwnerAct(lines[0] if lines else "")
    except ValueError:
        raise _misunderstood("the first line of the signed text is neither /pks/delete nor /pks/replace") from None
    found: dict[str, list[str]] = {name: [] for name in _FIELDS}
    end = 1
    for line in lines[1:]:
        if not line or line.startswith("-----"):
            break
        end += 1
        field = _FIELD.match(line)
        if field is None or field[1] not in found:
            raise _misunderstood(f"line {end} of the signed text is not a field of a request")
        found[field[1]].append(field[2])
    _check_complete(act, found)
    rest = "\n".join(lines[end:]).strip("\n")
    if act is OwnerAct.REPLACE:
        _check_certificate(rest)
    elif rest:
        raise _misunderstood("something follows the fields of the signed text; a deletion has nothing but its fields")
    return OwnerRequest(
        act=act,
        server=_server(found["server"][0]),
        fingerprint=_fingerprint(found["fingerprint"][0]),
        nonce=_nonce(found["nonce"][0]),
        expires=_expires(found["expires"][0]),
        certificate=rest,
    )


def request_text(
    act: OwnerAct,
    server: str,
    fingerprint: str,
    *,
    expires: float,
    nonce: str = "",
    certificate: str = "",
) -> str:
    """The text to sign, ending with a line feed: `parse_request` reads it back.

    `expires` is seconds since 1970, whole ones count. A fresh nonce is made unless one is given. A replacement without
    `certificate` ends with the empty line behind which it belongs. Raises `BadRequest` for a fingerprint or a server
    that cannot be one.
    """
    lines = [act.value, f"server: {_server(server)}"]
    lines.append(f"fingerprint: {_fingerprint(fingerprint)}")
    lines.append(f"nonce: {nonce or secrets.token_urlsafe(24)}")
    lines.append(f"expires: {datetime.fromtimestamp(int(expires), UTC).strftime(_EXPIRES)}")
    text = "\n".join(lines) + "\n"
    if act is OwnerAct.REPLACE:
        text += f"\n{certificate.strip()}\n" if certificate else "\n"
    return text


def _check_complete(act: OwnerAct, found: dict[str, list[str]]) -> None:
    if not any(found.values()):
        raise BadRequest(
            f"the signed text has no server, nonce and expiry after {act.value}: such a request could be sent again by "
            "whoever reads it, here or elsewhere",
            hint=f"Requests in Hockeypuck's old form are not taken. {_how(act)}",
        )
    missing = [name for name in _FIELDS if not found[name]]
    if missing:
        raise _misunderstood(f"the signed text does not say: {', '.join(missing)}")
    for name, values in found.items():
        if len(values) > 1:
            more = " A request is about one certificate: sign one for each." if name == "fingerprint" else ""
            raise _misunderstood(f"the signed text says {name} twice.{more}")


def _check_certificate(text: str) -> None:
    """Nothing but one block; what is in it is for the parser of certificates."""
    inside = False
    blocks = 0
    for line in text.split("\n"):
        if inside:
            inside = line != _END
        elif line == _BEGIN:
            inside, blocks = True, blocks + 1
        elif line:
            raise _misunderstood("something that is no armored certificate follows the fields of the signed text")
    if inside or blocks != 1:
        raise _misunderstood("the signed text does not end with one armored certificate, which shall be stored")


def _fingerprint(value: str) -> str:
    fingerprint = value.lower()
    if not _FINGERPRINT.match(fingerprint):
        raise _misunderstood(f"{value[:80]!r} is not a fingerprint: 40 or 64 hexadecimal digits")
    return fingerprint


def _server(value: str) -> str:
    name = value.lower().removesuffix(".")
    if not _SERVER.match(name):
        raise _misunderstood(f"{value[:80]!r} is not the name of a server, such as keys.example.org")
    return name


def _nonce(value: str) -> str:
    if not _NONCE.match(value):
        raise _misunderstood("the nonce is not 22 to 128 letters, digits, hyphens and underscores")
    return value


def _expires(value: str) -> float:
    try:
        if _EXPIRES_FORM.match(value):
            return datetime.strptime(value, _EXPIRES).replace(tzinfo=UTC).timestamp()
    except ValueError:
        pass
    raise _misunderstood("expires is not a time in UTC like 2026-01-31T12:00:00Z")


def _misunderstood(message: str) -> BadRequest:
    return BadRequest(message, hint=_how(None))


def _how(act: OwnerAct | None) -> str:
    paths = act.value if act else "/pks/delete or /pks/replace"
    return f"Get a text to sign with GET {paths}?fingerprint=… on this server, or from `wasmpuck owner request`."
