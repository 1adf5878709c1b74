"""What the server knows of each plugin's file: when it was looked at, why it was refused, and what is told of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wasmpuck.config import PluginsSettings
from wasmpuck.errors import ArtifactRefused
from wasmpuck.plugins.catalog import Mark
from wasmpuck.plugins.plugin import Plugin

__all__ = ["Known", "Outcome", "absent", "refused", "rows"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one plugin in a change.

    `what` is `published`, `unchanged`, `disabled` or `refused`; `reason` says why it was refused.
    """

    name: str
    what: str
    version: str = ""
    generation: int = 0
    reason: str = ""
    hint: str = ""


def refused(name: str, refusal: ArtifactRefused) -> Outcome:
    """The outcome of a refusal."""
    return Outcome(name, "refused", reason=f"{refusal.reason}: {refusal.message}", hint=refusal.hint)


@dataclass(slots=True)
class Known:
    """A file that was looked at: its mark and digest, and why it was refused last, if it was."""

    path: Path
    mark: Mark | None
    refusal: ArtifactRefused | None = None


def absent(known: Mapping[str, Known], serving: Iterable[str], settings: PluginsSettings) -> dict[str, str]:
    """The plugins without which no request may pass and that nothing serves for, with the reason."""
    if not settings.enabled:
        return {}
    missing = {name: record for name, record in known.items() if record.refusal is not None and name not in serving}
    return {
        name: f"{record.refusal.reason}: {record.refusal.message}"
        for name, record in sorted(missing.items())
        if record.refusal is not None and (own := settings.plugin(name)).enabled and own.fail_closed
    }


def rows(known: Mapping[str, Known], serving: Mapping[str, Plugin], settings: PluginsSettings) -> list[dict[str, Any]]:
    """A row for each plugin: what is in service, how it is, and what was refused and why."""
    return [_row(name, known.get(name), serving.get(name), settings) for name in sorted({*serving, *known})]


def _row(name: str, known: Known | None, plugin: Plugin | None, settings: PluginsSettings) -> dict[str, Any]:
    refusal = known.refusal if known is not None else None
    return {
        "name": name,
        "version": plugin.version if plugin else "",
        "state": str(plugin.state) if plugin else ("failed" if refusal else "disabled"),
        "health": plugin.health.word if plugin else "unknown",
        "generation": plugin.generation if plugin else 0,
        "kind": plugin.kind if plugin else "",
        "runtime": plugin.runtime.title if plugin and plugin.runtime else "",
        "signer": plugin.artifact.signer if plugin else "",
        "worlds": plugin.worlds if plugin else [],
        "imports": sorted(plugin.compiled.needs) if plugin else [],
        "digest": plugin.artifact.digest if plugin else "",
        "since": plugin.since if plugin else time.time(),
        "instances": plugin.pool.instances if plugin else 0,
        "failure": settings.plugin(name).failure,
        "reason": _reason(refusal, plugin),
        "hint": refusal.hint if refusal else "",
    }


def _reason(refusal: ArtifactRefused | None, plugin: Plugin | None) -> str:
    if refusal is not None:
        return f"{refusal.reason}: {refusal.message}"
    if plugin is None:
        return ""
    return plugin.reason or plugin.health.why
