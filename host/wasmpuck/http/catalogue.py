"""What the pages say, in each language: one TOML file a language in `languages/`, read once.

A message is a text with `{names}` in braces, or a table of plural forms from which `{count}` chooses. `docs/web.md`
says how a language is added.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from string import Formatter
from typing import Any

from wasmpuck.http.markup import Markup, join, text

__all__ = ["CATALOGUES", "ORIGINAL", "PLURALS", "Catalogue", "Value", "negotiate", "read_catalogue"]

ORIGINAL = "en"
"""The language in which the pages were written; every other catalogue has the same messages."""

Value = str | Markup | int
"""What may be filled in: text (escaped), markup (as it is), a number (grouped as the language does)."""

_LONGEST_HEADER = 256
_TOO_LATE = 253_402_300_800
"""Seconds since 1970 of the year 10000, beyond what the calendar here can say."""


def _slavic(number: int) -> str:
    if number % 10 == 1 and number % 100 != 11:
        return "one"
    return "few" if 2 <= number % 10 <= 4 and not 12 <= number % 100 <= 14 else "many"


def _polish(number: int) -> str:
    return "one" if number == 1 else "few" if _slavic(number) == "few" else "many"


PLURALS: dict[str, tuple[frozenset[str], Callable[[int], str]]] = {
    "none": (frozenset({"other"}), lambda number: "other"),
    "one-other": (frozenset({"one", "other"}), lambda number: "one" if number == 1 else "other"),
    "zero-one-other": (frozenset({"one", "other"}), lambda number: "one" if number in (0, 1) else "other"),
    "east-slavic": (frozenset({"one", "few", "many"}), _slavic),
    "polish": (frozenset({"one", "few", "many"}), _polish),
    "czech": (
        frozenset({"one", "few", "other"}),
        lambda number: "one" if number == 1 else "few" if 2 <= number <= 4 else "other",
    ),
}
"""Rules for whole numbers, by the name that a catalogue gives: the forms that it must have, and the choice (CLDR)."""

_Parts = tuple[tuple[str, Markup, str], ...]
"""A message in pieces: plain text, the same escaped, and the name that follows it (empty at the end)."""


@dataclass(frozen=True)
class Catalogue:
    """One language. `code` is a BCP 47 tag, `name` what the language calls itself; `messages` are by dotted key."""

    code: str
    name: str
    direction: str
    plural: str
    thousands: str
    date: str
    first_day: str
    months: tuple[str, ...]
    messages: Mapping[str, str | Mapping[str, str]]
    _parts: Mapping[str, Mapping[str, _Parts]]

    def has(self, key: str) -> bool:
        """Whether there is such a message."""
        return key in self._parts

    def say(self, key: str, **values: Value) -> Markup:
        """The message with `values` filled in. Raises KeyError for an unknown key or a missing value."""
        found: list[str] = []
        for _, escaped, name in self._form(key, values):
            found.append(escaped)
            if name:
                value = values[name]
                found.append(self.number(value) if isinstance(value, int) else join(value))
        return Markup("".join(found))

    def plain(self, key: str, **values: str | int) -> str:
        """The same as text, for attributes and titles: whoever puts it into markup escapes it."""
        found: list[str] = []
        for literal, _, name in self._form(key, values):
            found.append(literal)
            if name:
                value = values[name]
                found.append(self.number(value) if isinstance(value, int) else value)
        return "".join(found)

    def _form(self, key: str, values: Mapping[str, Value]) -> _Parts:
        forms = self._parts[key]
        if "" in forms:
            return forms[""]
        return forms[PLURALS[self.plural][1](int(values["count"]))]

    def number(self, value: int) -> str:
        """With its digits in groups of three."""
        return f"{value:,}".replace(",", self.thousands)

    def day(self, seconds: float) -> str:
        """A day such as `5 March 2027`, in UTC."""
        if not 0 <= seconds < _TOO_LATE:
            return self.plain("time.beyond")
        moment = datetime.fromtimestamp(seconds, UTC)
        number = self.first_day if moment.day == 1 else str(moment.day)
        return self.date.format(day=number, month=self.months[moment.month - 1], year=moment.year)


def read_catalogue(code: str, source: str) -> Catalogue:
    """A catalogue from its TOML text. Raises ValueError that names what is wrong and where."""
    table = tomllib.loads(source)
    head = table.pop("language", {})
    try:
        plural, months = head["plural"], tuple(head["months"])
        fixed = {name: head[name] for name in ("name", "thousands", "date", "first_day", "direction")}
    except KeyError as missing:
        raise ValueError(f"{code}: [language] lacks {missing}") from None
    if plural not in PLURALS or len(months) != 12:
        raise ValueError(f"{code}: [language] needs twelve months and one of these plural rules: {', '.join(PLURALS)}")
    messages: dict[str, str | Mapping[str, str]] = {}
    _flatten(table, "", messages)
    parts: dict[str, Mapping[str, _Parts]] = {}
    for key, message in messages.items():
        forms = {"": message} if isinstance(message, str) else message
        if not isinstance(message, str) and set(forms) != PLURALS[plural][0]:
            raise ValueError(f"{code}: {key} needs the plural forms {', '.join(sorted(PLURALS[plural][0]))}")
        parts[key] = {form: _split(code, key, each) for form, each in forms.items()}
    return Catalogue(code=code, plural=plural, months=months, messages=messages, _parts=parts, **fixed)


_FORMS = frozenset().union(*(forms for forms, _ in PLURALS.values()))


def _flatten(table: Mapping[str, Any], prefix: str, into: dict[str, str | Mapping[str, str]]) -> None:
    for key, value in table.items():
        if isinstance(value, str):
            into[prefix + key] = value
        elif value and set(value) <= _FORMS:
            into[prefix + key] = dict(value)
        else:
            _flatten(value, f"{prefix}{key}.", into)


def _split(code: str, key: str, message: str) -> _Parts:
    pieces = []
    for literal, name, form, conversion in Formatter().parse(message):
        if name is not None and (not name.isidentifier() or form or conversion):
            raise ValueError(f"{code}: {key}: {{{name}}} is not the name of a value")
        pieces.append((literal, text(literal), name or ""))
    return tuple(pieces)


def _read_all() -> dict[str, Catalogue]:
    folder = resources.files("wasmpuck.http").joinpath("languages")
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".toml"))
    codes = [name.removesuffix(".toml") for name in names]
    return {code: read_catalogue(code, folder.joinpath(f"{code}.toml").read_text(encoding="utf-8")) for code in codes}


CATALOGUES: Mapping[str, Catalogue] = _read_all()
"""Every language there is, by its code."""


@lru_cache(maxsize=256)
def negotiate(accept: str, default: str) -> Catalogue:
    """The language that an `Accept-Language` header likes best (RFC 9110 §12.5.4, lookup of RFC 4647 §3.4).

    `de-AT` is answered with `de`. Headers that name no language of ours, or that are unreasonably long, get `default`.
    """
    best, quality = CATALOGUES[default], 0.0
    for item in accept.split(",") if len(accept) <= _LONGEST_HEADER else ():
        tag, *parameters = (part.strip().lower() for part in item.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        found = _lookup(tag)
        if found is not None and quality < weight <= 1:
            best, quality = found, weight
    return best


def _lookup(tag: str) -> Catalogue | None:
    while tag:
        for code, catalogue in CATALOGUES.items():
            if code.lower() == tag:
                return catalogue
        tag = tag.rpartition("-")[0]
    return None
