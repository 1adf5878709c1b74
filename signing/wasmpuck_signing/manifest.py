"""The manifest: what an artifact says about itself, under its publisher's signature.

It is canonical JSON in the custom section `wasmpuck-manifest`, so that one manifest has one spelling. The format
carries its number; a reader refuses numbers and keys that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from . import fields, schema, strictjson, wasm
from .errors import BadManifest
from .needs import NeededRuntime
from .requirement import Requirement
from .version import Version

__all__ = ["SECTION_NAME", "Manifest", "NeededRuntime", "Version"]

SECTION_NAME = "wasmpuck-manifest"
"""The custom section that holds the manifest."""

_REQUIRED = ("format", "name", "version", "description", "license", "kind", "contract", "worlds", "imports", "limits")
_OPTIONAL = ("homepage", "expires", "source", "runtime", "dependencies", "services", "configuration")
_CONTRACT = re.compile(r"([a-z][a-z0-9-]*:[a-z][a-z0-9-]*)@([0-9A-Za-z.-]+)")
_LICENSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+() -]*")
_HOMEPAGE = re.compile(r"https?://[!-~]+")
_PACK_HINT = "Pack the artifact again with `hockeypuck-plugin sign`."


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a plugin is and what it asks for. Every way to make one checks every entry and raises `BadManifest`.

    `name` matches `[a-z0-9][a-z0-9-]{0,62}`; `license` is an SPDX expression; `homepage` an http(s) address or empty;
    `contract` the WIT package with its version; `worlds` the interfaces that the component exports and `imports` those
    that it needs, by their short names, sorted; `limits` the budgets that it asks for (`fields.LIMITS` has names and
    units; an operator may give less); `expires` the last second (UTC) at which it is accepted; `source` the
    digest of its sources, `sha256:…`. `kind` is what it is (`fields.KINDS`); a script, and nothing else, names the
    `runtime` that it needs. `dependencies` are the plugins that have to be in service, with the versions that will do;
    `services` the kinds of service that it offers, sorted; `configuration` the JSON Schema of its settings (`schema`
    has its limits). A runtime has none of these three.
    """

    name: str
    version: Version
    description: str
    license: str
    worlds: tuple[str, ...]
    imports: tuple[str, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict, hash=False)
    contract: str = fields.CONTRACT
    kind: str = "component"
    homepage: str = ""
    expires: datetime | None = None
    source: str | None = None
    runtime: NeededRuntime | None = None
    dependencies: Mapping[str, Requirement] = field(default_factory=dict, hash=False)
    services: tuple[str, ...] = ()
    configuration: Mapping[str, Any] | None = field(default=None, hash=False)
    format: int = fields.FORMAT

    def __post_init__(self) -> None:
        if type(self.format) is not int or self.format != fields.FORMAT:
            raise BadManifest(
                f"{self.format!r:.20} is not a format that this version reads (it reads {fields.FORMAT})",
                "Use a newer server, or pack the artifact for this one.",
                key="format",
            )
        if not isinstance(self.version, Version):
            raise BadManifest("has to be a version such as 1.4.0", key="version")
        if self.kind not in fields.KINDS:
            raise BadManifest(f"has to be {', '.join(fields.KINDS[:-1])} or {fields.KINDS[-1]}", key="kind")
        settle = object.__setattr__
        fields.check_pattern("name", self.name, fields.NAME, 63, "rate-limit (lower case letters, digits, -)")
        fields.check_text("description", self.description, 1000)
        fields.check_pattern("license", self.license, _LICENSE, 200, "Apache-2.0 OR MIT")
        if self.homepage != "":
            fields.check_pattern("homepage", self.homepage, _HOMEPAGE, 500, "https://example.org/plugin")
        _check_contract(self.contract)
        settle(self, "worlds", fields.check_words("worlds", self.worlds, required=True))
        settle(self, "imports", fields.check_words("imports", self.imports, required=False))
        settle(self, "limits", fields.check_limits("limits", self.limits))
        settle(self, "expires", fields.check_instant("expires", self.expires))
        fields.check_digest("source", self.source)
        settle(self, "dependencies", fields.check_requirements("dependencies", self.dependencies))
        settle(
            self, "services", fields.check_words("services", self.services, required=False, what="service", limit=32)
        )
        settle(self, "configuration", schema.check_schema("configuration", self.configuration))
        self._check_kind()

    def _check_kind(self) -> None:
        """The entries that depend on the kind."""
        if self.runtime is not None and not isinstance(self.runtime, NeededRuntime):
            raise BadManifest("has to be a table with name, version and digest", key="runtime")
        if self.kind == "script" and self.runtime is None:
            raise BadManifest("is missing: a script needs a language runtime", key="runtime")
        if self.kind != "script" and self.runtime is not None:
            raise BadManifest(f"is for scripts, and this is a {self.kind}", key="runtime")
        if self.name in self.dependencies:
            raise BadManifest("a plugin cannot depend on itself", key=f"dependencies.{self.name}")
        if self.kind == "runtime":
            for key in ("dependencies", "services", "configuration"):
                if getattr(self, key):
                    raise BadManifest("is for plugins, and this is a language runtime", key=key)

    @classmethod
    def from_toml(
        cls,
        text: str,
        *,
        source: str | None = None,
        runtime: Callable[[str], NeededRuntime] | None = None,
        folder: Path | None = None,
    ) -> Manifest:
        """The manifest that a `plugin.toml` describes (`plugintoml` has its layout); `source` is added to it.

        `runtime` finds the runtime that `plugin.runtime` names; `folder` is where the file of `configuration` lies.
        """
        from .plugintoml import read

        return cls(**read(text, runtime=runtime, folder=folder), source=source)

    def to_bytes(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces, UTF-8; an entry without a value is left out."""
        entries: dict[str, object] = {
            "format": self.format,
            "name": self.name,
            "version": str(self.version),
            "description": self.description,
            "license": self.license,
            "kind": self.kind,
            "contract": self.contract,
            "worlds": list(self.worlds),
            "imports": list(self.imports),
            "limits": dict(self.limits),
        }
        if self.homepage:
            entries["homepage"] = self.homepage
        if self.expires is not None:
            entries["expires"] = fields.instant_to_text(self.expires)
        if self.source is not None:
            entries["source"] = self.source
        if self.runtime is not None:
            entries["runtime"] = self.runtime.entries()
        if self.dependencies:
            entries["dependencies"] = {name: str(one) for name, one in self.dependencies.items()}
        if self.services:
            entries["services"] = list(self.services)
        if self.configuration is not None:
            entries["configuration"] = self.configuration
        return strictjson.canonical(entries)

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """The inverse of `to_bytes`. Raises `BadManifest` for anything that `to_bytes` does not write."""
        entries: dict[str, Any] = strictjson.parse_object(data, fractions=("configuration",))
        if "format" in entries and entries["format"] != fields.FORMAT:
            entries = {key: entries[key] for key in _REQUIRED if key in entries}  # a newer format has other keys
        fields.check_keys(entries, _REQUIRED + _OPTIONAL, required=_REQUIRED)
        entries["version"] = fields.parse_version("version", entries["version"])
        if "expires" in entries:
            entries["expires"] = fields.instant_from_text("expires", entries["expires"])
        if "runtime" in entries:
            entries["runtime"] = NeededRuntime.of_entries("runtime", entries["runtime"])
        manifest = cls(**entries)
        if manifest.to_bytes() != data:
            raise BadManifest("the manifest is not in its canonical form", _PACK_HINT)
        return manifest

    @classmethod
    def of(cls, artifact: bytes) -> Manifest:
        """The manifest in an artifact; it proves nothing about who wrote it. Raises `BadManifest`, or as
        `wasm.sections` does.
        """
        found = wasm.custom_sections(artifact, SECTION_NAME)
        if not found:
            raise BadManifest(f"the artifact has no manifest (section {SECTION_NAME})", _PACK_HINT)
        if len(found) > 1:
            raise BadManifest(f"the artifact has {len(found)} manifests; exactly one is allowed", _PACK_HINT)
        return cls.from_bytes(found[0])


def _check_contract(value: object) -> None:
    text = fields.check_pattern("contract", value, _CONTRACT, 128, fields.CONTRACT)
    fields.parse_version("contract", text.partition("@")[2])
