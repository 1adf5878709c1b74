"""`plugin.toml`, the form in which an author writes a manifest.

[plugin]                          required: name, version, description, license, worlds
name, version, description, license, homepage, kind, contract, worlds, imports
runtime = "python"                of a script: the language runtime by its name, or a table of name, version and digest
dependencies = { NAME = ">=1.2, <2" }
services = ["KIND"]
expires = 2027-01-31              a date (good until the end of that day, UTC) or a time with its zone

[limits]                          all optional
fuel, deadline = "100ms", memoryMB, instances, storageBytes, logRate

[configuration]                   the JSON Schema (draft 2020-12) of the plugin's settings; or, instead of the table,
                                  the name of a JSON file beside plugin.toml: configuration = "schema.json", at the
                                  top or in [plugin]

[build]                           anything; for build tools, not part of the manifest
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import fields
from .errors import BadManifest
from .needs import NeededRuntime
from .schema import MAX_BYTES

__all__ = ["read"]

_PLUGIN_REQUIRED = ("name", "version", "description", "license", "worlds")
_PLUGIN_KEYS = (
    *_PLUGIN_REQUIRED,
    "homepage",
    "kind",
    "contract",
    "imports",
    "expires",
    "runtime",
    "dependencies",
    "services",
)
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


def read(
    text: str, *, runtime: Callable[[str], NeededRuntime] | None = None, folder: Path | None = None
) -> dict[str, Any]:
    """The arguments of `Manifest` that `text` gives. Raises `BadManifest` naming the table and key.

    `runtime` finds a runtime by its name, and may raise what it likes; `folder` is where other files are looked for.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BadManifest(f"plugin.toml is not TOML: {problem}") from None
    fields.check_keys(document, ("plugin", "limits", "configuration", "build"), required=("plugin",))
    plugin = _table(document, "plugin")
    fields.check_keys(plugin, (*_PLUGIN_KEYS, "configuration"), required=_PLUGIN_REQUIRED, prefix="plugin.")
    found = {key: value for key, value in plugin.items() if key != "configuration"}
    found["version"] = fields.parse_version("plugin.version", plugin["version"])
    if "expires" in plugin:
        found["expires"] = fields.instant_from_toml(plugin["expires"])
    if "runtime" in plugin:
        found["runtime"] = _runtime(plugin["runtime"], runtime)
    schemas = [table["configuration"] for table in (document, plugin) if "configuration" in table]
    if len(schemas) > 1:
        raise BadManifest("is given twice", key="plugin.configuration")
    if schemas:
        found["configuration"] = _schema(schemas[0], folder)
    limits = _table(document, "limits")
    fields.check_keys(limits, _LIMIT_KEYS, required=(), prefix="limits.")
    found["limits"] = {_LIMIT_KEYS[key]: _limit(key, value) for key, value in limits.items()}
    return found


def _runtime(value: object, find: Callable[[str], NeededRuntime] | None) -> NeededRuntime:
    if not isinstance(value, str):
        return NeededRuntime.of_entries("plugin.runtime", value)
    if find is None:
        raise BadManifest(
            f"names {value!r:.80}, and no runtimes are at hand",
            'Write { name = "…", version = "…", digest = "sha256:…" }, or build with `hockeypuck-plugin build`.',
            key="plugin.runtime",
        )
    return find(value)


def _schema(value: object, folder: Path | None) -> object:
    if not isinstance(value, str):
        return value
    if folder is None or Path(value).name != value:
        raise BadManifest("has to be a table, or the name of a file beside plugin.toml", key="configuration")
    try:
        data = (folder / value).read_bytes()
        if len(data) > 4 * MAX_BYTES:
            raise BadManifest(f"{value} has {len(data)} bytes", key="configuration")
        return json.loads(data)
    except OSError as problem:
        raise BadManifest(f"{value}: {problem.strerror or problem}", key="configuration") from None
    except (ValueError, RecursionError) as problem:
        raise BadManifest(f"{value} is not JSON: {problem}", key="configuration") from None


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
