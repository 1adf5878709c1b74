"""The configuration that comes of a file of Hockeypuck's: settings that were read, notes, and the text."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from wasmpuck.config.fields import Setting, settings_of
from wasmpuck.config.kinds import BadValue, Number
from wasmpuck.config.loading import SECTIONS

__all__ = ["Draft", "toml_key", "toml_value"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LIMITER = "ratelimit-window"
_WIDE = 100  # columns


def toml_key(name: str) -> str:
    """A key, in quotation marks when it must be."""
    return name if _BARE.fullmatch(name) else toml_value(name)


def toml_value(value: object) -> str:
    """A value as TOML 1.0.0 has it, in one line."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f") if value.isascii() else _wide(value)
        case float() if not math.isfinite(value):
            return {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
        case list() | tuple():
            return "[" + ", ".join(toml_value(item) for item in value) + "]"
        case Mapping():
            return "{" + ", ".join(f"{toml_key(str(key))} = {toml_value(item)}" for key, item in value.items()) + "}"
        case datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return str(value)


def _wide(text: str) -> str:
    """Characters that are not printed are escaped, so that a comment is one line for every editor."""
    return (
        '"'
        + "".join(
            json.dumps(each)[1:-1].replace("\x7f", "\\u007f")
            if each.isascii()
            else each
            if each.isprintable()
            else f"\\U{ord(each):08x}"
            for each in text
        )
        + '"'
    )


@dataclass(slots=True)
class Draft:
    """Grows while the keys are read. `values` are TOML values by table and key; `plugin` is the rate limiter's own."""

    given: Mapping[str, object]
    """The keys of the file by their names below `[hockeypuck]`, in Hockeypuck's spelling; only those that are known."""

    output: str = "wasmpuck.toml"
    """What the new file is called."""

    values: dict[str, dict[str, object]] = field(default_factory=dict)
    plugin: dict[str, object] = field(default_factory=dict)
    kept: list[tuple[tuple[str, ...], object]] = field(default_factory=list)
    """Keys that stay in the file as comments."""
    notes: list[str] = field(default_factory=list)
    next: list[str] = field(default_factory=list)
    """What the operator does next, in order."""
    comments: dict[str, str] = field(default_factory=dict)
    """By table and key (`openpgp.ripemd160`): why a key is there that the file did not have."""
    secret: bool = False
    """Whether the text holds a password."""

    def put(self, name: str, value: object) -> bool:
        """Sets `table.key`; False when that is what holds anyway. Raises BadValue."""
        declared = _declared(name)
        if declared.kind.read(value) == declared.default:
            return False
        table, key = name.split(".")
        self.values.setdefault(table, {})[key] = value
        return True

    def takes(self, name: str, value: object) -> bool:
        """Whether `table.key` can have this value."""
        try:
            _declared(name).kind.read(value)
        except BadValue:
            return False
        return True

    def bounds(self, name: str) -> tuple[int, int]:
        """The least and the most that a number may be."""
        kind = _declared(name).kind
        if not isinstance(kind, Number):
            raise TypeError(f"{name} is no number")
        return kind.least, kind.most

    def text(self, origin: str) -> str:
        """The file, as `wasmpuck config check` takes it."""
        lines = [f"# Made of {toml_value(origin)} by `wasmpuck config import`. Every key: `wasmpuck config reference`."]
        for section in SECTIONS:
            if section in self.values:
                lines += ["", f"[{section}]"]
                lines += self._table(section, self.values[section])
        if self.plugin:
            lines += [
                "",
                f"# Needs {_LIMITER}.wasm in plugins.directory, signed by a publisher of plugins.keyring.",
                f"[plugins.{_LIMITER}]",
                'grants = ["clock", "log", "metrics", "storage", "tasks"]',
                *(f"config.{key} = {toml_value(value)}" for key, value in self.plugin.items()),
            ]
        if self.kept:
            lines += [
                "",
                "# Not supported yet: synchronization with other servers. As it was in Hockeypuck's file:",
            ]
            around: tuple[str, ...] = ()
            for path, value in self.kept:
                if path[:-1] != around:
                    around = path[:-1]
                    lines += ["#", "# [" + ".".join(map(toml_key, around)) + "]"]
                lines.append(f"# {toml_key(path[-1])} = {toml_value(value)}")
        return "\n".join(lines) + "\n"

    def _table(self, table: str, values: Mapping[str, object]) -> list[str]:
        lines = []
        for key, value in values.items():
            if (why := self.comments.get(f"{table}.{key}")) is not None:
                lines.append(f"# {why}")
            written = f"{toml_key(key)} = {toml_value(value)}"
            if len(written) > _WIDE and isinstance(value, list | tuple):
                lines += [f"{key} = [", *(f"  {toml_value(item)}," for item in value), "]"]
            else:
                lines.append(written)
        return lines


def _declared(name: str) -> Setting:
    table, key = name.split(".")
    return next(each for each in settings_of(SECTIONS[table]) if each.key == key)
