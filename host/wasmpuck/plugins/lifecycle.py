"""Loading, replacing and retiring plugins: the way of an artifact from the folder into service.

One change at a time. A new generation is prepared completely beside the old one and published by one assignment;
calls in flight end on the old generation, which is retired when no request can reach it any more. Any failure leaves
the old generation in service and is kept as the plugin's last refusal. A plugin that must be there (`failure =
"closed"`) and never came into service is published as absent: requests are refused until it does, or is removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from wasmpuck.config import Configuration
from wasmpuck.errors import ArtifactRefused, NotFound, Refusal, StartRefused
from wasmpuck.events import Bus
from wasmpuck.plugins.catalog import Catalog, Mark
from wasmpuck.plugins.change import Change
from wasmpuck.plugins.checkups import Checkups
from wasmpuck.plugins.data import PluginData
from wasmpuck.plugins.failure import Fate
from wasmpuck.plugins.handover import Handover
from wasmpuck.plugins.plugin import Plugin
from wasmpuck.plugins.quarantine import Quarantines
from wasmpuck.plugins.records import Known, Outcome, absent, refused, rows
from wasmpuck.plugins.registry import Registry, Snapshot
from wasmpuck.plugins.reloads import Reloads
from wasmpuck.plugins.runtimes import RuntimeFolder, runtime_rows
from wasmpuck.plugins.states import State
from wasmpuck.plugins.tap import Tap
from wasmpuck.plugins.watching import watch
from wasmpuck.plugins.workshop import Workshop, trust_policy
from wasmpuck.runtime.capabilities import Facilities, Namespaces
from wasmpuck.runtime.compile import Compiler
from wasmpuck.storage.protocol import PluginStore

__all__ = ["Lifecycle", "Outcome"]

_log = logging.getLogger(__name__)

#: Refusals that another plugin's change, or a runtime's, may undo.
_WAITING: Final = frozenset({Refusal.DEPENDENCY_MISSING, Refusal.RUNTIME_MISSING, Refusal.RUNTIME_UPDATE})


class Lifecycle:
    """All plugins of a server.

    Args:
        configuration: replaced by `reload`.
        compiler: makes code of verified artifacts.
        store: remembers the newest version of each plugin that ran, and quarantines.
        namespaces: the plugins' storage.
        registry: where generations are published.
        build_views: fills a snapshot with what the worlds need of it.
        background: whether plugins' tasks run, events reach them, their health is asked for and the folder is watched.
        bus: the server's news.
        facilities: what the server offers to all plugins.
        vet: raises `ArtifactRefused` for a generation that wants what the server or one of the others has.
        tap: given to each generation.
    """

    def __init__(
        self,
        configuration: Configuration,
        compiler: Compiler,
        store: PluginStore,
        namespaces: Namespaces,
        registry: Registry,
        build_views: Callable[[Snapshot], None],
        *,
        background: bool = True,
        bus: Bus | None = None,
        facilities: Facilities | None = None,
        vet: Callable[[Plugin, Iterable[Plugin]], None] = lambda plugin, others: None,
        tap: Tap | None = None,
    ) -> None:
        self.configuration = configuration
        self.registry = registry
        self.workshop = Workshop(
            compiler, store, namespaces, self._befall, bus or Bus(), facilities or Facilities(), vet, tap
        )
        self.checkups = Checkups(
            lambda: self.registry.current.plugins.values(), lambda: self.configuration.plugins.health_interval
        )
        self._store = store
        self._handover = Handover(
            registry, build_views, lambda: self.configuration.plugins.drain_timeout, tasks=background
        )
        self._background = background
        self._catalog = self._make_catalog()
        self._known: dict[str, Known] = {}
        #: The files in the folder of runtimes, as they were at the last change.
        self._runtime_marks: dict[str, Mark | None] = {}
        self._quarantines = Quarantines(store)
        self._one_change = asyncio.Lock()
        self._rounds: list[asyncio.Task[None]] = []
        self._reloads = Reloads(monotonic=time.monotonic, chance=random.random)
        self.refusals: Counter[Refusal] = Counter()

    def _make_catalog(self) -> Catalog:
        settings = self.configuration.plugins
        return Catalog(settings.directory, settings.load_order)

    # --- start and stop --------------------------------------------------------------------------

    async def start(self) -> list[Outcome]:
        """Loads everything that the configuration enables.

        Raises:
            StartRefused: a plugin with `failure = "closed"` cannot be loaded.
        """
        outcomes: list[Outcome] = []
        if self.configuration.plugins.enabled:
            outcomes = await self._change(self._catalog.scan(), force=False)
        closed = self.registry.current.absent
        if closed:
            await self.stop()
            raise StartRefused(
                "; ".join(f"{name}: {reason}" for name, reason in closed.items()),
                hint='these plugins have failure = "closed": repair or disable them',
            )
        if self._background:
            self._begin("health of plugins", self.checkups.run())
            interval = self.configuration.plugins.watch_interval
            if interval and self.configuration.plugins.enabled:
                self._begin("plugin folder", watch(interval, lambda: self._catalog, self._marks, self._watched))
                self._begin(
                    "runtime folder",
                    watch(interval, self._runtime_folder, lambda: self._runtime_marks, self._runtimes_watched),
                )
        return outcomes

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._rounds.append(asyncio.create_task(work, name=name))

    async def stop(self) -> None:
        """Takes every plugin out of service and waits until all generations are retired."""
        for task in self._rounds:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._rounds.clear()
        await self._reloads.close()
        async with self._one_change:
            self._handover.publish([], {}, why="server-stopping")
        await self._handover.close()

    # --- changes ---------------------------------------------------------------------------------

    async def swap(self, name: str) -> Outcome:
        """Replaces one plugin by what its file and the configuration say now, even if nothing has changed. That also
        ends its quarantine.

        Raises:
            NotFound: no such plugin is known and no such file lies in the folder.
        """
        files = self._catalog.scan()
        if name not in files and name not in self.registry.current.plugins:
            raise NotFound(
                f"there is no plugin {name}", hint=f"put {name}.wasm into {self.configuration.plugins.directory}"
            )
        outcomes = await self._change({name: files[name]} if name in files else {}, force=True, only={name})
        return next((outcome for outcome in outcomes if outcome.name == name), Outcome(name, "disabled"))

    async def reload(self, configuration: Configuration | None = None) -> list[Outcome]:
        """Takes a new configuration and looks at every file; replaces what differs from what runs."""
        if configuration is not None:
            self.configuration = configuration
            self._catalog = self._make_catalog()
        files = self._catalog.scan() if self.configuration.plugins.enabled else {}
        return await self._change(files, force=False)

    async def _watched(self, files: dict[str, Path], names: set[str]) -> None:
        await self._change(files, force=False, only=names)

    async def _runtimes_watched(self, files: dict[str, Path], names: set[str]) -> None:
        await self._change({}, force=False, only=())  # which plugins that concerns is found there

    def _marks(self) -> dict[str, Mark | None]:
        return {name: known.mark for name, known in self._known.items()}

    def _runtime_folder(self) -> RuntimeFolder:
        return RuntimeFolder(self.configuration.plugins.runtimes_directory)

    async def _change(self, files: dict[str, Path], *, force: bool, only: Iterable[str] | None = None) -> list[Outcome]:
        async with self._one_change:
            settings = self.configuration.plugins
            policy = trust_policy(settings)
            scope = None if only is None else set(only)
            current = self.registry.current
            change = Change(self.workshop, settings, policy, self._catalog, self._known, current.plugins, self.refusals)
            if settings.enabled:
                files |= self._waiting(files)
            for name in sorted({*current.plugins, *self._known} - set(files)):
                if scope is None or name in scope:
                    self._without_file(name, change)
            forced = set(files) if scope is None else scope
            await change.consider(files, force=lambda name: force and name in forced)
            if settings.enabled:
                self._missing(change)
            if not force:
                for plugin in change.prepared.values():
                    why = await self._quarantines.why(plugin.name, plugin.artifact.digest, plugin.settings)
                    if why:
                        self._handover.confine(plugin, why)
            lacking = absent(self._known, change.serving, settings)
            if list(change.serving.values()) != list(current.plugins.values()) or lacking != current.absent:
                self._handover.publish(change.serving.values(), lacking, why="replaced")
            for plugin in change.prepared.values():
                self._reloads.forget(plugin.name)
                await self._store.remember(plugin.name, plugin.version)
                if plugin.runtime is not None:
                    await change.shelf.remember(plugin.runtime.artifact)
                if plugin.state is not State.QUARANTINED:
                    await self._quarantines.lift(plugin.name)
            return change.outcomes

    def _waiting(self, files: Mapping[str, Path]) -> dict[str, Path]:
        """Files that a change concerns besides: of plugins that something was missing for, and of scripts whose
        language runtime has changed in its folder.
        """
        marks = self._runtime_folder().marks()
        before, self._runtime_marks = self._runtime_marks, marks
        changed = {name for name in {*marks, *before} if marks.get(name) != before.get(name)}
        runtimes = {Catalog.plugin_name(Path(f"{name}.wasm")) for name in changed}
        names = {name for name, known in self._known.items() if known.refusal and known.refusal.reason in _WAITING}
        for name, plugin in self.registry.current.plugins.items():
            if plugin.runtime is not None and plugin.runtime.artifact.name in runtimes:
                names.add(name)
        return {name: path for name, path in self._catalog.scan().items() if name in names and name not in files}

    async def renew(self, plugin: Plugin) -> Outcome:
        """Replaces a generation by a fresh one of the same artifact with the same settings.

        Nothing happens (`unchanged`) when it is not in service any more, or in quarantine.
        """
        async with self._one_change:
            if not self._runs(plugin):
                return Outcome(plugin.name, "unchanged", plugin.version, plugin.generation)
            settings, current = self.configuration.plugins, self.registry.current
            change = Change(
                self.workshop,
                settings,
                trust_policy(settings),
                self._catalog,
                self._known,
                current.plugins,
                self.refusals,
            )
            outcome = await change.again(plugin)
            if change.prepared:
                self._handover.publish(change.serving.values(), current.absent, why="replaced")
            return outcome

    def _runs(self, plugin: Plugin) -> bool:
        return plugin.state is State.RUNNING and self.registry.current.plugins.get(plugin.name) is plugin

    def _befall(self, plugin: Plugin, fate: Fate, why: str) -> bool:
        """What a failure policy demands; a generation that is on its way out is left alone."""
        if not self._runs(plugin):
            return False
        if fate is Fate.RELOAD:
            self._reloads.request(plugin.name, plugin.settings.breaker, lambda: self.renew(plugin), why)
        else:
            plugin.quarantine(why)
            self._handover.later(f"quarantine {plugin.name}", self._keep(plugin, why))
        return True

    async def _keep(self, plugin: Plugin, why: str) -> None:
        """Writes a quarantine down, unless the plugin has been replaced meanwhile."""
        async with self._one_change:
            if self.registry.current.plugins.get(plugin.name, plugin) is plugin:
                await self._quarantines.keep(plugin.name, plugin.artifact.digest, plugin.settings, why)

    def _without_file(self, name: str, change: Change) -> None:
        """A plugin whose file is gone goes out of service, unless requests must not pass without it."""
        known = self._known.pop(name, None)
        plugin = change.serving.get(name)
        if plugin is None:
            return
        settings = self.configuration.plugin(name)
        if settings.enabled and settings.fail_closed and self.configuration.plugins.enabled:
            refusal = ArtifactRefused(
                Refusal.UNREADABLE,
                f"its file is gone; generation {plugin.generation} stays in service",
                hint='put the file back, or disable the plugin: it has failure = "closed"',
            )
            if known is None or known.refusal is None or known.refusal.message != refusal.message:
                _log.error("plugin %s: %s", name, refusal.message, extra={"plugin": name})
            self._known[name] = Known(Path(), None, refusal)
            change.note(refused(name, refusal))
            return
        del change.serving[name]
        change.note(Outcome(name, "disabled", reason="its file is gone"))

    def _missing(self, change: Change) -> None:
        """Plugins that the configuration enables and that nothing is known of."""
        folder = self.configuration.plugins.directory
        for table in self.configuration.plugins.tables:
            if table.enabled and table.name not in self._known:
                refusal = ArtifactRefused(Refusal.UNREADABLE, f"there is no artifact {table.name}.wasm in {folder}")
                self._known[table.name] = Known(Path(), None, refusal)
                if not change.settled(table.name):
                    change.note(refused(table.name, refusal))
                _log.error("plugin %s is not loaded: %s", table.name, refusal.message, extra={"plugin": table.name})

    # --- reports ---------------------------------------------------------------------------------

    @property
    def data(self) -> dict[str, PluginData]:
        """What belongs to each plugin over all generations, by name."""
        return self.workshop.data

    def report(self) -> list[dict[str, Any]]:
        """A row for each plugin: what is in service, how it is, and what was refused and why."""
        return rows(self._known, self.registry.current.plugins, self.configuration.plugins)

    async def runtimes(self) -> list[dict[str, Any]]:
        """A row for each language runtime (see `runtimes.runtime_rows`)."""
        settings = self.configuration.plugins
        shelf = self.workshop.shelf(settings, trust_policy(settings))
        return await runtime_rows(shelf, self.workshop.codes, self.registry.current.plugins.values())
