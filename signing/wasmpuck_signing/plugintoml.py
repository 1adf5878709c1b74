"""`plugin.toml`, the form in which an author writes a manifest.

[plugin]                          required: name, version, description, license, worlds
name, version, description, license, homepage, kind, contract, worlds, imports
expires = 2027-01-31              a date (good until the end of that day, UTC) or a time with its zone

[limits]                          all optional
fuel, deadline = "100ms", memoryMB, instances, storageBytes, logRate

[build]                           anything; for build tools, not part of the manifest
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from . import fields
from .errors import BadManifest

__all__ = ["read"]

_PLUGIN_REQUIRED = ("name", "version", "description", "license", "worlds")
_PLUGIN_KEYS = (*_PLUGIN_REQUIRED, "homepage", "kind", "contract", "imports", "expires")
_LIMIT_KEYS = {
    "fuel": "fuel",
    "deadline": "deadline-ms",
    "memoryMB": "memory-mb",
    "instances": "instances",
    "storageBytes": "storage-bytes",
    "logRate": "log-rate",
}
_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m)")
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000}


def read(text: str) -> dict[str, Any]:
    """The arguments of `Manifest` that `text` gives. Raises `BadManifest` naming the table and key."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BadManifest(f"plugin.toml is not TOML: {problem}") from None
    fields.check_keys(document, ("plugin", "limits", "build"), required=("plugin",))
    plugin = _table(document, "plugin")
    fields.check_keys(plugin, _PLUGIN_KEYS, required=_PLUGIN_REQUIRED, prefix="plugin.")
    found = dict(plugin)
    found["version"] = fields.parse_version("plugin.version", plugin["version"])
    if "expires" in plugin:
        found["expires"] = fields.instant_from_toml(plugin["expires"])
    limits = _table(document, "limits")
    fields.check_keys(limits, _LIMIT_KEYS, required=(), prefix="limits.")
    found["limits"] = {_LIMIT_KEYS[key]: _limit(key, value) for key, value in limits.items()}
    return found


def _table(document: dict[str, Any], name: str) -> dict[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise BadManifest("has to be a table", f"Write it as [{name}].", key=name)
    return table


def _limit(key: str, value: object) -> object:
    if key != "deadline":
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise BadManifest("has to be a duration with its unit", 'Write it like "100ms" or "2s".', key="limits.deadline")
    return int(match[1]) * _MILLISECONDS[match[2]]
