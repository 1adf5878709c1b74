"""Where generations are made: from a file, or anew from the artifact that runs, up to the moment before service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from wasmpuck.config import PluginSettings, PluginsSettings
from wasmpuck.errors import ArtifactRefused, Refusal, WasmpuckError
from wasmpuck.events import Bus
from wasmpuck.plugins.configuring import complete
from wasmpuck.plugins.data import PluginData
from wasmpuck.plugins.failure import Fate
from wasmpuck.plugins.plugin import Plugin
from wasmpuck.plugins.runtimes import RuntimeFolder, Shelf
from wasmpuck.plugins.tap import Tap
from wasmpuck.runtime.capabilities import Commons, Facilities, Namespaces
from wasmpuck.runtime.compile import Compiler
from wasmpuck.runtime.scripts import Code, CompiledScript, SharedCode, SharedCodes
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
#: The same where it ends with a traceback.
_LONGEST_TRACE: Final = 5_000


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
    longest = _LONGEST_TRACE if reason is Refusal.SCRIPT_FAILED else _LONGEST_REASON
    if len(message) > longest:
        message = message[:longest] + "…"
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
        vet: raises `ArtifactRefused` for a generation that wants what the server or one of the others has.
        tap: given to each generation.

    `data` is what belongs to each plugin over all generations, by name; `codes` the language runtimes in use.
    """

    def __init__(
        self,
        compiler: Compiler,
        store: PluginStore,
        namespaces: Namespaces,
        befall: Callable[[Plugin, Fate, str], bool],
        bus: Bus,
        facilities: Facilities,
        vet: Callable[[Plugin, Iterable[Plugin]], None] = lambda plugin, others: None,
        tap: Tap | None = None,
    ) -> None:
        self.compiler = compiler
        self.codes = SharedCodes(compiler)
        self.data: dict[str, PluginData] = {}
        self._store = store
        self._namespaces = namespaces
        self._befall = befall
        self._bus = bus
        self._commons = Commons()
        self._facilities = facilities
        self.vet = vet
        self._tap = tap

    async def read(self, path: Path, policy: TrustPolicy) -> VerifiedArtifact:
        """The artifact in a file, verified, and not older than what ran before.

        Raises:
            ArtifactRefused: with the reason.
        """
        artifact = await asyncio.to_thread(Artifact.read, path)
        verified = await asyncio.to_thread(verify, artifact, policy)
        highest = await self._store.highest(verified.name)
        refuse_older(verified, Version.parse(highest) if highest else None)
        if verified.manifest.kind == "runtime":
            raise ArtifactRefused(
                Refusal.BAD_MANIFEST,
                f"{path.name} is a language runtime, not a plugin",
                hint="put it into the folder of runtimes",
            )
        return verified

    def shelf(self, settings: PluginsSettings, policy: TrustPolicy) -> Shelf:
        """A look at the language runtimes."""
        return Shelf(RuntimeFolder(settings.runtimes_directory), policy, self.codes, self._store)

    async def make(
        self,
        verified: VerifiedArtifact,
        own: PluginSettings,
        settings: PluginsSettings,
        beside: Mapping[str, Plugin],
        runtime: SharedCode | None = None,
        before: Plugin | None = None,
    ) -> Plugin:
        """Prepares a generation.

        Args:
            beside: the other plugins that are or will be in service.
            runtime: of a script; taken for it, and released in any case.
            before: the generation in service, which is asked what it hands over.

        Raises:
            ArtifactRefused: with the reason. Other errors may come up, `refusal_of` takes all.
        """
        compiled: Code | None = None
        try:
            schema = verified.manifest.configuration
            completed = None
            if schema is not None:
                completed = await asyncio.to_thread(complete, verified.name, schema, own.settings_json)
            if runtime is None:
                if verified.script is not None:
                    raise ArtifactRefused(Refusal.RUNTIME_MISSING, f"{verified.name} is a script without a runtime")
                compiled = await self.compiler.compile(verified)
            else:
                compiled, runtime = CompiledScript(verified, runtime), None
            data = await self._data_of(verified.name, settings)
            plugin = Plugin(
                compiled,
                own,
                settings.security,
                data,
                befall=self._befall,
                facilities=self._facilities,
                tap=self._tap,
                settings_json=completed,
            )
        except BaseException:
            if compiled is not None:
                compiled.close()
            elif runtime is not None:
                runtime.release()
            raise
        async with asyncio.timeout(settings.load_timeout):
            try:
                inherited = await before.bequeath() if before is not None and plugin.exports("handover") else None
            except BaseException as error:  # out of time: what was made is given back, as `prepare` does itself
                plugin.abandon(repr(error))
                raise
            await plugin.prepare(
                {name: other.artifact.version for name, other in beside.items()},
                lambda fresh: self.vet(fresh, beside.values()),
                inherited,
            )
        return plugin

    async def _data_of(self, name: str, settings: PluginsSettings) -> PluginData:
        data = self.data.get(name)
        if data is None:
            namespace = await self._namespaces.open(name)
            data = PluginData(name, namespace, settings.security.max_cpu_percent, self._bus, self._commons)
            self.data[name] = data
        return data
