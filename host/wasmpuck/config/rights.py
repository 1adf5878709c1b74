"""`[rights]`: who may have certificates deleted and replaced, and how a request for it has to look."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from wasmpuck.config.durations import Duration
from wasmpuck.config.fields import setting
from wasmpuck.config.kinds import BadValue, Flag, Kind, ListOf, PathKind, quoted

__all__ = ["FingerprintKind", "RightsSettings", "ServerNameKind"]


class FingerprintKind(Kind[str]):
    """The fingerprint of a primary key; blanks and a leading `0x` are taken off, read as lower case."""

    @property
    def article(self) -> str:
        return "a fingerprint of 40 or 64 hexadecimal digits"

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise self._expected(value)
        digits = "".join(value.split()).lower().removeprefix("0x")
        if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", digits):
            hint = "a key id is not enough: `gpg --fingerprint` shows the whole"
            raise BadValue(f"{quoted(value)} is not a fingerprint", hint)
        return digits


class ServerNameKind(Kind[str]):
    """A host name as it stands in signed requests, perhaps with a port; read as lower case, without a final dot."""

    @property
    def article(self) -> str:
        return "a host name"

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise self._expected(value)
        name = value.lower().removesuffix(".")
        if not re.fullmatch(r"[a-z0-9.:_-]{1,253}", name):
            raise BadValue(f"{quoted(value)} is not a host name", "write it like keys.example.org")
        return name


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsSettings:
    """`[rights]`: requests to delete or replace a certificate."""

    owner_requests: bool = setting(
        Flag(), True, "Whether the owner of a key may have it deleted or replaced; if not, only administrators may."
    )
    admin_keys: tuple[str, ...] = setting(
        ListOf(FingerprintKind(), "fingerprints"),
        (),
        "Keys whose signature deletes and replaces any certificate. Their own certificates come from "
        "`adminCertificates` or from the database.",
    )
    admin_certificates: tuple[Path, ...] = setting(
        ListOf(PathKind(), "paths"), (), "Files with the certificates of `adminKeys`, armored or not."
    )
    server_names: tuple[str, ...] = setting(
        ListOf(ServerNameKind(), "host names"),
        (),
        "Names besides `server.hostname` that a request may be addressed to; no other server should accept them.",
    )
    longest_validity: float = setting(
        Duration("1m", "31d"),
        86_400.0,
        "How far ahead the expiry of a request may lie; its nonce is remembered until then.",
    )
    clock_difference: float = setting(
        Duration("0s", "1h"), 120.0, "By how much the clock of whoever signs may differ from the server's."
    )
