"""A plugin's table in either of the roadmap's spellings, merged into one.

`[plugins.NAME]` holds the host's keys, and the plugin's own settings under `config`:

    [plugins.ratelimit]
    enabled = true
    config.threshold = 0.85

`[plugins.config.NAME]` holds both side by side; what is not a key of the host is the plugin's own:

    [plugins.config.ratelimit]
    enabled = true
    threshold = 0.85

Both may be used for one plugin as long as no key is given twice.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping

from wasmpuck.config.fields import settings_of
from wasmpuck.config.kinds import BadValue, Name, describe_value, nearest
from wasmpuck.config.plugins import (
    RESERVED_NAMES,
    PluginDefaults,
    PluginLimits,
    PluginSecuritySettings,
    PluginSettings,
    PluginTable,
    canonical_json,
)
from wasmpuck.config.positions import KeyPath
from wasmpuck.config.reader import Fields, Reader, Table

__all__ = ["read_plugin_tables"]

_DEEPEST = 16
_LARGEST = 2**53
_HOST_KEYS = tuple(each.key for each in settings_of(PluginTable))
_LIMIT_KEYS = tuple(each.key for each in settings_of(PluginLimits))


def read_plugin_tables(
    reader: Reader, plugins: Table, known: set[str], defaults: PluginDefaults, security: PluginSecuritySettings
) -> tuple[PluginSettings, ...]:
    """Every plugin that `[plugins]` names in either spelling, ordered by name.

    `known` are the keys of `[plugins]` itself, which are left alone. Problems go to `reader`.
    """
    first = {name: table for name, table in plugins.items() if name not in known and isinstance(table, Mapping)}
    second = reader.table(plugins, ("plugins", "config"))
    settings = []
    for name in sorted({*first, *second}):
        for spelling in (("plugins", name), ("plugins", "config", name)):
            if name in (first if len(spelling) == 2 else second):
                _check_name(reader, name, spelling)
        settings.append(_Plugin(reader, name, defaults, security).read(first.get(name), second))
    return tuple(settings)


def _check_name(reader: Reader, name: str, path: KeyPath) -> None:
    if name in RESERVED_NAMES:
        reader.report(path, f"a plugin cannot be called {name}", "the name is the host's own")
        return
    try:
        Name().read(name)
    except BadValue as bad:
        near = nearest(name, RESERVED_NAMES)
        reader.report(path, bad.message, f"did you mean [plugins.{near}]?" if near else bad.hint)


class _Plugin:
    """One plugin being read from one table or two."""

    def __init__(self, reader: Reader, name: str, defaults: PluginDefaults, security: PluginSecuritySettings) -> None:
        self._reader = reader
        self._name = name
        self._defaults = defaults
        self._security = security

    def read(self, first: Table | None, second_tables: Table) -> PluginSettings:
        reader, name = self._reader, self._name
        path_1: KeyPath = ("plugins", name)
        path_2: KeyPath = ("plugins", "config", name)
        second = reader.table(second_tables, path_2)
        if first is None:
            first = {}
        self._unknown(first, path_1)
        host = self._host(first, path_1, second, path_2)
        limits = self._limits(first, path_1, second, path_2)
        own = self._own(reader.table(first, (*path_1, "config")), (*path_1, "config"), second, path_2)
        return PluginSettings(
            name=name,
            enabled=host.get("enabled", True),
            type=host.get("type", ""),
            grants=tuple(sorted(host.get("grants", ()))),
            limits=self._defaults.limits(**limits),
            limits_given=frozenset(limits),
            failure=host.get("failure", self._defaults.failure),
            priority=host.get("priority"),
            settings_json=canonical_json(own),
        )

    def _unknown(self, first: Table, path: KeyPath) -> None:
        near = nearest(self._name, RESERVED_NAMES)
        hint = f"did you mean the table [plugins.{near}]?" if near else "a plugin's own settings go under config"
        elsewhere = dict.fromkeys(_LIMIT_KEYS, f"plugins.{self._name}.limits")
        known = (*_HOST_KEYS, "limits", "config")
        self._reader.unknown(first, path, known, elsewhere=elsewhere, otherwise=hint)

    def _host(self, first: Table, path_1: KeyPath, second: Table, path_2: KeyPath) -> Fields:
        for key in _HOST_KEYS:
            if key in first and key in second:
                self._twice((*path_1, key), (*path_2, key))
        return {**self._reader.fields(PluginTable, second, path_2), **self._reader.fields(PluginTable, first, path_1)}

    def _limits(self, first: Table, path_1: KeyPath, second: Table, path_2: KeyPath) -> Fields:
        limits: Fields = {}
        given: dict[str, KeyPath] = {}
        for around, path in ((first, (*path_1, "limits")), (second, (*path_2, "limits"))):
            table = self._reader.table(around, path)
            self._reader.unknown(table, path, _LIMIT_KEYS, elsewhere=dict.fromkeys(_HOST_KEYS, dotted_parent(path)))
            for key in table:
                if key in given:
                    self._twice(given[key], (*path, key))
                given[key] = (*path, key)
            limits |= self._reader.fields(PluginLimits, table, path)
        most = self._security.max_memory_mb
        if limits.get("memory_mb", 0) > most:
            self._reader.report(
                given["memoryMB"],
                f"{limits['memory_mb']} MB is more than plugins.security.maxMemoryMB, {most} MB",
                "lower the one or raise the other",
            )
        return limits

    def _own(self, first: Table, path_1: KeyPath, second: Table, path_2: KeyPath) -> dict[str, object]:
        rest = {key: value for key, value in second.items() if key not in _HOST_KEYS and key != "limits"}
        sound = [self._is_json(table, path) for table, path in ((first, path_1), (rest, path_2))]
        return self._merge(first, path_1, rest, path_2) if all(sound) else {}

    def _merge(self, first: Table, path_1: KeyPath, second: Table, path_2: KeyPath) -> dict[str, object]:
        merged = dict(first)
        for key, value in second.items():
            other = merged.get(key)
            if key not in merged:
                merged[key] = value
            elif isinstance(other, Mapping) and isinstance(value, Mapping):
                merged[key] = self._merge(other, (*path_1, key), value, (*path_2, key))
            else:
                self._twice((*path_1, key), (*path_2, key))
        return merged

    def _twice(self, one: KeyPath, other: KeyPath) -> None:
        lines = sorted((self._reader.line(one), self._reader.line(other)))
        self._reader.report(
            other, f"given in both spellings, on line {lines[0]} and on line {lines[1]}", "keep one of them"
        )

    def _is_json(self, table: Table, path: KeyPath) -> bool:
        """Reports what JSON (RFC 8259), in which a plugin gets its settings, cannot hold exactly."""
        problems = list(_not_json(table, path))
        for place, message, hint in problems:
            self._reader.report(place, message, hint)
        return not problems


def dotted_parent(path: KeyPath) -> str:
    """The table around `path`, as text."""
    return ".".join(str(part) for part in path[:-1])


def _not_json(value: object, path: KeyPath, depth: int = 0) -> Iterator[tuple[KeyPath, str, str]]:
    if depth > _DEEPEST:
        yield path, f"nested more than {_DEEPEST} deep", ""
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _not_json(item, (*path, key), depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _not_json(item, (*path, index), depth + 1)
    elif isinstance(value, int) and abs(value) > _LARGEST:
        yield path, "the number is beyond ±2^53, which not every plugin can hold", "write it as a string"
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, f"{describe_value(value)} is not finite", "plugins take finite numbers only"
    elif isinstance(value, datetime.datetime | datetime.date | datetime.time):
        yield path, f"plugins get their settings as JSON, which has no {type(value).__name__}", "write it as a string"
