"""What a capability knows of the plugin that it was granted to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wasmpuck.config import PluginLimits
from wasmpuck.config.origins import Origin
from wasmpuck.events import Bus, Event
from wasmpuck.runtime.capabilities.commons import Commons
from wasmpuck.runtime.capabilities.facilities import Facilities
from wasmpuck.runtime.capabilities.namespaces import Namespace

if TYPE_CHECKING:
    from wasmpuck.runtime.capabilities.metrics import PluginSeries

__all__ = ["Context"]


@dataclass(slots=True)
class Context:
    """One generation of a plugin, as its capabilities see it.

    plugin, version: as in the manifest.
    limits: quotas.
    settings_json: the plugin's own settings, canonical JSON.
    exports: the interfaces that it exports.
    namespace: its storage, shared by all generations.
    series: its metrics, shared by all generations.
    bus: the server's news.
    facilities: what the server offers to all plugins.
    peers: the plugins that this one may ask.
    secrets, reveal_secrets: names of secrets that it may use, and see.
    files: its data files by name.
    http_allow, http_private, http_authorities: where its requests may go, and whom they trust.
    commons: what all plugins count in memory.
    shared_scopes: the scopes of it that this one may use.
    run_task: calls the plugin's `task-handler`; never raises.
    run_event: calls its `event-handler`; never raises.
    key_acts: what it may do with certificates (`config.KEY_ACTS`).
    wall, monotonic: clocks in seconds, replaceable in tests.
    sleep: waits for seconds of these clocks.
    """

    plugin: str
    version: str
    limits: PluginLimits
    settings_json: str
    exports: frozenset[str]
    namespace: Namespace
    series: PluginSeries
    bus: Bus
    run_task: Callable[[str], Awaitable[None]]
    run_event: Callable[[Event], Awaitable[None]]
    facilities: Facilities = field(default_factory=Facilities)
    peers: frozenset[str] = frozenset()
    secrets: tuple[str, ...] = ()
    reveal_secrets: tuple[str, ...] = ()
    files: tuple[tuple[str, Path], ...] = ()
    http_allow: tuple[Origin, ...] = ()
    http_private: bool = False
    http_authorities: Path | None = None
    commons: Commons = field(default_factory=Commons)
    shared_scopes: frozenset[str] = frozenset()
    key_acts: frozenset[str] = frozenset()
    wall: Callable[[], float] = field(default=time.time)
    monotonic: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)
