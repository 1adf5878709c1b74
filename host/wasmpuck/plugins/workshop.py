"""Where generations are made: from a file, or anew from the artifact that runs, up to the moment before service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from wasmpuck.config import PluginSettings, PluginsSettings
from wasmpuck.errors import ArtifactRefused, Refusal, WasmpuckError
from wasmpuck.events import Bus
from wasmpuck.plugins.data import PluginData
from wasmpuck.plugins.failure import Fate
from wasmpuck.plugins.plugin import Plugin
from wasmpuck.plugins.tap import Tap
from wasmpuck.runtime.capabilities import Commons, Facilities, Namespaces
from wasmpuck.runtime.compile import Compiler
from wasmpuck.storage.protocol import PluginStore
from wasmpuck.trust import (
    Artifact,
    TrustPolicy,
    VerifiedArtifact,
    Version,
    load_keyring,
    policy_for,
    refuse_older,
    verify,
)

__all__ = ["Workshop", "refusal_of", "trust_policy"]

_log = logging.getLogger(__name__)

#: Characters of a refusal that are kept: a guest may give a reason as long as its memory.
_LONGEST_REASON: Final = 1_000


def trust_policy(settings: PluginsSettings) -> TrustPolicy:
    """Read anew for each change, so that a key that was removed from the keyring counts no more.

    Raises:
        OperatorError: the keyring cannot be read.
    """
    keyring = load_keyring(settings.keyring)
    for problem in keyring.problems:
        _log.error("%s", problem)
    security = settings.security
    policy = policy_for(
        keyring,
        verify_signatures=security.verify_signatures,
        allow_unsigned=security.allow_unsigned,
        allow_demonstration=security.allow_demonstration_keys,
    )
    if policy.risk:
        _log.warning("%s", policy.risk)
    return policy


def refusal_of(error: Exception, load_timeout: float) -> ArtifactRefused:
    """Why a plugin is not loaded, in words that a plugin cannot make longer than a log can bear."""
    match error:
        case ArtifactRefused():
            reason, message, hint = error.reason, error.message, error.hint
        case TimeoutError():
            reason, hint = Refusal.INITIALIZATION_FAILED, "raise plugins.loadTimeout"
            message = f"preparing it took longer than {load_timeout:g} s"
        case WasmpuckError():
            reason, message, hint = Refusal.INITIALIZATION_FAILED, error.message, error.hint
        case _:
            reason, message, hint = Refusal.INITIALIZATION_FAILED, f"a defect of the server: {error!r}", ""
            _log.error("a plugin could not be loaded", exc_info=error)
    if len(message) > _LONGEST_REASON:
        message = message[:_LONGEST_REASON] + "…"
    return ArtifactRefused(reason, message, hint=hint)


class Workshop:
    """Makes generations.

    Args:
        compiler: makes code of verified artifacts.
        store: remembers the newest version of each plugin that ran.
        namespaces: the plugins' storage.
        befall: given to each generation.
        bus: the server's news.
        facilities: what the server offers to all plugins.
        vet: says of each generation whether what it wants fits beside the others.
        tap: given to each generation.

    `data` is what belongs to each plugin over all generations, by name.
    """

    def __init__(
        self,
        compiler: Compiler,
        store: PluginStore,
        namespaces: Namespaces,
        befall: Callable[[Plugin, Fate, str], bool],
        bus: Bus,
        facilities: Facilities,
        vet: Callable[[Plugin], None] = lambda plugin: None,
        tap: Tap | None = None,
    ) -> None:
        self.compiler = compiler
        self.data: dict[str, PluginData] = {}
        self._store = store
        self._namespaces = namespaces
        self._befall = befall
        self._bus = bus
        self._commons = Commons()
        self._facilities = facilities
        self._vet = vet
        self._tap = tap

    async def load(
        self,
        path: Path,
        own: PluginSettings,
        settings: PluginsSettings,
        policy: TrustPolicy,
        old: Plugin | None,
        *,
        force: bool,
    ) -> Plugin | None:
        """Prepares a generation from a file; `None` when it would be the same as the one that runs, unless `force`.

        Raises:
            ArtifactRefused: with the reason. Other errors may come up, `refusal_of` takes all.
        """
        artifact = await asyncio.to_thread(Artifact.read, path)
        verified = await asyncio.to_thread(verify, artifact, policy)
        highest = await self._store.highest(verified.name)
        refuse_older(verified, Version.parse(highest) if highest else None)
        wanted = (verified.digest, own, settings.security)
        if old is not None and not force and (old.artifact.digest, old.settings, old.security) == wanted:
            return None
        if not verified.signed:
            _log.warning("plugin %s is not signed", verified.name, extra={"plugin": verified.name})
        return await self.make(verified, own, settings)

    async def make(self, verified: VerifiedArtifact, own: PluginSettings, settings: PluginsSettings) -> Plugin:
        """Prepares a generation. Raises as `load`."""
        compiled = await self.compiler.compile(verified)
        data = self.data.get(verified.name)
        if data is None:
            namespace = await self._namespaces.open(verified.name)
            data = PluginData(verified.name, namespace, settings.security.max_cpu_percent, self._bus, self._commons)
            self.data[verified.name] = data
        plugin = Plugin(
            compiled, own, settings.security, data, befall=self._befall, facilities=self._facilities, tap=self._tap
        )
        async with asyncio.timeout(settings.load_timeout):
            await plugin.prepare(self._vet)
        return plugin
