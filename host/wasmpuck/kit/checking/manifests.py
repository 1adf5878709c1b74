"""What a manifest says, looked at on its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from wasmpuck.config import PluginLimits
from wasmpuck.runtime.contract import CONTRACT_VERSION, PACKAGE, contract_of, spelled
from wasmpuck.runtime.limits import effective_limits
from wasmpuck_signing import Manifest

from .findings import Finding

__all__ = ["check_manifest"]

_SOON: Final = timedelta(days=60)
_FIELDS: Final = {
    "fuel": ("fuel", 1.0, "a call"),
    "deadline-ms": ("deadline", 1000.0, "ms"),
    "memory-mb": ("memory_mb", 1.0, "MB"),
    "instances": ("instances", 1.0, "instances"),
    "storage-bytes": ("storage_bytes", 1.0, "bytes"),
    "log-rate": ("log_rate", 1.0, "lines a second"),
}
_TOGETHER: Final = {"task-handler": "tasks", "event-handler": "events"}

_IDENTIFIERS: Final = (
    "0BSD AGPL-3.0-only AGPL-3.0-or-later Apache-2.0 Artistic-2.0 BlueOak-1.0.0 BSD-2-Clause BSD-3-Clause BSL-1.0 "
    "CC-BY-4.0 CC-BY-SA-4.0 CC0-1.0 CDDL-1.0 CECILL-2.1 ECL-2.0 EPL-2.0 EUPL-1.2 GPL-2.0-only GPL-2.0-or-later "
    "GPL-3.0-only GPL-3.0-or-later ISC LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later MIT MIT-0 "
    "MPL-2.0 MS-PL MulanPSL-2.0 NCSA OFL-1.1 OSL-3.0 PostgreSQL PSF-2.0 Unicode-3.0 Unlicense UPL-1.0 Vim WTFPL "
    "Zlib LLVM-exception Classpath-exception-2.0 GCC-exception-3.1"
)
_LICENSES: Final = frozenset(_IDENTIFIERS.split())


def check_manifest(manifest: Manifest, now: datetime | None = None) -> Iterator[Finding]:
    """Findings about the manifest alone."""
    yield from _contract(manifest)
    yield from _settings(manifest.configuration)
    yield from _limits(manifest)
    yield from _words(manifest, now or datetime.now(UTC))
    for world, interface in _TOGETHER.items():
        if (world in manifest.worlds) != (interface in manifest.imports) and (
            world in manifest.worlds or interface == "tasks"
        ):
            there, missing = (world, interface) if world in manifest.worlds else (interface, world)
            kind = "world" if there == world else "import"
            other = "imports" if kind == "world" else "worlds"
            yield Finding("P112", f"the {kind} {there} does nothing without {missing}", f"add {missing} to {other}")


def _contract(manifest: Manifest) -> Iterator[Finding]:
    package, _, version = manifest.contract.partition("@")
    if package != PACKAGE or contract_of(version) is None:
        yield Finding(
            "P401",
            f"the contract {manifest.contract} is not spoken here",
            f'contract = "{PACKAGE}@{spelled(CONTRACT_VERSION)}"',
        )


def _settings(schema: Mapping[str, Any] | None) -> Iterator[Finding]:
    if schema is None:
        return
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as problem:
        place = ".".join(map(str, ("configuration", *problem.absolute_path)))
        yield Finding("P301", f"{place}: {problem.message}", "JSON Schema, draft 2020-12")
        return
    if schema.get("additionalProperties") is not False and "unevaluatedProperties" not in schema:
        hint = "a misspelt setting is noticed with: additionalProperties = false"
        yield Finding("P304", "the schema takes settings that it does not name", hint)
    yield from _properties(schema, "configuration")


def _properties(schema: Mapping[str, Any], place: str) -> Iterator[Finding]:
    properties = schema.get("properties")
    for name, entry in properties.items() if isinstance(properties, Mapping) else ():
        where = f"{place}.properties.{name}"
        if not isinstance(entry, Mapping):
            continue
        if not str(entry.get("description", "")).strip():
            yield Finding("P302", f"{where} has no description", f'[{where}] description = "What it does."')
        if "default" in entry and "$ref" not in str(entry):
            for problem in Draft202012Validator(entry).iter_errors(entry["default"]):
                yield Finding("P303", f"{where}: the default does not fit: {problem.message}")
        yield from _properties(entry, where)


def _limits(manifest: Manifest) -> Iterator[Finding]:
    if not manifest.limits:
        hint = "a plugin that says what it needs is stopped early when it goes wrong: [limits] fuel = …"
        yield Finding("P502", "the manifest has no limits", hint)
    usual = PluginLimits()
    given = effective_limits(usual, (), manifest.limits)
    for name, asked in manifest.limits.items():
        field, unit, of = _FIELDS[name]
        most = getattr(usual, field) * unit
        if asked > most:
            assert getattr(given, field) <= getattr(usual, field)
            yield Finding(
                "P501",
                f"limits: {name} {asked:,} is more than the {most:,.0f} ({of}) that a server gives",
                "ask for less, or tell operators to set it in the plugin's table",
            )


def _words(manifest: Manifest, now: datetime) -> Iterator[Finding]:
    names = re.findall(r"[A-Za-z0-9.+-]+", manifest.license)
    words = [name for name in names if name not in ("AND", "OR", "WITH")]
    unknown = [name for name in words if name.removesuffix("+") not in _LICENSES and not name.startswith("LicenseRef-")]
    if unknown:
        hint = 'identifiers are listed at https://spdx.org/licenses/, such as "Apache-2.0" or "MIT"'
        yield Finding("P601", f"the licence names {', '.join(unknown)}", hint)
    text = manifest.description
    if len(text.split()) < 3 or not text.endswith((".", "!", "?")) or text[:1] != text[:1].upper():
        hint = "operators read it in lists of plugins: one sentence of what it does, with a full stop"
        yield Finding("P602", f"the description is {text!r}", hint)
    if manifest.expires is not None:
        left = manifest.expires - now
        if left < timedelta():
            yield Finding("P603", f"it expired on {manifest.expires:%Y-%m-%d}", "set expires anew, or leave it out")
        elif left < _SOON:
            yield Finding("P604", f"it expires on {manifest.expires:%Y-%m-%d}, in {left.days} days", "set it later")
