"""One change of the plugins in service: from the files that are looked at to the generations that are to be published.

Theory of operation. Each file is verified, then what its plugin depends on is considered, then its generation is
prepared beside the one in service. Nothing is published here. At the end, what does not fit together is taken back: a
plugin in a version that another one cannot use, a plugin without what it needs, and the scripts of a runtime if not all
of them can go over to its new version. `serving` is then what fits together.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from wasmpuck.config import PluginSettings, PluginsSettings
from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.plugins.catalog import Catalog
from wasmpuck.plugins.dependencies import refuse_circle, unmet
from wasmpuck.plugins.plugin import Plugin
from wasmpuck.plugins.records import Known, Outcome, refused
from wasmpuck.plugins.workshop import Workshop, refusal_of
from wasmpuck.runtime.scripts import SharedCode
from wasmpuck.trust import TrustPolicy, VerifiedArtifact

__all__ = ["Change"]

_log = logging.getLogger(__name__)


class Change:
    """A change under way.

    Args:
        workshop: makes generations.
        settings: `[plugins]`.
        policy: who is trusted.
        catalog: the folder of artifacts.
        known: what is known of each file; written here.
        before: the generations in service.
        refusals: counts them by reason.

    Attributes:
        serving: the generations that are to be in service, by name.
        prepared: those of them that are new.
        shelf: the language runtimes.
    """

    def __init__(
        self,
        workshop: Workshop,
        settings: PluginsSettings,
        policy: TrustPolicy,
        catalog: Catalog,
        known: dict[str, Known],
        before: Mapping[str, Plugin],
        refusals: Counter[Refusal],
    ) -> None:
        self.serving = dict(before)
        self.prepared: dict[str, Plugin] = {}
        self.shelf = workshop.shelf(settings, policy)
        self._workshop = workshop
        self._settings = settings
        self._policy = policy
        self._catalog = catalog
        self._known = known
        self._before = before
        self._refusals = refusals
        self._outcomes: dict[str, Outcome] = {}
        self._needs = {name: set(plugin.artifact.manifest.dependencies) for name, plugin in before.items()}

    @property
    def outcomes(self) -> list[Outcome]:
        """What became of each plugin that was considered."""
        return list(self._outcomes.values())

    def settled(self, name: str) -> bool:
        """Whether it is decided what becomes of a plugin."""
        return name in self._outcomes

    def note(self, outcome: Outcome) -> None:
        """Something that was decided elsewhere."""
        self._outcomes[outcome.name] = outcome

    # --- files -----------------------------------------------------------------------------------

    async def consider(self, files: Mapping[str, Path], *, force: Callable[[str], bool]) -> None:
        """Prepares generations of what these files hold, by name, each after what it depends on; then takes back what
        does not fit.

        `force` says whether a plugin is prepared anew though nothing has changed.
        """
        for name in files:
            await self._consider(name, files, force, ())
        while self._take_back_runtime() or self._take_back_dependent() or self._take_back_clashing():
            pass

    async def _consider(
        self, name: str, files: Mapping[str, Path], force: Callable[[str], bool], way: tuple[str, ...]
    ) -> None:
        if name in self._outcomes or name in way:
            return
        own = self._settings.plugin(name)
        known = self._known[name] = Known(files[name], self._catalog.mark(files[name]))
        if not own.enabled:
            self.serving.pop(name, None)
            self.note(Outcome(name, "disabled"))
            return
        old = self._before.get(name)
        load_timeout = self._settings.load_timeout
        try:
            async with asyncio.timeout(load_timeout):
                verified = await self._workshop.read(files[name], self._policy)
            self._needs[name] = set(verified.manifest.dependencies)
            for each in sorted(self._needs[name].intersection(files)):
                await self._consider(each, files, force, (*way, name))
            refuse_circle(name, self._needs)
            async with asyncio.timeout(self._workshop.compiler.limits.wall + load_timeout):
                plugin = await self._made(verified, own, None if force(name) else old)
        except Exception as error:  # whatever an artifact does to the server must not keep the others from loading
            self._refuse(name, known, refusal_of(error, load_timeout), old)
            return
        if plugin is None:
            assert old is not None
            self.note(Outcome(name, "unchanged", old.version, old.generation))
            return
        self.prepared[name] = self.serving[name] = plugin
        self.note(Outcome(name, "published", plugin.version, plugin.generation))

    async def _made(self, verified: VerifiedArtifact, own: PluginSettings, old: Plugin | None) -> Plugin | None:
        """A generation; `None` when it would be the same as `old`."""
        found = await self.shelf.find(verified) if verified.script is not None else None
        if old is not None:
            running = old.runtime.artifact.digest if old.runtime else None
            wanted = (verified.digest, own, self._settings.security, found.digest if found else None)
            if (old.artifact.digest, old.settings, old.security, running) == wanted:
                return None
        if not verified.signed:
            _log.warning("plugin %s is not signed", verified.name, extra={"plugin": verified.name})
        runtime = await self.shelf.take(found) if found is not None else None
        return await self._workshop.make(
            verified, own, self._settings, self._beside(verified.name), runtime, self._before.get(verified.name)
        )

    def _beside(self, name: str) -> dict[str, Plugin]:
        """What is to be in service beside a plugin."""
        return {other: plugin for other, plugin in self.serving.items() if other != name}

    def _refuse(self, name: str, known: Known | None, refusal: ArtifactRefused, old: Plugin | None) -> None:
        if known is not None:
            known.refusal = refusal
        self._refusals[refusal.reason] += 1
        if old is not None:
            old.data.swaps["failed"] += 1
        kept = f"; generation {old.generation} ({old.version}) stays in service" if old is not None else ""
        words = "plugin %s is not loaded (%s): %s%s"
        _log.error(words, name, refusal.reason, refusal.message, kept, extra={"plugin": name})
        self.note(refused(name, refusal))

    async def again(self, plugin: Plugin) -> Outcome:
        """Prepares a fresh generation of one in service: same artifact, same settings, same runtime."""
        settings, name = self._settings, plugin.name
        try:
            async with asyncio.timeout(self._workshop.compiler.limits.wall + settings.load_timeout):
                runtime = plugin.runtime.take() if plugin.runtime is not None else None
                beside = self._beside(name)
                fresh = await self._workshop.make(plugin.artifact, plugin.settings, settings, beside, runtime)
        except Exception as error:  # as above
            self._refuse(name, self._known.get(name), refusal_of(error, settings.load_timeout), plugin)
        else:
            self.prepared[name] = self.serving[name] = fresh
            self.note(Outcome(name, "published", fresh.version, fresh.generation))
        return self._outcomes[name]

    # --- what does not fit -----------------------------------------------------------------------

    def _withdraw(self, name: str, refusal: ArtifactRefused) -> None:
        """A prepared generation does not go into service; the one before it stays."""
        plugin, old = self.prepared.pop(name), self._before.get(name)
        if old is not None:
            self.serving[name] = old
        else:
            self.serving.pop(name, None)
        plugin.abandon(refusal.message)
        self._refuse(name, self._known.get(name), refusal, old)

    def _take_back_dependent(self) -> bool:
        """Takes back one thing that leaves a plugin without what it needs; whether there was one."""
        versions = {name: plugin.artifact.version for name, plugin in self.serving.items()}
        for name, plugin in sorted(self.serving.items()):
            manifest = plugin.artifact.manifest
            lacking = unmet(manifest, versions)
            if not lacking:
                continue
            who = f"{name} {plugin.version}"
            for each, requirement in manifest.dependencies.items():
                swapped, old = self.prepared.get(each), self._before.get(each)
                if swapped is None or old is None or requirement.admits(swapped.artifact.version):
                    continue
                if requirement.admits(old.artifact.version):
                    message = f"{each} {swapped.version} does not fit {who}, which needs {each} {requirement}"
                    hint = f"put a version of {name} that fits into service first, or disable it"
                    self._withdraw(each, ArtifactRefused(Refusal.DEPENDENCY_MISSING, message, hint=hint))
                    return True
            refusal = ArtifactRefused(
                Refusal.DEPENDENCY_MISSING,
                f"{who} needs {lacking}",
                hint="load what it needs as well: it is tried again with the next plugin that goes into service",
            )
            if name in self.prepared:
                self._withdraw(name, refusal)
            else:
                del self.serving[name]
                self._refuse(name, self._known.get(name), refusal, None)
            return True
        return False

    def _take_back_runtime(self) -> bool:
        """Takes scripts back to the runtime before, if others on it cannot leave it; whether there were any."""
        moved: dict[str, list[str]] = {}
        for name, plugin in self.prepared.items():
            old, new = self._runtime_of(name), plugin.runtime
            if old is None or new is None or old.artifact.digest == new.artifact.digest:
                continue
            if old.artifact.name == new.artifact.name:
                moved.setdefault(new.artifact.name, []).append(name)
        for runtime, names in moved.items():
            failed = [name for name in sorted(self._before) if self._stays_behind(name, runtime)]
            if not failed:
                continue
            first = self._known[failed[0]].refusal
            why = f"{first.reason}: {first.message}" if first is not None else ""
            old, new = self._runtime_of(names[0]), self.prepared[names[0]].runtime
            assert old is not None
            assert new is not None
            for name in names:
                message = (
                    f"the plugins of {old.title} go over to {new.title} ({new.artifact.digest[:12]}) together or not "
                    f"at all, and {', '.join(failed)} cannot: {why}"
                )
                hint = f"repair or remove {', '.join(failed)}, or put the runtime before back"
                self._withdraw(name, ArtifactRefused(Refusal.RUNTIME_UPDATE, message, hint=hint))
            return True
        return False

    def _take_back_clashing(self) -> bool:
        """Takes back one generation that wants what one that stays after all has; whether there was one."""
        for name, plugin in self.prepared.items():
            try:
                self._workshop.vet(plugin, self._beside(name).values())
            except ArtifactRefused as refusal:
                self._withdraw(name, refusal)
                return True
        return False

    def _runtime_of(self, name: str) -> SharedCode | None:
        old = self._before.get(name)
        return old.runtime if old is not None else None

    def _stays_behind(self, name: str, runtime: str) -> bool:
        """Whether a script in service runs on the runtime and could not be prepared on what is to come after it."""
        old, known = self._runtime_of(name), self._known.get(name)
        return (
            old is not None
            and old.artifact.name == runtime
            and self.serving.get(name) is self._before[name]
            and known is not None
            and known.refusal is not None
            and known.refusal.reason is not Refusal.RUNTIME_UPDATE
        )
