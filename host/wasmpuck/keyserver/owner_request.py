"""The text that an owner signs to have a certificate deleted or replaced (docs/adr/0010).

    /pks/delete
    server: keys.example.org
    fingerprint: 0123456789abcdef0123456789abcdef01234567
    nonce: mYw1u5dC0r2Tq8l9xX4bZQ6a7EoKpVhN
    expires: 2026-01-31T12:00:00Z

The path is the act, so that a signature for one cannot serve the other. Fields come in any order, each once but
`fingerprint`. A replacement ends with an empty line and the armored certificates. Nothing else may stand in the text:
what was signed is what is done, all of it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from wasmpuck.errors import BadRequest

__all__ = ["MOST_CERTIFICATES", "OwnerAct", "OwnerRequest", "parse_request", "request_text"]

MOST_CERTIFICATES = 20
"""Certificates that one request may name."""

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

    `server` is lower case without a final dot; `fingerprints` are lower-case hexadecimal, of primary keys; `expires` is
    seconds since 1970; `certificates` is the armored text of a replacement, else empty.
    """

    act: OwnerAct
    server: str
    fingerprints: tuple[str, ...]
    nonce: str
    expires: float
    certificates: str = ""


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
        _check_certificates(rest)
    elif rest:
        raise _misunderstood("something follows the fields of the signed text; a deletion has nothing but its fields")
    return OwnerRequest(
        act=act,
        server=_server(found["server"][0]),
        fingerprints=_fingerprints(found["fingerprint"]),
        nonce=_nonce(found["nonce"][0]),
        expires=_expires(found["expires"][0]),
        certificates=rest,
    )


def request_text(
    act: OwnerAct,
    server: str,
    fingerprints: Iterable[str],
    *,
    expires: float,
    nonce: str = "",
    certificates: str = "",
) -> str:
    """The text to sign, ending with a line feed: `parse_request` reads it back.

    `expires` is seconds since 1970, whole ones count. A fresh nonce is made unless one is given. A replacement without
    `certificates` ends with the empty line behind which they belong. Raises `BadRequest` for a fingerprint or a server
    that cannot be one.
    """
    lines = [act.value, f"server: {_server(server)}"]
    lines += [f"fingerprint: {fingerprint}" for fingerprint in _fingerprints(list(fingerprints))]
    lines.append(f"nonce: {nonce or secrets.token_urlsafe(24)}")
    lines.append(f"expires: {datetime.fromtimestamp(int(expires), UTC).strftime(_EXPIRES)}")
    text = "\n".join(lines) + "\n"
    if act is OwnerAct.REPLACE:
        text += f"\n{certificates.strip()}\n" if certificates else "\n"
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
        if len(values) > 1 and name != "fingerprint":
            raise _misunderstood(f"the signed text says {name} twice")


def _check_certificates(text: str) -> None:
    """Nothing but blocks of certificates; what is in them is for the parser of certificates."""
    inside = False
    blocks = 0
    for line in text.split("\n"):
        if inside:
            inside = line != _END
        elif line == _BEGIN:
            inside, blocks = True, blocks + 1
        elif line:
            raise _misunderstood("something that is no armored certificate follows the fields of the signed text")
    if inside or not blocks:
        raise _misunderstood("the signed text does not end with the armored certificate that shall be stored")


def _fingerprints(values: Sequence[str]) -> tuple[str, ...]:
    fingerprints = tuple(value.lower() for value in values)
    for fingerprint in fingerprints:
        if not _FINGERPRINT.match(fingerprint):
            raise _misunderstood(f"{fingerprint[:80]!r} is not a fingerprint: 40 or 64 hexadecimal digits")
    if len(set(fingerprints)) < len(fingerprints):
        raise _misunderstood("a fingerprint is named twice")
    if len(fingerprints) > MOST_CERTIFICATES:
        raise _misunderstood(f"one request may name {MOST_CERTIFICATES} fingerprints")
    return fingerprints


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
