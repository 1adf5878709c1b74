"""Reads TOML tables into settings and gathers everything that is wrong, each with its file and line."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from wasmpuck.config.fields import Setting, settings_of
from wasmpuck.config.kinds import BadValue, describe_value, nearest
from wasmpuck.config.positions import KeyPath, Positions
from wasmpuck.errors import ConfigurationProblem

__all__ = ["Fields", "Reader", "Table", "dotted"]

Table = Mapping[str, object]
Fields = dict[str, Any]
"""Values by Python field name, each as its setting's kind returned it."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dotted(path: KeyPath) -> str:
    """A path as it would be written in TOML: `plugins."odd name".grants[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE.fullmatch(part) else json.dumps(part)
            text += f".{name}" if text else name
    return text


class Reader:
    """One file being read. `base` is the folder that relative paths start from; `problems` grows."""

    def __init__(self, file: str, positions: Positions, base: Path) -> None:
        self.problems: list[ConfigurationProblem] = []
        self._file = file
        self._positions = positions
        self._base = base

    def line(self, path: KeyPath) -> int:
        """The line of a key, 0 when unknown."""
        return self._positions.line(path)

    def report(self, path: KeyPath, message: str, hint: str = "") -> None:
        """Adds a problem at the line of `path`."""
        self.problems.append(ConfigurationProblem(self._file, self.line(path), dotted(path), message, hint))

    def table(self, around: Table, path: KeyPath) -> Table:
        """The table named by the end of `path` in `around`; empty when absent or, with a problem, not a table."""
        value = around.get(str(path[-1]), {})
        if isinstance(value, Mapping):
            return value
        self.report(path, f"expected a table, found {describe_value(value)}", f"write [{dotted(path)}]")
        return {}

    def fields(self, cls: type, values: Table, path: KeyPath) -> Fields:
        """The values of `cls`'s settings that `values` gives and that are right; the others become problems."""
        found: Fields = {}
        for each in settings_of(cls):
            if each.key in values:
                self._one(each, values[each.key], (*path, each.key), found)
        return found

    def _one(self, declared: Setting, value: object, path: KeyPath, into: Fields) -> None:
        try:
            into[declared.field] = absolute(declared.kind.read(value), self._base)
        except BadValue as bad:
            self.report(path if bad.index is None else (*path, bad.index), bad.message, bad.hint)

    def unknown(
        self,
        values: Table,
        path: KeyPath,
        known: Collection[str],
        *,
        elsewhere: Mapping[str, str] | None = None,
        otherwise: str = "",
    ) -> None:
        """Reports every key of `values` that is not in `known`, with the nearest that is.

        `elsewhere` maps keys of other tables to the tables' names; `otherwise` is the hint when nothing is near.
        """
        for key in values:
            if key in known:
                continue
            hint = otherwise
            if elsewhere and key in elsewhere:
                hint = f"it belongs into [{elsewhere[key]}]"
            elif near := nearest(key, known):
                hint = f"did you mean {near}?"
            kind = "table" if isinstance(values[key], Mapping) else "key"
            self.report((*path, key), f"unknown {kind}", hint)


def absolute(value: Any, base: Path) -> Any:
    """Paths, alone or in a tuple, made absolute from `base`; any other value as it is."""
    if isinstance(value, Path):
        return base / value
    if isinstance(value, tuple):
        return tuple(absolute(item, base) for item in value)
    return value
