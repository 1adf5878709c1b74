"""What becomes of each kind of key: a rule reads one value into the draft and says what it did."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from shlex import quote
from typing import TypeAlias

from wasmpuck.config.hockeypuck.draft import Draft, toml_value
from wasmpuck.config.hockeypuck.dsn import parse_dsn
from wasmpuck.config.kinds import BadValue
from wasmpuck.config.storage import DatabaseURL

__all__ = [
    "Fate",
    "Rule",
    "Verdict",
    "becomes",
    "database",
    "fingerprints",
    "log_level",
    "needless",
    "only",
    "self_signed_only",
    "size",
    "tls",
    "unsupported",
    "without_recon",
]


class Fate(StrEnum):
    """What becomes of a key."""

    TRANSLATED = "translated"
    SAME = "same by default"
    NOT_NEEDED = "not needed"
    NOT_SUPPORTED = "not supported"
    WRONG_VALUE = "wrong value"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A key's fate, the lines that it becomes (without passwords), and why, or what to do instead."""

    fate: Fate
    becomes: tuple[str, ...] = ()
    note: str = ""


Rule: TypeAlias = Callable[[Draft, object], Verdict]
"""Called with the value as TOML gave it, already of the right type. Raises BadValue for one that cannot be taken."""


def _put(draft: Draft, name: str, value: object, note: str = "") -> Verdict:
    if draft.put(name, value):
        return Verdict(Fate.TRANSLATED, (f"{name} = {toml_value(value)}",), note)
    return Verdict(Fate.SAME, (), note or f"{name} is {toml_value(value)} anyway")


def _not_given(value: object) -> Verdict | None:
    return Verdict(Fate.SAME, (), "empty, as if it were not there") if value in ("", []) else None


def becomes(name: str, note: str = "") -> Rule:
    """The same value under another name."""

    def rule(draft: Draft, value: object) -> Verdict:
        return _not_given(value) or _put(draft, name, value, note)

    return rule


def size(name: str, *, unlimited: bool = False) -> Rule:
    """A number that is brought into our bounds; 0 is the most when it stands for "no limit"."""

    def rule(draft: Draft, value: object) -> Verdict:
        least, most = draft.bounds(name)
        wanted = int(str(value))
        taken = most if unlimited and wanted == 0 else min(max(wanted, least), most)
        return _put(draft, name, taken, "" if taken == wanted else f"the nearest that can be set to {wanted}")

    return rule


def needless(why: str) -> Rule:
    """Nothing has to be set, for this reason."""
    return lambda draft, value: Verdict(Fate.NOT_NEEDED, (), why)


def unsupported(instead: str) -> Rule:
    """Nothing is like it; this is what to do instead."""

    def rule(draft: Draft, value: object) -> Verdict:
        return _not_given(value) or Verdict(Fate.NOT_SUPPORTED, (), instead)

    return rule


def only(usual: object, why: str, instead: str) -> Rule:
    """`usual` needs nothing; any other value is not supported."""

    def rule(draft: Draft, value: object) -> Verdict:
        if value == usual:
            return Verdict(Fate.SAME, (), why)
        return Verdict(Fate.NOT_SUPPORTED, (), instead)

    return rule


def without_recon(draft: Draft) -> bool:
    """Whether the file names no partners to exchange certificates with."""
    return not any(name.startswith(("conflux.recon.partner.", "conflux.recon.partners")) for name in draft.given)


def log_level(draft: Draft, value: object) -> Verdict:
    """logrus' levels to ours."""
    levels = {
        "trace": "debug",
        "debug": "debug",
        "info": "info",
        "warn": "warning",
        "warning": "warning",
        "error": "error",
        "fatal": "error",
        "panic": "error",
    }
    if str(value).lower() not in levels:
        raise BadValue("Hockeypuck has no such level", f"one of {', '.join(levels)}")
    return _put(draft, "server.logLevel", levels[str(value).lower()])


def fingerprints(name: str, note: str = "") -> Rule:
    """A list of fingerprints; those that are no whole fingerprints are left out and named."""

    def rule(draft: Draft, value: object) -> Verdict:
        good: list[str] = []
        bad: list[str] = []
        for item in value if isinstance(value, list) else []:
            digits = "".join(str(item).split()).lower().removeprefix("0x")
            if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", digits):
                bad.append(str(item)[:70])
            elif digits not in good:
                good.append(digits)
        left_out = f"left out, because they are no whole fingerprints: {', '.join(bad)}" if bad else ""
        if not good:
            return Verdict(Fate.WRONG_VALUE, (), left_out) if bad else Verdict(Fate.SAME, (), "empty here too")
        return _put(draft, name, good, "; ".join(part for part in (left_out, note) if part))

    return rule


def self_signed_only(draft: Draft, value: object) -> Verdict:
    """Hockeypuck stores what others signed and leaves it out of replies; here it is stored or not."""
    if value is False:
        return Verdict(Fate.SAME, (), "others' signatures are given out")
    if without_recon(draft):
        note = "others' signatures are then not stored, whereas Hockeypuck only left them out of replies"
        return _put(draft, "openpgp.thirdParty", "self-only", note)
    instead = (
        'openpgp.thirdParty = "self-only" drops others\' signatures on the way in; digests then differ from those '
        "of the partners named here, so it is left to you"
    )
    return Verdict(Fate.NOT_SUPPORTED, (), instead)


_TLS = {"hkps.bind": "server.tlsBind", "hkps.cert": "server.tlsCertificate", "hkps.key": "server.tlsKey"}


def tls(own: str) -> Rule:
    """A part of `[hkps]`, which is of use only when it is complete."""

    def rule(draft: Draft, value: object) -> Verdict:
        missing = [part for part, name in _TLS.items() if not draft.takes(name, draft.given.get(part))]
        if missing:
            return Verdict(Fate.NOT_SUPPORTED, (), f"HTTPS needs {' and '.join(missing)} too")
        return _put(draft, _TLS[own], value)

    return rule


def database(draft: Draft, value: object) -> Verdict:
    """The new database stands beside Hockeypuck's, which stays as it is."""
    if value == "":
        return Verdict(Fate.SAME, (), "empty, as if it were not there")
    source = parse_dsn(str(value))
    url = source.url()
    draft.put("storage.url", url)
    draft.secret = draft.secret or source.secret
    password = "PGPASSWORD=… " if source.secret else ""
    config = quote(draft.output)
    draft.next += [
        f"Make the database {source.database} beside Hockeypuck's: createdb, or CREATE DATABASE {source.database};",
        f"Take the certificates over: {password}wasmpuck migrate hockeypuck --config {config} {quote(source.shown)}",
    ]
    notes = ["a new database beside Hockeypuck's; `wasmpuck migrate hockeypuck` takes over the certificates"]
    if source.left_out():
        notes.append(f"without {', '.join(source.left_out())}")
    if source.secret:
        notes.append("the password is in the file, which only you can read; storage.passwordFile is better")
    return Verdict(Fate.TRANSLATED, (f'storage.url = "{DatabaseURL(url).shown}"',), "; ".join(notes))
