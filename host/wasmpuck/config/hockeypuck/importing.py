"""From the text of a hockeypuck.conf to a configuration of ours and the fate of each of its keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

import tomli

from wasmpuck.config.hockeypuck.draft import Draft, toml_key
from wasmpuck.config.hockeypuck.keys import KEYS, KeyRule
from wasmpuck.config.hockeypuck.rules import Fate, Verdict, without_recon
from wasmpuck.config.hockeypuck.template import TemplateProblem, render
from wasmpuck.config.kinds import BadValue, describe_value, nearest
from wasmpuck.config.positions import find_positions
from wasmpuck.errors import ConfigurationError, ConfigurationProblem

__all__ = ["Import", "KeyFate", "import_hockeypuck"]

_ROOT = "hockeypuck"
_WORDS = {str: "a string", int: "a whole number", bool: "true or false", list: "a list of strings"}
_BELOW = {name.rpartition(".")[0] for name in KEYS}
_TABLES = {".".join(name.split(".")[:depth]) for name in _BELOW for depth in range(1, name.count(".") + 2)} - {""}


@dataclass(frozen=True, slots=True)
class KeyFate:
    """One key of the file: its dotted name and line, and what became of it. Holds no passwords."""

    key: str
    line: int
    fate: Fate
    becomes: tuple[str, ...] = ()
    note: str = ""


@dataclass(slots=True)
class Import:
    """What came of a file.

    `text` is the new configuration; `secret` says whether it holds a password. `notes` are remarks on the whole, `next`
    is what the operator does next.
    """

    text: str
    secret: bool
    fates: list[KeyFate] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    next: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Variables that the file asks for and that are not set."""

    @property
    def open(self) -> list[KeyFate]:
        """The keys that ask for a decision: not supported, wrong, or unknown."""
        return [each for each in self.fates if each.fate in (Fate.NOT_SUPPORTED, Fate.WRONG_VALUE, Fate.UNKNOWN)]


def import_hockeypuck(text: str, file: str, environment: Mapping[str, str], *, output: str = "wasmpuck.toml") -> Import:
    """Reads a configuration of Hockeypuck's, rendered with `environment` as Hockeypuck does at its start.

    `output` is what the new file will be called, for the commands that come next.

    Raises:
        ConfigurationError: it is no TOML, its template cannot be rendered, or nothing in it is Hockeypuck's.
    """
    try:
        rendered = render(text, environment)
    except TemplateProblem as problem:
        hint = "replace this action by what it stands for, in a copy, and import that"
        raise _fail(file, problem.line, f"the template cannot be rendered: {problem.message}", hint) from None
    document = _parse(rendered.text, file, rendered.line)
    positions = find_positions(rendered.text)
    wrapped = document.get(_ROOT)
    inside = isinstance(wrapped, Mapping)
    found = list(_leaves(wrapped if isinstance(wrapped, Mapping) else document))
    known = {name: value for path, value in found if (name := _name(path)) is not None}
    if not known:
        hint = "it has a table [hockeypuck]; a file of Wasmpuck's needs no import"
        raise _fail(file, 0, "there is no key of Hockeypuck's in it", hint)
    draft = Draft(known, output)
    result = Import("", False)
    for path, value in found:
        shown = (_ROOT, *path) if inside else path
        verdict = _judge(draft, path, value)
        line = rendered.line(positions.line(shown))
        result.fates.append(KeyFate(".".join(map(toml_key, shown)), line, *_fields(verdict)))
    if inside:
        for name in document:
            if name != _ROOT:
                hint = f"it belongs below [{_ROOT}]" if name in _TABLES or name in KEYS else ""
                line = rendered.line(positions.line((name,)))
                result.fates.append(KeyFate(toml_key(name), line, Fate.UNKNOWN, (), _unread(hint)))
    result.fates.sort(key=lambda each: each.line)
    _complete(draft, rendered.missing)
    result.text, result.secret = draft.text(file), draft.secret
    result.notes, result.next, result.missing = draft.notes, draft.next, rendered.missing
    return result


def _fields(verdict: Verdict) -> tuple[Fate, tuple[str, ...], str]:
    return verdict.fate, verdict.becomes, verdict.note


def _fail(file: str, line: int, message: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([ConfigurationProblem(file, line, "", message, hint)])


def _parse(text: str, file: str, line_of: Any) -> dict[str, Any]:
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise _fail(file, line_of(error.lineno), f"not valid TOML: {error.msg} (column {error.colno})") from None
    except RecursionError:
        raise _fail(file, 0, "not usable: it is nested too deep") from None
    except ValueError as error:  # a number of more digits than Python converts
        raise _fail(file, 0, f"not usable: {error}".split(";")[0]) from None


def _leaves(whole: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every key that is no table, with its path; an empty table counts as a key."""
    stack: list[tuple[tuple[str, ...], Mapping[str, object]]] = [((), whole)]
    while stack:
        path, table = stack.pop(0)
        for key, value in table.items():
            inner = (*path, key)
            if isinstance(value, Mapping) and value and _name(inner) is None:
                stack.append((inner, value))
            else:
                yield inner, value


def _name(path: tuple[str, ...]) -> str | None:
    """A key's name in `KEYS`' spelling, a partner's name put in for `*`; None when it is not known.

    Hockeypuck's reader does not mind letter case.
    """
    parts = list(path)
    if len(parts) == 5 and [part.lower() for part in parts[:3]] == ["conflux", "recon", "partner"]:
        name = _SPELLINGS.get(f"conflux.recon.partner.*.{parts[4].lower()}")
        return None if name is None else f"conflux.recon.partner.{parts[3]}.{name.rpartition('.')[2]}"
    return _SPELLINGS.get(".".join(parts).lower()) if "*" not in parts else None


_SPELLINGS = {name.lower(): name for name in KEYS}


def _rule(path: tuple[str, ...]) -> KeyRule | None:
    name = _name(path)
    if name is None:
        return None
    if name.startswith("conflux.recon.partner."):
        name = f"conflux.recon.partner.*.{name.rpartition('.')[2]}"
    return KEYS[name]


def _judge(draft: Draft, path: tuple[str, ...], value: object) -> Verdict:
    known = _rule(path)
    if known is None:
        return _unknown(path, value)
    if not _fits(known.kind, value):
        message = f"Hockeypuck expects {_WORDS[known.kind]} here, found {_described(value)}"
        return Verdict(Fate.WRONG_VALUE, (), f"{message}; it is left out")
    try:
        verdict = known.rule(draft, value)
    except BadValue as bad:
        hint = f" ({bad.hint})" if bad.hint else ""
        return Verdict(Fate.WRONG_VALUE, (), f"{bad.message}{hint}; it is left out")
    if known.kept and verdict.fate is Fate.NOT_SUPPORTED:
        draft.kept.append(((_ROOT, *path), value))
    return verdict


def _described(value: object) -> str:
    """The type alone: the value may be a password."""
    return "a string" if isinstance(value, str) else describe_value(value)


def _fits(kind: type, value: object) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return isinstance(value, kind)


def _unread(hint: str) -> str:
    unread = "Hockeypuck does not read it either"
    return f"{hint}{' ' if hint.endswith('?') else '; '}{unread}" if hint else unread


def _unknown(path: tuple[str, ...], value: object) -> Verdict:
    if path[0].lower() == "plugins":
        instead = "plugins are signed WebAssembly components here: docs/operators.md#plugins, docs/plugin-authors.md"
        return Verdict(Fate.NOT_SUPPORTED, (), instead)
    if isinstance(value, Mapping) and not value and ".".join(path) in _TABLES:
        return Verdict(Fate.NOT_NEEDED, (), "the table is empty")
    name = ".".join(path)
    inside = [key.rpartition(".")[2] for key in KEYS if key.rpartition(".")[0] == ".".join(path[:-1])]
    near = nearest(path[-1], inside) if inside else None
    elsewhere = [key for key in KEYS if key.rpartition(".")[2].lower() == path[-1].lower()]
    if near is None and len(elsewhere) == 1:
        return Verdict(Fate.UNKNOWN, (), _unread(f"did you mean {elsewhere[0]}?"))
    if near is None and (whole := nearest(name[:200], KEYS)) is not None:
        return Verdict(Fate.UNKNOWN, (), _unread(f"did you mean {whole}?"))
    return Verdict(Fate.UNKNOWN, (), _unread(f"did you mean {near}?" if near else ""))


def _complete(draft: Draft, missing: list[str]) -> None:
    """What follows from the whole, and not from a single key."""
    for name in missing:
        draft.notes.append(
            f"the variable {name} is not set and was taken as empty: --env-file names a file of variables"
        )
    if "hostname" not in draft.values.get("server", {}):
        draft.notes.append("no host is named: set server.hostname to the name under which people know this server")
    if "openpgp.db.dsn" not in draft.given:
        draft.notes.append(
            "no database is named: certificates will be in an SQLite file, unless storage.url names another"
        )
    draft.next.insert(0, f"Look through {draft.output}, then check it: wasmpuck config check {quote(draft.output)}")
    draft.next.append(f"Start the server: wasmpuck serve --config {quote(draft.output)}")
    if not without_recon(draft):
        draft.put("openpgp.ripemd160", False)
        draft.comments["openpgp.ripemd160"] = "As the partners below do it, so that digests agree."
        draft.notes.append("openpgp.ripemd160 = false was added, so that digests agree with those of your partners")
