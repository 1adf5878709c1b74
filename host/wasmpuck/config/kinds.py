"""What a setting can hold: each kind turns one TOML value into one Python value, or says why it cannot.

A kind never reads files, resolves names or looks at other settings.
"""

from __future__ import annotations

import difflib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

__all__ = [
    "BadValue",
    "Choice",
    "Flag",
    "Kind",
    "ListOf",
    "Name",
    "Number",
    "PathKind",
    "RoutePath",
    "Text",
    "describe_value",
    "nearest",
    "quoted",
]

T = TypeVar("T")


class BadValue(Exception):
    """A value that a kind does not take; `index` is the place in a list, None when the whole value is meant."""

    def __init__(self, message: str, hint: str = "", *, index: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.index = index


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name most like `name`, letter case and `_`/`-` aside; None when none comes near."""
    by_plain = {_plain(candidate): candidate for candidate in valid}
    close = difflib.get_close_matches(_plain(name), by_plain, n=1, cutoff=0.6)
    return by_plain[close[0]] if close else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def describe_value(value: object) -> str:
    """Names a TOML value's type as a person would, for "expected X, found Y"."""
    match value:
        case bool():
            return f"the boolean {str(value).lower()}"
        case int():
            return "a whole number" if abs(value) >= 10**12 else f"the whole number {value}"
        case float():
            return f"the number {value}"
        case str():
            return f"the string {quoted(value)}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return f"a {type(value).__name__}"


def quoted(text: str) -> str:
    """The text in quotation marks, control characters escaped, cut at 60 characters."""
    return repr(text if len(text) <= 60 else text[:57] + "…")


class Kind(ABC, Generic[T]):
    """Reads one TOML value. Subclasses give `read` and `article`; `from_text` serves environment and command line."""

    @property
    @abstractmethod
    def article(self) -> str:
        """What is expected, with its article: "a duration", "a whole number of bytes, 1 to 10"."""

    @property
    def unit(self) -> str:
        """The unit for the reference page; empty when there is none."""
        return ""

    @abstractmethod
    def read(self, value: object) -> T:
        """Returns the Python value; raises BadValue."""

    def from_text(self, text: str) -> T:
        """The same from a string outside TOML (environment variable, option); raises BadValue."""
        return self.read(text)

    def show(self, value: T) -> str:
        """The value as it would be written in TOML."""
        return f'"{value}"'

    def _expected(self, value: object, hint: str = "") -> BadValue:
        return BadValue(f"expected {self.article}, found {describe_value(value)}", hint)


class Text(Kind[str]):
    """A string of at most `longest` characters, without control characters."""

    def __init__(self, longest: int = 1000) -> None:
        self._longest = longest

    @property
    def article(self) -> str:
        return "a string"

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise self._expected(value)
        if len(value) > self._longest:
            raise BadValue(f"the string has {len(value)} characters, at most {self._longest} are taken")
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise BadValue("the string holds control characters")
        return value


class Name(Text):
    """A name, a plugin's by default: lower case letters, digits and `-`, a letter first, at most 64 characters."""

    _FORM = re.compile(r"[a-z][a-z0-9-]{0,63}")

    def __init__(self, noun: str = "a plugin's name") -> None:
        super().__init__()
        self._noun = noun

    @property
    def article(self) -> str:
        return self._noun

    def read(self, value: object) -> str:
        text = super().read(value)
        if not self._FORM.fullmatch(text):
            raise BadValue(
                f"{quoted(text)} is not {self._noun}",
                "lower case letters, digits and '-', beginning with a letter, at most 64 characters",
            )
        return text


class RoutePath(Text):
    """A path of an HTTP server, or with `/*` at its end everything below one."""

    _FORM = re.compile(r"(/[A-Za-z0-9._~!$&'()+,;=:@-]+)+(/\*)?|/\*")

    @property
    def article(self) -> str:
        return "a path"

    def read(self, value: object) -> str:
        text = super().read(value)
        if not self._FORM.fullmatch(text) or "/./" in f"{text}/" or "/../" in f"{text}/":
            raise BadValue(
                f"{quoted(text)} is not a path", 'such as "/graphql", or "/wkd/*" for everything below /wkd/'
            )
        return text


class Choice(Kind[str]):
    """One of a few strings."""

    def __init__(self, *choices: str, noun: str = "value") -> None:
        self.choices = choices
        self._noun = noun

    @property
    def article(self) -> str:
        return "one of " + ", ".join(f'"{choice}"' for choice in self.choices)

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise self._expected(value)
        if value not in self.choices:
            near = nearest(value, self.choices)
            every = ", ".join(f'"{choice}"' for choice in self.choices)
            hint = f'did you mean "{near}"? valid: {every}' if near else f"valid: {every}"
            raise BadValue(f"unknown {self._noun} {quoted(value)}", hint)
        return value


class Flag(Kind[bool]):
    """A boolean; "true" or "false" outside TOML."""

    @property
    def article(self) -> str:
        return "true or false"

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            quoted = isinstance(value, str) and value.lower() in ("true", "false")
            raise self._expected(value, "write it without quotation marks" if quoted else "")
        return value

    def from_text(self, text: str) -> bool:
        if text.lower() not in ("true", "false"):
            raise self._expected(text)
        return text.lower() == "true"

    def show(self, value: bool) -> str:
        return str(value).lower()


class Number(Kind[int]):
    """A whole number within bounds (both included), counted in `unit`."""

    def __init__(self, least: int, most: int, unit: str = "") -> None:
        self.least = least
        self.most = most
        self._unit = unit

    @property
    def article(self) -> str:
        of_unit = f" of {self._unit}" if self._unit else ""
        return f"a whole number{of_unit}, {self.least:,} to {self.most:,}"

    @property
    def unit(self) -> str:
        return self._unit

    def read(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._expected(value, self._hint(value))
        if not self.least <= value <= self.most:
            raise self._expected(value)
        return value

    def _hint(self, value: object) -> str:
        if not isinstance(value, str):
            return ""
        unit = f"; the unit is always {self._unit}" if self._unit else ""
        return f"write the number alone, without quotation marks{unit}"

    def from_text(self, text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise self._expected(text)
        return self.read(int(text))

    def show(self, value: int) -> str:
        return str(value)


class PathKind(Kind[Path]):
    """A file or folder. The reader makes a relative one absolute; nothing is opened here."""

    @property
    def article(self) -> str:
        return "a path"

    @property
    def unit(self) -> str:
        return "path"

    def read(self, value: object) -> Path:
        if not isinstance(value, str):
            raise self._expected(value)
        if not value or "\0" in value:
            raise BadValue("the path is empty" if not value else "the path holds a NUL character")
        return Path(value)


class MappingOf(Kind[tuple[tuple[str, T], ...]]):
    """A table whose keys are names and whose values are all of one kind; read as pairs in the order of the names."""

    def __init__(self, key: Kind[str], element: Kind[T], noun: str) -> None:
        self.key = key
        self.element = element
        self._noun = noun

    @property
    def article(self) -> str:
        return f"a table of {self._noun}"

    def read(self, value: object) -> tuple[tuple[str, T], ...]:
        if not isinstance(value, Mapping):
            raise self._expected(value)
        pairs: list[tuple[str, T]] = []
        for name, item in value.items():
            try:
                pairs.append((self.key.read(name), self.element.read(item)))
            except BadValue as bad:
                raise BadValue(bad.message, bad.hint, index=name) from None
        return tuple(sorted(pairs, key=lambda pair: pair[0]))

    def show(self, value: tuple[tuple[str, T], ...]) -> str:
        return "{" + ", ".join(f"{name} = {self.element.show(item)}" for name, item in value) + "}"


class ListOf(Kind[tuple[T, ...]]):
    """A list whose elements are all of one kind; read as a tuple, in order, without repetitions."""

    def __init__(self, element: Kind[T], noun: str) -> None:
        self.element = element
        self._noun = noun

    @property
    def article(self) -> str:
        return f"a list of {self._noun}"

    def read(self, value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise self._expected(value, "put it into brackets: [ … ]" if isinstance(value, str) else "")
        elements: list[T] = []
        for index, item in enumerate(value):
            try:
                element = self.element.read(item)
            except BadValue as bad:
                raise BadValue(bad.message, bad.hint, index=index) from None
            if element in elements:
                raise BadValue(f"{describe_value(item)} is given twice", "remove one", index=index)
            elements.append(element)
        return tuple(elements)

    def from_text(self, text: str) -> tuple[T, ...]:
        return tuple(self.element.from_text(part.strip()) for part in text.split(",") if part.strip())

    def show(self, value: tuple[T, ...]) -> str:
        return "[" + ", ".join(self.element.show(element) for element in value) + "]"
