"""A plugin in the real runtime without a server: the host's own loader, linker, pool and limits, and around them a
clock that stands still, storage that ends with the process, and nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self

from wasmpuck.app import vet
from wasmpuck.config import PluginSecuritySettings, PluginsSettings
from wasmpuck.errors import BadRequest, CallFailed
from wasmpuck.events import Bus, Event
from wasmpuck.kit.circumstances import Circumstances
from wasmpuck.kit.clock import SimulatedClock
from wasmpuck.kit.compiling import author_compiler, runtimes_folder
from wasmpuck.kit.exports import export_type
from wasmpuck.kit.keyserver import certificates
from wasmpuck.kit.neighbours import Neighbours
from wasmpuck.kit.peers import Asked, Peers
from wasmpuck.kit.simulated import Chance, Logbook, LogLine, MemoryStore, MemoryVault, PunctualTasks
from wasmpuck.kit.values import JSON, arguments_from_json, to_json
from wasmpuck.plugins.plugin import Plugin
from wasmpuck.plugins.tap import Tap
from wasmpuck.plugins.workshop import Workshop
from wasmpuck.runtime.capabilities import Context, Facilities, Namespaces
from wasmpuck.runtime.capabilities.namespaces import OVERHEAD, Entry
from wasmpuck.runtime.compile import Compiler
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import StoreLimits
from wasmpuck.runtime.scripts import Code
from wasmpuck.runtime.values import Function
from wasmpuck.storage.protocol import ValueKind
from wasmpuck.trust import UnverifiedDevelopmentPolicy, VerifiedArtifact

__all__ = ["Circumstances", "PluginFailed", "Stand"]

_LOAD_SECONDS: Final = 300.0
_OF_KEYS: Final = frozenset({"keys", "key-admin"})
_QUIET_TURNS: Final = 6
"""Turns of the loop without work after which nothing is under way: a task, an event and its call take less."""


class PluginFailed(CallFailed):
    """A call that did not end well. `export` is what was called, `log` what the plugin had logged up to then."""

    def __init__(self, export: str, failure: CallFailed, log: Iterable[LogLine]) -> None:
        super().__init__(failure.reason, failure.message, backtrace=failure.backtrace, hint=failure.hint)
        self.export = export
        self.log = tuple(line for line in log if line.source == "plugin")

    def __str__(self) -> str:
        parts = [f"{self.export} failed ({self.reason}): {self.message}"]
        if self.backtrace:
            parts += ["guest's frames, innermost first:", *(f"  {frame}" for frame in self.backtrace.splitlines())]
        if self.log:
            parts += ["log:", *(f"  {line}" for line in self.log)]
        return "\n".join(parts)


class _StandTap(Tap):
    """Puts the simulations in; what is left goes to `inner`."""

    def __init__(self, stand: Stand, inner: Tap) -> None:
        self._stand = stand
        self._inner = inner

    def wrap(self, name: str, kind: Function, implementation: Callable[..., Any]) -> Callable[..., Any]:
        return self._inner.wrap(name, kind, implementation)

    def instance(self, compiled: Code, limits: StoreLimits) -> Instance:
        return self._inner.instance(compiled, limits)

    def grant(self, names: Iterable[str], context: Context) -> dict[str, Any]:
        stand = self._stand
        context = replace(
            context,
            wall=stand.clock.wall,
            monotonic=stand.clock.monotonic,
            sleep=stand.clock.sleep,
            run_task=stand.watched(context.run_task),
            run_event=stand.watched(context.run_event),
        )
        wanted = list(names)
        simulated = stand.simulated(context)
        granted = self._inner.grant([name for name in wanted if name not in simulated], context)
        return granted | {name: simulated[name] for name in wanted if name in simulated}


class Stand:
    """An async context manager: inside, the plugin is in service.

    Args:
        artifact: from `artifacts.read_artifact`.
        around: what the plugin finds; usually nothing.
        tap: may record what passes between plugin and host.
        compiler: `author_compiler`, or another.

    Entering raises `ArtifactRefused` when the plugin does not come into service.

    Attributes:
        log: lines that the plugin wrote, and what the host had to say about it.
        published: events that the plugin published.
        asked: requests that it sent to simulated peers; `neighbours.asked` what it asked of other plugins.
        fuel, seconds: what the last call used, and how long it took on this machine.
    """

    def __init__(
        self,
        artifact: VerifiedArtifact,
        around: Circumstances | None = None,
        *,
        tap: Tap | None = None,
        compiler: Compiler | None = None,
    ) -> None:
        self.artifact = artifact
        self.around = around = around or Circumstances()
        self.clock = SimulatedClock(around.start)
        self.bus = Bus(wall=self.clock.wall)
        self.peers = Peers(around.peers)
        self.neighbours = Neighbours(around.neighbours)
        self.published: list[Event] = []
        self.fuel = 0
        self.seconds = 0.0
        self._book = Logbook(artifact.name)
        self._tap = _StandTap(self, tap or Tap())
        self._compiler = compiler
        self._working = 0
        self._plugin: Plugin | None = None

    # --- life ------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            self._book.open()
            stack.callback(self._book.close)
            self._namespaces = Namespaces(MemoryStore(), wall=self.clock.wall)
            stack.push_async_callback(self._namespaces.close)
            self._plugin = await self._load(await self._facilities(stack))
            self._plugin.enter_service()
            stack.push_async_callback(self._plugin.retire, "server-stopping")
            self.bus.join(self._note)
            self._closing = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.aclose()

    async def _facilities(self, stack: contextlib.AsyncExitStack) -> Facilities:
        facilities = Facilities()
        if self.around.keys or _OF_KEYS.intersection(self.artifact.manifest.imports):
            facilities = await stack.enter_async_context(certificates(self.around.keys, self.bus))
        vault = MemoryVault(self.around.secrets)
        return replace(facilities, outbound=self.peers.outbound, exchange=self.neighbours, vault=vault)

    async def _load(self, facilities: Facilities) -> Plugin:
        around = self.around
        own = around.plugin_settings(self.artifact)
        security = PluginSecuritySettings(max_memory_mb=4096, max_cpu_percent=10_000)
        settings = PluginsSettings(
            load_timeout=_LOAD_SECONDS,
            security=security,
            tables=(own,),
            runtimes=around.runtimes or runtimes_folder(),
        )
        workshop = Workshop(
            self._compiler or author_compiler(),
            MemoryStore(),
            self._namespaces,
            lambda plugin, fate, why: False,
            self.bus,
            facilities,
            vet,
            self._tap,
        )
        runtime = None
        if self.artifact.script is not None:
            shelf = workshop.shelf(settings, UnverifiedDevelopmentPolicy())
            runtime = await shelf.take(await shelf.find(self.artifact))
        # What it depends on is not there, and not missed before it is asked for something.
        alone = replace(self.artifact, manifest=replace(self.artifact.manifest, dependencies={}))
        return await workshop.make(alone, own, settings, {}, runtime)

    @property
    def plugin(self) -> Plugin:
        """The generation in service."""
        assert self._plugin is not None, "the stand is not open"
        return self._plugin

    # --- calls -----------------------------------------------------------------------------------

    async def call(self, export: str, *arguments: JSON) -> JSON:
        """Calls an export (`interface.function`) with one JSON value for each parameter; returns its result as JSON.

        Raises:
            BadRequest: there is no such export, or an argument does not fit.
            PluginFailed: the call did not end well; the next call is served by a fresh instance.
        """
        kind = export_type(export)
        if export not in self.plugin.compiled.exports:
            raise BadRequest(
                f"{self.artifact.name} does not export {export}",
                hint=f"it exports {', '.join(self.plugin.worlds)}",
            )
        values = arguments_from_json(kind, arguments, export)
        statistics = self.plugin.data.account.of(export)
        before, started = statistics.fuel, statistics.seconds
        try:
            result = await self.plugin.call(export, *values)
        except CallFailed as failure:
            raise PluginFailed(export, failure, self.log) from failure
        finally:
            self.fuel, self.seconds = statistics.fuel - before, statistics.seconds - started
        return to_json(kind.result, result)

    async def advance(self, seconds: float) -> None:
        """Lets simulated time pass; tasks that become due meanwhile run, each at its time."""
        await self.clock.advance(seconds, self._settle)

    async def deliver(self, topic: str, payload: str = "", *, source: str = "") -> None:
        """Publishes an event (`source`: the plugin that did; empty for the server) and waits until it was handled."""
        self.bus.publish(topic, payload, source=source)
        await self._settle()

    # --- what the plugin has done ------------------------------------------------------------------

    @property
    def log(self) -> list[LogLine]:
        """Lines so far."""
        return self._book.lines

    @property
    def asked(self) -> list[Asked]:
        """Requests that it sent to peers so far."""
        return self.peers.asked

    @property
    def storage(self) -> dict[str, str | bytes | float]:
        """What lies in its storage now: texts, bytes and counts (as `float`) by key."""
        space = self.plugin.data.namespace
        space.expire()
        return {key: entry.value for key, entry in sorted(space.entries.items())}

    def put(self, key: str, value: str | bytes | float) -> None:
        """Puts something into its storage."""
        stored = value if isinstance(value, bytes) else str(int(value) if isinstance(value, float) else value).encode()
        kind: ValueKind = "text" if isinstance(value, str) else "bytes" if isinstance(value, bytes) else "count"
        size = OVERHEAD + len(key.encode()) + len(stored)
        self.plugin.data.namespace.put(key, Entry(kind, value, None, size))

    @property
    def metrics(self) -> dict[str, float]:
        """Its metrics as `name` or `name{label=value,…}`; of a histogram the number of observations and their sum."""
        found: dict[str, float] = {}
        for declared in self.plugin.data.series.declared.values():
            for labels, values in sorted(declared.values.items()):
                shown = ",".join(f"{name}={value}" for name, value in zip(declared.labels, labels, strict=True))
                tail = f"{{{shown}}}" if shown else ""
                if declared.kind == "histogram":
                    found[f"{declared.name}_count{tail}"] = sum(values[:-1])
                    found[f"{declared.name}_sum{tail}"] = values[-1]
                else:
                    found[f"{declared.name}{tail}"] = values[0]
        return found

    # --- for the simulations -----------------------------------------------------------------------

    def simulated(self, context: Context) -> dict[str, Any]:
        """The capabilities that are not the host's here."""
        found: dict[str, Any] = {"tasks": PunctualTasks(context)}
        if self.around.seed is not None:
            found["random"] = Chance(self.around.seed)
        return found

    def watched(self, run: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        """The same, but `_settle` knows of it."""

        async def counted(what: Any) -> None:
            self._working += 1
            try:
                await run(what)
            finally:
                self._working -= 1

        return counted

    def _note(self, event: Event) -> None:
        if event.source == self.artifact.name:
            self.published.append(event)

    async def _settle(self) -> None:
        """Until no task and no event is at work any more."""
        quiet = 0
        while quiet < _QUIET_TURNS:
            await asyncio.sleep(0.001 if self._working else 0)
            quiet = 0 if self._working else quiet + 1
