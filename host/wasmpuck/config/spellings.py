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
from dataclasses import replace
from typing import Final

from wasmpuck.config.failures import BreakerSettings, FailureClasses
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

__all__ = ["read_failures", "read_plugin_tables"]

_DEEPEST = 16
_LARGEST = 2**53
_CLASS_HINT = (
    f"valid: {', '.join(each.key for each in settings_of(FailureClasses))}; "
    "unreachable, stack-overflow and out-of-bounds are traps"
)
_HOST_KEYS = tuple(each.key for each in settings_of(PluginTable))
_DEFAULT_KEYS = tuple(each.key for each in settings_of(PluginDefaults))
_INNER_KEYS: Final[dict[str, tuple[str, ...]]] = {
    name: tuple(each.key for each in settings_of(cls))
    for name, cls in (("limits", PluginLimits), ("failures", FailureClasses), ("breaker", BreakerSettings))
}
"""The host's tables inside a plugin's table, with their keys."""


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


#: Keys of a plugin's table whose values are not taken as they stand.
_RESOLVED: Final = frozenset({"enabled", "type", "grants", "failure"})


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
        failures = read_failures(reader, {path_1: first, path_2: second}, self._defaults)
        own = self._own(reader.table(first, (*path_1, "config")), (*path_1, "config"), second, path_2)
        return PluginSettings(
            name=name,
            enabled=host.get("enabled", True),
            type=host.get("type", ""),
            grants=tuple(sorted(host.get("grants", ()))),
            limits=self._defaults.limits(**limits),
            limits_given=frozenset(limits),
            failure=host.get("failure", self._defaults.failure),
            **failures,
            settings_json=canonical_json(own),
            **{key: value for key, value in host.items() if key not in _RESOLVED},
        )

    def _unknown(self, first: Table, path: KeyPath) -> None:
        near = nearest(self._name, RESERVED_NAMES)
        hint = f"did you mean the table [plugins.{near}]?" if near else "a plugin's own settings go under config"
        elsewhere: dict[str, str] = {}
        for inner, keys in reversed(_INNER_KEYS.items()):  # `fuel` and `deadline` are limits first
            elsewhere |= dict.fromkeys(keys, f"plugins.{self._name}.{inner}")
        known = (*_HOST_KEYS, *_INNER_KEYS, "config")
        self._reader.unknown(first, path, known, elsewhere=elsewhere, otherwise=hint)

    def _host(self, first: Table, path_1: KeyPath, second: Table, path_2: KeyPath) -> Fields:
        for key in _HOST_KEYS:
            if key in first and key in second:
                _twice(self._reader, (*path_1, key), (*path_2, key))
        return {**self._reader.fields(PluginTable, second, path_2), **self._reader.fields(PluginTable, first, path_1)}

    def _limits(self, first: Table, path_1: KeyPath, second: Table, path_2: KeyPath) -> Fields:
        limits, given = _inner(self._reader, {path_1: first, path_2: second}, "limits", PluginLimits)
        most = self._security.max_memory_mb
        if limits.get("memory_mb", 0) > most:
            self._reader.report(
                given["memoryMB"],
                f"{limits['memory_mb']} MB is more than plugins.security.maxMemoryMB, {most} MB",
                "lower the one or raise the other",
            )
        return limits

    def _own(self, first: Table, path_1: KeyPath, second: Table, path_2: KeyPath) -> dict[str, object]:
        rest = {key: value for key, value in second.items() if key not in (*_HOST_KEYS, *_INNER_KEYS)}
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
                _twice(self._reader, (*path_1, key), (*path_2, key))
        return merged

    def _is_json(self, table: Table, path: KeyPath) -> bool:
        """Reports what JSON (RFC 8259), in which a plugin gets its settings, cannot hold exactly."""
        problems = list(_not_json(table, path))
        for place, message, hint in problems:
            self._reader.report(place, message, hint)
        return not problems


def read_failures(reader: Reader, around: Mapping[KeyPath, Table], defaults: PluginDefaults) -> Fields:
    """The tables `failures` and `breaker` in the tables `around`, given by their paths; the rest from `defaults`."""
    classes, _ = _inner(reader, around, "failures", FailureClasses, otherwise=_CLASS_HINT)
    numbers, given = _inner(reader, around, "breaker", BreakerSettings)
    breaker = replace(defaults.breaker, **numbers)
    if given and breaker.problem is not None:
        key, message, hint = breaker.problem
        reader.report(given.get(key) or next(iter(given.values())), message, hint)
    return {"failures": replace(defaults.failures, **classes), "breaker": breaker}


def _inner(
    reader: Reader, around: Mapping[KeyPath, Table], name: str, cls: type, *, otherwise: str = ""
) -> tuple[Fields, dict[str, KeyPath]]:
    """The host's table `name` inside each of the tables `around`: its values, and where each key stands."""
    values: Fields = {}
    given: dict[str, KeyPath] = {}
    for outer_path, outer in around.items():
        path = (*outer_path, name)
        table = reader.table(outer, path)
        outer_keys = _DEFAULT_KEYS if outer_path == ("plugins", "defaults") else _HOST_KEYS
        elsewhere = dict.fromkeys(outer_keys, ".".join(map(str, outer_path)))
        reader.unknown(table, path, _INNER_KEYS[name], elsewhere=elsewhere, otherwise=otherwise)
        for key in table:
            if key in given:
                _twice(reader, given[key], (*path, key))
            given[key] = (*path, key)
        values |= reader.fields(cls, table, path)
    return values, given


def _twice(reader: Reader, one: KeyPath, other: KeyPath) -> None:
    lines = sorted((reader.line(one), reader.line(other)))
    reader.report(other, f"given in both spellings, on line {lines[0]} and on line {lines[1]}", "keep one of them")


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
