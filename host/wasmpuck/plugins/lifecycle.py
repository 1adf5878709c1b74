"""Loading, replacing and retiring plugins: the way of an artifact from the folder into service.

One change at a time. A new generation is prepared completely beside the old one and published by one assignment;
calls in flight end on the old generation, which is retired when no request can reach it any more. Any failure leaves
the old generation in service and is kept as the plugin's last refusal.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wasmpuck.config import Configuration, PluginSettings
from wasmpuck.errors import ArtifactRefused, NotFound, OperatorError, Refusal, StartRefused, WasmpuckError
from wasmpuck.plugins.catalog import Catalog, Mark
from wasmpuck.plugins.failure import Fate
from wasmpuck.plugins.plugin import Plugin, PluginData
from wasmpuck.plugins.registry import Registry, Snapshot
from wasmpuck.plugins.reloads import Reloads
from wasmpuck.plugins.states import State
from wasmpuck.runtime.capabilities import Namespaces
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

__all__ = ["Lifecycle", "Outcome"]

_log = logging.getLogger(__name__)

#: Characters of a refusal that are kept: a guest may give a reason as long as its memory.
_LONGEST_REASON: Final = 1_000


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


@dataclass(slots=True)
class _Known:
    """A file that was looked at: its mark and digest, and why it was refused last, if it was."""

    path: Path
    mark: Mark | None
    refusal: ArtifactRefused | None = None


class Lifecycle:
    """All plugins of a server.

    Args:
        configuration: replaced by `reload`.
        compiler: makes code of verified artifacts.
        store: remembers the newest version of each plugin that ran.
        namespaces: the plugins' storage.
        registry: where generations are published.
        build_views: fills a snapshot with what the worlds need of it.
        background: whether plugins' tasks run and the folder is watched.
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
    ) -> None:
        self.configuration = configuration
        self.registry = registry
        self._compiler = compiler
        self._store = store
        self._namespaces = namespaces
        self._build_views = build_views
        self._background = background
        self._catalog = self._make_catalog()
        self._known: dict[str, _Known] = {}
        self._data: dict[str, PluginData] = {}
        self._one_change = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._reloads = Reloads(monotonic=time.monotonic, chance=random.random)
        self.refusals: Counter[Refusal] = Counter()

    def _make_catalog(self) -> Catalog:
        settings = self.configuration.plugins
        return Catalog(settings.directory, settings.load_order)

    def _policy(self) -> TrustPolicy:
        """Read anew for each change, so that a key that was removed from the keyring counts no more."""
        settings = self.configuration.plugins
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

    # --- start and stop --------------------------------------------------------------------------

    async def start(self) -> list[Outcome]:
        """Loads everything that the configuration enables.

        Raises:
            StartRefused: a plugin with `failure = "closed"` cannot be loaded.
        """
        if not self.configuration.plugins.enabled:
            return []
        outcomes = await self._change(self._catalog.scan(), force=False)
        closed = [
            outcome
            for outcome in outcomes
            if outcome.what == "refused" and self.configuration.plugin(outcome.name).fail_closed
        ]
        if closed:
            await self.stop()
            raise StartRefused(
                "; ".join(f"{outcome.name}: {outcome.reason}" for outcome in closed),
                hint='these plugins have failure = "closed": repair or disable them',
            )
        interval = self.configuration.plugins.watch_interval
        if interval and self._background:
            self._watcher = asyncio.create_task(self._watch(interval), name="plugin folder")
        return outcomes

    async def stop(self) -> None:
        """Takes every plugin out of service and waits until all generations are retired."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None
        await self._reloads.close()
        async with self._one_change:
            self._publish([], why="server-stopping")
        while self._retiring:
            await asyncio.wait(self._retiring)

    # --- changes ---------------------------------------------------------------------------------

    async def swap(self, name: str) -> Outcome:
        """Replaces one plugin by what its file and the configuration say now, even if nothing has changed.

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

    async def _watch(self, interval: float) -> None:
        """Reloads files that have changed and then stayed the same for one interval (half-written ones have not)."""
        seen: dict[str, Mark | None] = {}
        while True:
            await asyncio.sleep(interval)
            files = self._catalog.scan()
            marks = {name: self._catalog.mark(path) for name, path in files.items()}
            settled = {
                name: path
                for name, path in files.items()
                if marks[name] == seen.get(name) and (name not in self._known or self._known[name].mark != marks[name])
            }
            gone = {name for name, known in self._known.items() if known.mark is not None and name not in files}
            seen = marks
            if settled or gone:
                try:
                    await self._change(settled, force=False, only={*settled, *gone})
                except OperatorError as error:
                    _log.error("the changed plugins were not loaded: %s", error.message)
                except Exception:  # a defect must not end the watch
                    _log.exception("the changed plugins were not loaded")

    async def _change(self, files: dict[str, Path], *, force: bool, only: Iterable[str] | None = None) -> list[Outcome]:
        async with self._one_change:
            policy = self._policy()
            scope = None if only is None else set(only)
            serving = dict(self.registry.current.plugins)
            outcomes: list[Outcome] = []
            prepared: list[Plugin] = []
            for name, path in files.items():
                settings = self.configuration.plugin(name)
                outcome, plugin = await self._consider(name, path, settings, policy, serving.get(name), force=force)
                outcomes.append(outcome)
                if plugin is not None:
                    prepared.append(plugin)
                    serving[name] = plugin
                elif outcome.what == "disabled":
                    serving.pop(name, None)
            for name in sorted({*serving, *self._known} - set(files)):
                if scope is None or name in scope:
                    outcomes += self._without_file(name, serving)
            if self.configuration.plugins.enabled:
                told = {outcome.name for outcome in outcomes}
                outcomes += [outcome for outcome in self._missing() if outcome.name not in told]
            if list(serving.values()) != list(self.registry.current.plugins.values()):
                self._publish(serving.values(), why="replaced")
            for plugin in prepared:
                self._reloads.forget(plugin.name)
                await self._store.remember(plugin.name, plugin.version)
            return outcomes

    async def renew(self, plugin: Plugin) -> Outcome:
        """Replaces a generation by a fresh one of the same artifact with the same settings.

        Nothing happens (`unchanged`) when it is not in service any more, or in quarantine.
        """
        async with self._one_change:
            if not self._runs(plugin):
                return Outcome(plugin.name, "unchanged", plugin.version, plugin.generation)
            outcome, fresh = await self._attempt(
                plugin.name, self._known.get(plugin.name), self._make(plugin.artifact, plugin.settings), plugin
            )
            if fresh is not None:
                self._publish({**self.registry.current.plugins, plugin.name: fresh}.values(), why="replaced")
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
        return True

    def _without_file(self, name: str, serving: dict[str, Plugin]) -> list[Outcome]:
        """A plugin whose file is gone goes out of service, unless requests must not pass without it."""
        known = self._known.pop(name, None)
        plugin = serving.get(name)
        if plugin is None:
            return []
        settings = self.configuration.plugin(name)
        if settings.enabled and settings.fail_closed and self.configuration.plugins.enabled:
            refusal = ArtifactRefused(
                Refusal.UNREADABLE,
                f"its file is gone; generation {plugin.generation} stays in service",
                hint='put the file back, or disable the plugin: it has failure = "closed"',
            )
            if known is None or known.refusal is None or known.refusal.message != refusal.message:
                _log.error("plugin %s: %s", name, refusal.message, extra={"plugin": name})
            self._known[name] = _Known(Path(), None, refusal)
            return [Outcome(name, "refused", reason=f"{refusal.reason}: {refusal.message}", hint=refusal.hint)]
        serving.pop(name)
        return [Outcome(name, "disabled", reason="its file is gone")]

    def _missing(self) -> list[Outcome]:
        """Plugins that the configuration enables and that nothing is known of."""
        folder = self.configuration.plugins.directory
        outcomes = []
        for table in self.configuration.plugins.tables:
            if table.enabled and table.name not in self._known:
                message = f"there is no artifact {table.name}.wasm in {folder}"
                self._known[table.name] = _Known(Path(), None, ArtifactRefused(Refusal.UNREADABLE, message))
                outcomes.append(Outcome(table.name, "refused", reason=f"{Refusal.UNREADABLE}: {message}"))
                _log.error("plugin %s is not loaded: %s", table.name, message, extra={"plugin": table.name})
        return outcomes

    async def _consider(
        self, name: str, path: Path, settings: PluginSettings, policy: TrustPolicy, old: Plugin | None, *, force: bool
    ) -> tuple[Outcome, Plugin | None]:
        known = self._known[name] = _Known(path, self._catalog.mark(path))
        if not settings.enabled:
            return Outcome(name, "disabled"), None
        return await self._attempt(name, known, self._load(path, settings, policy, old, force=force), old)

    async def _attempt(
        self, name: str, known: _Known | None, loading: Awaitable[Plugin | None], old: Plugin | None
    ) -> tuple[Outcome, Plugin | None]:
        """Waits for a generation that is being prepared; notes why there is none."""
        try:
            async with asyncio.timeout(self._compiler.limits.wall + self.configuration.plugins.load_timeout):
                plugin = await loading
        except Exception as error:  # whatever an artifact does to the server must not keep the others from loading
            refusal = self._refusal(error)
            if known is not None:
                known.refusal = refusal
            self.refusals[refusal.reason] += 1
            if old is not None:
                old.data.swaps["failed"] += 1
            kept = f"; generation {old.generation} ({old.version}) stays in service" if old is not None else ""
            _log.error(
                "plugin %s is not loaded (%s): %s%s",
                name,
                refusal.reason,
                refusal.message,
                kept,
                extra={"plugin": name},
            )
            return Outcome(name, "refused", reason=f"{refusal.reason}: {refusal.message}", hint=refusal.hint), None
        if plugin is None:
            assert old is not None
            return Outcome(name, "unchanged", old.version, old.generation), None
        return Outcome(name, "published", plugin.version, plugin.generation), plugin

    def _refusal(self, error: Exception) -> ArtifactRefused:
        """Why a plugin is not loaded, in words that a plugin cannot make longer than a log can bear."""
        match error:
            case ArtifactRefused():
                reason, message, hint = error.reason, error.message, error.hint
            case TimeoutError():
                reason, hint = Refusal.INITIALIZATION_FAILED, "raise plugins.loadTimeout"
                message = f"preparing it took longer than {self.configuration.plugins.load_timeout:g} s"
            case WasmpuckError():
                reason, message, hint = Refusal.INITIALIZATION_FAILED, error.message, error.hint
            case _:
                reason, message, hint = Refusal.INITIALIZATION_FAILED, f"a defect of the server: {error!r}", ""
                _log.error("a plugin could not be loaded", exc_info=error)
        if len(message) > _LONGEST_REASON:
            message = message[:_LONGEST_REASON] + "…"
        return ArtifactRefused(reason, message, hint=hint)

    async def _load(
        self, path: Path, settings: PluginSettings, policy: TrustPolicy, old: Plugin | None, *, force: bool
    ) -> Plugin | None:
        """Prepares a generation from a file; `None` when it would be the same as the one that runs."""
        artifact = await asyncio.to_thread(Artifact.read, path)
        verified = await asyncio.to_thread(verify, artifact, policy)
        highest = await self._store.highest(verified.name)
        refuse_older(verified, Version.parse(highest) if highest else None)
        wanted = (verified.digest, settings, self.configuration.plugins.security)
        if old is not None and not force and (old.artifact.digest, old.settings, old.security) == wanted:
            return None
        if not verified.signed:
            _log.warning("plugin %s is not signed", verified.name, extra={"plugin": verified.name})
        return await self._make(verified, settings)

    async def _make(self, verified: VerifiedArtifact, settings: PluginSettings) -> Plugin:
        """Prepares a generation."""
        compiled = await self._compiler.compile(verified)
        data = self._data.get(verified.name)
        if data is None:
            namespace = await self._namespaces.open(verified.name)
            data = self._data[verified.name] = PluginData(
                verified.name, namespace, self.configuration.plugins.security.max_cpu_percent
            )
        plugin = Plugin(compiled, settings, self.configuration.plugins.security, data, befall=self._befall)
        async with asyncio.timeout(self.configuration.plugins.load_timeout):
            await plugin.prepare()
        return plugin

    def _publish(self, plugins: Iterable[Plugin], *, why: str) -> None:
        old = self.registry.current.plugins
        fresh = Snapshot(plugins)
        self._build_views(fresh)
        self.registry.publish(fresh)
        for plugin in fresh.plugins.values():
            if old.get(plugin.name) is not plugin:
                plugin.enter_service(tasks=self._background)
                plugin.data.swaps["published"] += 1
                _log.info(
                    "plugin %s %s is in service (generation %d, signed by %s)",
                    plugin.name,
                    plugin.version,
                    plugin.generation,
                    plugin.artifact.signer,
                    extra={"plugin": plugin.name},
                )
        for plugin in old.values():
            if fresh.plugins.get(plugin.name) is not plugin:
                reason = why if why != "replaced" or plugin.name in fresh.plugins else "disabled"
                task = asyncio.create_task(self._retire(plugin, reason), name=f"retire {plugin.name}")
                self._retiring.add(task)
                task.add_done_callback(self._retiring.discard)

    async def _retire(self, plugin: Plugin, why: str) -> None:
        limit = self.configuration.plugins.drain_timeout
        try:
            async with asyncio.timeout(limit):
                await self.registry.drained(plugin)
        except TimeoutError:
            _log.warning("%s still has calls after %g s; they are refused from now on", plugin, limit)
        await plugin.retire(why)
        _log.info("plugin %s generation %d is retired", plugin.name, plugin.generation, extra={"plugin": plugin.name})

    # --- reports ---------------------------------------------------------------------------------

    @property
    def data(self) -> dict[str, PluginData]:
        """What belongs to each plugin over all generations, by name."""
        return self._data

    def report(self) -> list[dict[str, Any]]:
        """A row for each plugin: what is in service, and what was refused and why."""
        rows: list[dict[str, Any]] = []
        serving = self.registry.current.plugins
        for name in sorted({*serving, *self._known}):
            plugin = serving.get(name)
            known = self._known.get(name)
            refusal = known.refusal if known is not None else None
            row: dict[str, Any] = {
                "name": name,
                "version": plugin.version if plugin else "",
                "state": str(plugin.state) if plugin else ("failed" if refusal else "disabled"),
                "generation": plugin.generation if plugin else 0,
                "signer": plugin.artifact.signer if plugin else "",
                "worlds": plugin.worlds if plugin else [],
                "imports": sorted(plugin.compiled.imports) if plugin else [],
                "digest": plugin.artifact.digest if plugin else "",
                "since": plugin.since if plugin else time.time(),
                "instances": plugin.pool.instances if plugin else 0,
                "failure": self.configuration.plugin(name).failure,
                "reason": f"{refusal.reason}: {refusal.message}" if refusal else (plugin.reason if plugin else ""),
                "hint": refusal.hint if refusal else "",
            }
            rows.append(row)
        return rows
