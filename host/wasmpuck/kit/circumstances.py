"""What a plugin finds on its stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wasmpuck.config import PluginLimits, PluginSettings
from wasmpuck.config.failures import BreakerSettings
from wasmpuck.config.plugins import canonical_json
from wasmpuck.kit.clock import START
from wasmpuck.kit.neighbours import Neighbour
from wasmpuck.kit.peers import ANYWHERE, Peer
from wasmpuck.trust import VerifiedArtifact

__all__ = ["Circumstances"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a plugin finds on a stand.

    settings: its own settings, as its table in the configuration would give them.
    grants: the interfaces that it may import; `None` for all that its manifest asks for.
    limits: of its budget, by the Python names of `PluginLimits`.
    table: further keys of its table in the configuration, by the Python names of `PluginSettings`.
    keys: files of certificates that the keyserver has.
    runtimes: folder of the language runtimes for scripts, if it is not the usual one.
    seed: of the capability `random`; `None` for real chance.
    start: where the clock begins, in seconds since 1970.
    peers: what other servers answer; unless `table` has `http_allow`, requests may go anywhere.
    neighbours: other plugins; unless `table` has `peers`, all of them may be asked.
    secrets: values by name; unless `table` says otherwise, the plugin may use and see all of them.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    grants: tuple[str, ...] | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    table: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    start: float = START
    peers: tuple[Peer, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[Path, ...] = ()
    runtimes: Path | None = None

    def plugin_settings(self, artifact: VerifiedArtifact) -> PluginSettings:
        """What the configuration would say of the plugin."""
        names = tuple(self.secrets)
        table = {
            "http_allow": (ANYWHERE,),
            "http_private": True,
            "peers": tuple(one.name for one in self.neighbours),
            "secrets": names,
            "reveal_secrets": names,
        }
        return PluginSettings(
            name=artifact.name,
            enabled=True,
            grants=artifact.manifest.imports if self.grants is None else self.grants,
            limits=PluginLimits(**self.limits),
            limits_given=frozenset(self.limits),
            breaker=BreakerSettings(failures=0),  # every call is made, however many failed before
            settings_json=canonical_json(self.settings),
            **{**table, **self.table},
        )
