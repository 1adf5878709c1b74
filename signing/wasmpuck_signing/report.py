"""What an artifact says about itself, as data and as text. Nothing here claims that it is true."""

from __future__ import annotations

import hashlib
from typing import Any

from . import fields, wasm, wasmsig
from .errors import BadManifest, BadScript, Refused
from .keys import DEMONSTRATION_KEY_IDS
from .manifest import Manifest
from .script import Script

__all__ = ["as_text", "inspect"]


def inspect(artifact: bytes) -> dict[str, Any]:
    """A JSON-ready summary: `bytes`, `sha256`, `manifest` (or null), `script` (of a script: `entry` and
    `files`, bytes by path), `signatures`, `sections` and `problems` (sentences).

    A missing or broken manifest, script or signature is one of the problems. Raises `Refused` as `wasm.sections` does.
    """
    walked = wasm.sections(artifact)
    problems: list[str] = []
    manifest: dict[str, Any] | None = None
    try:
        manifest = _manifest(Manifest.of(artifact))
    except BadManifest as problem:
        problems.append(problem.message)
    script: dict[str, Any] | None = None
    if manifest is not None and manifest["kind"] == "script":
        try:
            script = _script(Script.of(artifact))
        except BadScript as problem:
            problems.append(problem.message)
    signers: list[dict[str, Any]] = []
    try:
        for one in wasmsig.signatures(artifact).signatures:
            key_id = one.key_id.hex()
            signers.append({"keyId": key_id, "demonstration": key_id in DEMONSTRATION_KEY_IDS})
    except Refused as problem:
        problems.append(problem.message)
    return {
        "bytes": len(artifact),
        "sha256": hashlib.sha256(artifact).hexdigest(),
        "manifest": manifest,
        "script": script,
        "signatures": signers,
        "sections": [{"kind": one.kind, "name": fields.shown(one.name, 80), "bytes": one.size} for one in walked],
        "problems": problems,
    }


def _manifest(manifest: Manifest) -> dict[str, Any]:
    return {
        "format": manifest.format,
        "name": manifest.name,
        "version": str(manifest.version),
        "description": manifest.description,
        "license": manifest.license,
        "homepage": manifest.homepage or None,
        "kind": manifest.kind,
        "contract": manifest.contract,
        "worlds": list(manifest.worlds),
        "imports": list(manifest.imports),
        "limits": dict(manifest.limits),
        "expires": fields.instant_to_text(manifest.expires) if manifest.expires else None,
        "source": manifest.source,
        "runtime": manifest.runtime.entries() if manifest.runtime else None,
        "dependencies": {name: str(one) for name, one in manifest.dependencies.items()},
        "services": list(manifest.services),
        "configuration": manifest.configuration,
    }


def _script(script: Script) -> dict[str, Any]:
    return {"entry": script.entry, "files": {path: len(text.encode()) for path, text in script.files.items()}}


_SELDOM = ("runtime", "needs", "services", "settings")
"""Entries that most manifests do not have: no line says so."""


def as_text(summary: dict[str, Any]) -> str:
    """`inspect`'s summary for people, without a line break at the end."""
    lines = [f"sha256      {summary['sha256']}", f"size        {summary['bytes']:,} bytes"]
    for key, value in (summary["manifest"] or {}).items():
        if key == "configuration":
            key, value = "settings", value and f"a schema of {len(value.get('properties', ()))} settings"
        elif key == "dependencies":
            key, value = "needs", ", ".join(f"{name} {one}" for name, one in value.items())
        elif isinstance(value, dict):
            value = ", ".join(f"{name} {number}" for name, number in value.items())
        elif isinstance(value, list):
            value = ", ".join(value)
        if value or key not in _SELDOM:
            lines.append(f"{key:<11} {'-' if value in (None, '') else value}")
    for path, size in (summary["script"] or {"files": {}})["files"].items():
        entry = ", executed first" if path == summary["script"]["entry"] else ""
        lines.append(f"file        {path} ({size:,} bytes{entry})")
    for signer in summary["signatures"]:
        note = " (demonstration key: its private half is public)" if signer["demonstration"] else ""
        lines.append(f"signed by   {signer['keyId']}{note}, not checked against a keyring")
    lines += [f"problem     {problem}" for problem in summary["problems"]]
    lines.append(f"sections    {len(summary['sections'])}")
    for one in summary["sections"]:
        label = f"{one['kind']} {one['name']}".rstrip()
        lines.append(f"  {one['bytes']:>12,}  {label}")
    return "\n".join(lines)
