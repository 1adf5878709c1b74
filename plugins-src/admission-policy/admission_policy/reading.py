"""Reading settings key by key, so that each problem names its path and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from . import algorithms
from .domains import is_pattern

__all__ = ["Problem", "Table"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: the setting's dotted path (empty: the whole) and a sentence."""

    path: str
    message: str


class Table:
    """One JSON object at a dotted path. A getter gives `None` (or an empty value) for an absent key, and for a bad one
    too, after adding to `problems`.
    """

    def __init__(self, values: dict[str, object], path: str, problems: list[Problem]) -> None:
        self._values = values
        self._path = path
        self._problems = problems
        self._known: list[str] = []

    def table(self, key: str) -> Table:
        """The table under `key`; an empty one when it is absent."""
        value = self._take(key)
        if value is not None and not isinstance(value, dict):
            self._wrong(key, "a table", value)
            value = None
        return Table(value or {}, self._dotted(key), self._problems)

    def whole(self, key: str, unit: str, least: int, most: int) -> int | None:
        """A whole number of `unit` from `least` to `most`."""
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self._wrong(key, f"a whole number of {unit} from {least} to {most}", value)
            return None
        return value

    def number(self, key: str, unit: str, least: float, most: float) -> float | None:
        """A number of `unit` from `least` to `most`."""
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self._wrong(key, f"a number of {unit} from {least} to {most}", value)
            return None
        return float(value)

    def flag(self, key: str) -> bool:
        """`true` or `false`; false when absent."""
        value = self._take(key)
        if value is not None and not isinstance(value, bool):
            self._wrong(key, "true or false", value)
        return value is True

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """One of `choices`; the first when absent."""
        value = self._take(key)
        if value is None:
            return choices[0]
        if not isinstance(value, str) or value not in choices:
            self._wrong(key, " or ".join(f'"{choice}"' for choice in choices), value)
            return choices[0]
        return value

    def patterns(self, key: str) -> tuple[str, ...]:
        """A list of domain patterns, in lower case."""
        found = []
        for place, item in enumerate(self._list(key, "a list of domains")):
            if isinstance(item, str) and is_pattern(item.lower().rstrip(".")):
                found.append(item.lower().rstrip("."))
            else:
                self._wrong(f"{key}.{place}", 'a domain like "example.org" or "*.example.org"', item)
        return tuple(found)

    def algorithms(self, key: str) -> frozenset[int] | None:
        """A list of algorithms; `None` when absent."""
        if self._values.get(key) is None:
            self._known.append(key)
            return None
        found: frozenset[int] = frozenset()
        for place, item in enumerate(self._list(key, "a list of algorithms")):
            found |= self._algorithm(f"{key}.{place}", item)
        return found

    def bits(self, key: str) -> dict[int, int]:
        """A table from an algorithm's name to its least size in bits."""
        sizes = self.table(key)
        found: dict[int, int] = {}
        for name in sizes._values:
            numbers = self._algorithm(f"{key}.{name}", int(name) if name.isdecimal() else name)
            bits = sizes.whole(name, "bits", 1, 65_536)
            found.update(dict.fromkeys(numbers, bits or 0))
        return found

    def refuse_unknown(self) -> None:
        """Adds a problem for each key that no getter asked for."""
        for key in sorted(self._values.keys() - set(self._known)):
            names = {known.lower(): known for known in self._known}
            near = difflib.get_close_matches(key.lower(), names, 1, 0.5)
            hint = f"did you mean `{names[near[0]]}`? Known" if near else "known"
            self._problems.append(
                Problem(self._dotted(key), f"there is no setting `{key}` here; {hint} are {', '.join(self._known)}")
            )

    def _algorithm(self, key: str, value: object) -> frozenset[int]:
        if isinstance(value, str) and value.lower() in algorithms.NAMES:
            return algorithms.NAMES[value.lower()]
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 255:
            return frozenset({value})
        near = difflib.get_close_matches(str(value).lower(), algorithms.NAMES, 1, 0.5)
        hint = f" (did you mean `{near[0]}`?)" if near else ""
        names = ", ".join(algorithms.NAMES)
        self._wrong(key, f"an algorithm: {names}, or a number of RFC 9580 §9.1 from 1 to 255", value, hint)
        return frozenset()

    def _list(self, key: str, right: str) -> list[object]:
        value = self._take(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self._wrong(key, right, value)
            return []
        return value

    def _take(self, key: str) -> object:
        self._known.append(key)
        return self._values.get(key)

    def _dotted(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _wrong(self, key: str, right: str, value: object, hint: str = "") -> None:
        self._problems.append(Problem(self._dotted(key), f"must be {right}, not {_kind(value)}{hint}"))


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the text "{value:.80}"'
    return "a list" if isinstance(value, list) else "a table"
