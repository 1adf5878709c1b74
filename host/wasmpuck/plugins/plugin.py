"""One generation of a plugin: verified code with one configuration, its instances, and its calls."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from wasmpuck.config import PluginLimits, PluginSecuritySettings, PluginSettings
from wasmpuck.errors import ArtifactRefused, CallFailed, CallReason, Refusal, WasmpuckError
from wasmpuck.events import Bus, Event
from wasmpuck.plugins import states
from wasmpuck.plugins.breaker import Phase
from wasmpuck.plugins.failure import Fate
from wasmpuck.plugins.guard import Guard, Ledger
from wasmpuck.plugins.health import UNKNOWN, Condition, condition_of
from wasmpuck.plugins.incidents import Incidents
from wasmpuck.plugins.states import State
from wasmpuck.runtime.accounting import Account, RateBucket
from wasmpuck.runtime.capabilities import Context, Events, Namespace, PluginSeries, Tasks, grant
from wasmpuck.runtime.compile import CompiledPlugin
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import call_budget, effective_limits, pool_settings, startup_budget, store_limits
from wasmpuck.runtime.linker import PluginLinker
from wasmpuck.runtime.pool import Pool, Unfinished
from wasmpuck.runtime.values import Case, Err

__all__ = ["Plugin", "PluginData"]

_log = logging.getLogger(__name__)


class PluginData:
    """What belongs to a plugin and not to one generation of it: storage, metrics, costs, share of the processor,
    failures.
    """

    def __init__(self, name: str, namespace: Namespace, processor_percent: int, bus: Bus | None = None) -> None:
        self.name = name
        self.bus = bus or Bus()
        self.namespace = namespace
        self.series = PluginSeries(name)
        self.account = Account(name)
        self.processor = RateBucket(processor_percent / 100, time.monotonic())
        #: Failed calls by reason and by the policy that applied.
        self.failures: Counter[tuple[CallReason, str]] = Counter()
        self.ledger = Ledger(self.account, Incidents(name, time.monotonic), self.failures, self._tell)
        self.generations = 0
        self.swaps: dict[str, int] = {"published": 0, "failed": 0}

    def _tell(self, topic: str, reason: str) -> None:
        self.bus.tell(topic, plugin=self.name, reason=reason)

    def ration(self, processor_percent: int) -> None:
        """Sets the share of the processor, for all generations: the operator may have changed it."""
        if processor_percent / 100 != self.processor.rate:
            self.processor.regulate(processor_percent / 100, time.monotonic())


def _sentences(problems: list[Any]) -> str:
    return "; ".join(f"{problem.path}: {problem.message}" if problem.path else problem.message for problem in problems)


def _failure(value: Case) -> str:
    """WIT `lifecycle.failure` in words."""
    if value.tag == "configuration":
        return "the configuration does not fit: " + _sentences(value.value)
    return str(value.value)


class Plugin:
    """A generation. `prepare` makes it ready beside another, `enter_service` and `retire` are called by the lifecycle.

    Attributes:
        state: the phase that it is in.
        reason: why it failed or is in quarantine; empty otherwise.
        generation: 1 for the plugin's first.
    """

    def __init__(
        self,
        compiled: CompiledPlugin,
        settings: PluginSettings,
        security: PluginSecuritySettings,
        data: PluginData,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        befall: Callable[[Plugin, Fate, str], bool] | None = None,
    ) -> None:
        """`befall` makes what the failure policy demands happen, or says that it does not; why is told in words."""
        self.compiled = compiled
        self.settings = settings
        self.security = security
        self.data = data
        data.ration(security.max_cpu_percent)
        self.artifact = compiled.artifact
        self.name = compiled.artifact.name
        self.version = str(compiled.artifact.version)
        data.generations += 1
        self.generation = data.generations
        self.state = State.LOAD
        self.reason = ""
        self.since = clock()
        self._clock = clock
        self._limits = effective_limits(settings.limits, settings.limits_given, compiled.artifact.manifest.limits)
        self._budget = startup_budget(self._limits)
        self._linker: PluginLinker | None = None
        self._context = Context(
            plugin=self.name,
            version=self.version,
            limits=self._limits,
            settings_json=settings.settings_json,
            exports=frozenset(compiled.worlds),
            namespace=data.namespace,
            series=data.series,
            bus=data.bus,
            run_task=self._run_task,
            run_event=self._run_event,
        )
        self._capabilities = grant(settings.grants, self._context)
        self.pool = Pool(
            self.name,
            self._make_instance,
            compiled.exports,
            pool_settings(self._limits, security.max_memory_mb),
            budget=call_budget(self._limits),
            account=data.account,
            processor=data.processor,
        )
        self._metrics: frozenset[str] = frozenset()
        self._introduced = False
        #: Instances that are being made: the pool does not know them yet.
        self._unborn: set[Instance] = set()
        #: What its `health` said last.
        self.health = UNKNOWN
        self._befall_by = befall
        self.guard = Guard(settings, data.ledger, self._befall, monotonic=monotonic, chance=random.random)
        #: What `describe-scope` said, by interface.
        self.scopes: dict[str, Any] = {}
        self.retired = asyncio.Event()

    @property
    def limits(self) -> PluginLimits:
        """What the generation may use: the operator's limits, lowered to what the manifest asks for."""
        return self._limits

    # --- facts -----------------------------------------------------------------------------------

    @property
    def worlds(self) -> list[str]:
        """Exported interfaces of the contract, by the component's own types."""
        return self.compiled.worlds

    @property
    def fail_closed(self) -> bool:
        """Whether the plugin must be there: its `failure` setting."""
        return self.settings.fail_closed

    def refuses(self, failure: CallFailed) -> bool:
        """Whether a request whose call failed so is refused; else it goes on as if the plugin were not there."""
        return self.guard.refuses(failure.reason)

    def exports(self, interface: str) -> bool:
        """Whether the plugin exports an interface."""
        return interface in self.compiled.worlds

    def __repr__(self) -> str:
        return f"<Plugin {self.name} {self.version} generation {self.generation} {self.state}>"

    def enter(self, state: State) -> None:
        """Goes to the next phase."""
        states.check(self.state, state)
        self.state = state
        self.since = self._clock()
        _log.debug("plugin %s generation %d: %s", self.name, self.generation, state)

    # --- preparation -----------------------------------------------------------------------------

    async def prepare(self) -> None:
        """load → … → start: audit, link, instantiate, check the configuration, initialize, test, start.

        Raises:
            ArtifactRefused: with the reason; the generation is `failed` and everything that it held is given back.
        """
        try:
            self.enter(State.VALIDATE)
            self._audit()
            self.enter(State.DEPENDENCY_RESOLVE)
            self._linker = PluginLinker(self.compiled, self._capabilities)
            self.enter(State.INITIALIZE)
            await self.pool.warm()
            await self._expect("self-test", Refusal.SELF_TEST_FAILED)
            for name in self.compiled.exports:
                interface, _, function = name.partition(".")
                if function == "describe-scope":
                    self.scopes[interface] = await self.pool.call(name, budget=self._budget)
            self.enter(State.START)
            await self._expect("start", Refusal.INITIALIZATION_FAILED)
            self.health = condition_of(await self.pool.call("lifecycle.health", budget=self._budget))
            if self.health.failing:
                raise ArtifactRefused(Refusal.SELF_TEST_FAILED, f"{self.name} {self.version}: {self.health}")
        except BaseException as error:
            failure = self._refusal(error)
            self.reason = failure.message
            self.state = State.FAILED
            self.data.series.withdraw()
            self._give_back()
            if isinstance(error, (WasmpuckError, Exception)):
                raise failure from error
            raise

    def _refusal(self, error: BaseException) -> ArtifactRefused:
        if isinstance(error, ArtifactRefused):
            return error
        if isinstance(error, CallFailed):
            return ArtifactRefused(
                Refusal.INITIALIZATION_FAILED,
                f"{self.name} {self.version} failed before it went into service ({error.reason}): {error.message}",
                hint=error.hint,
            )
        return ArtifactRefused(Refusal.INITIALIZATION_FAILED, f"{self.name} {self.version}: {error!r}")

    def _audit(self) -> None:
        """The import audit: what the component really imports and exports against what the signed manifest says."""
        manifest = self.artifact.manifest
        claimed, real = set(manifest.imports), set(self.compiled.imports)
        if claimed != real:
            raise ArtifactRefused(
                Refusal.IMPORTS_DIFFER,
                f"{self.name}: the manifest asks for [{', '.join(sorted(claimed))}], "
                f"the component imports [{', '.join(sorted(real))}]",
                hint="the publisher has to sign a manifest that lists what the code needs",
            )
        promised = set(manifest.worlds) | {"lifecycle"}
        lacking = sorted(promised - set(self.compiled.worlds))
        if lacking:
            raise ArtifactRefused(
                Refusal.EXPORTS_MISSING,
                f"{self.name} does not export {', '.join(lacking)}, which its manifest promises",
                hint="the publisher has to build and sign it again",
            )

    async def _make_instance(self) -> Instance:
        """A fresh instance, described, checked and initialized."""
        assert self._linker is not None
        exports = self.compiled.exports
        instance = Instance(self.compiled.engine, store_limits(self._limits), len(exports))
        self._unborn.add(instance)
        try:
            await instance.instantiate(
                self._linker.address,
                self.compiled.address,
                self._budget,
                watch_memory=self._limits.instance_mode != "fresh",
            )
            if not self._introduced:
                await self._introduce(instance)
                self._introduced = True
            answer = await instance.call(exports["lifecycle.init"], (self.settings.settings_json,), self._budget)
            if isinstance(answer, Err):
                raise ArtifactRefused(
                    Refusal.INITIALIZATION_FAILED, f"{self.name} {self.version}: {_failure(answer.value)}"
                )
        except ArtifactRefused as refusal:
            instance.close()
            if self.state in (State.RUNNING, State.SHUTDOWN):  # the first instance was fine, a further one is not
                raise CallFailed(
                    CallReason.GUEST_ERROR, f"no further instance can be made: {refusal.message}"
                ) from refusal
            raise
        except BaseException:
            instance.close()
            raise
        finally:
            self._unborn.discard(instance)
        instance.calls = 0
        return instance

    async def _introduce(self, instance: Instance) -> None:
        """`describe` and `validate-config`, once a generation, on its first instance."""
        exports = self.compiled.exports
        info = await instance.call(exports["lifecycle.describe"], (), self._budget)
        if (info.name, info.version) != (self.name, self.version):
            raise ArtifactRefused(
                Refusal.WRONG_NAME,
                f"the component calls itself {info.name} {info.version}, its manifest {self.name} {self.version}",
                hint="the publisher has to build and sign it again",
            )
        self._metrics = frozenset(metric.name for metric in info.metrics)
        wrong = self.data.series.declare(info.metrics)
        if wrong:
            raise ArtifactRefused(Refusal.INITIALIZATION_FAILED, f"{self.name}: {'; '.join(wrong)}")
        problems = await instance.call(
            exports["lifecycle.validate-config"], (self.settings.settings_json,), self._budget
        )
        if problems:
            raise ArtifactRefused(
                Refusal.CONFIGURATION_REJECTED,
                f"{self.name} does not accept its settings: {_sentences(problems)}",
                hint=f"change the settings of {self.name} in the configuration file",
            )

    async def _expect(self, function: str, refusal: Refusal) -> None:
        answer = await self.pool.call(f"lifecycle.{function}", budget=self._budget)
        if isinstance(answer, Err):
            raise ArtifactRefused(refusal, f"{self.name} {self.version}: {function}: {_failure(answer.value)}")

    # --- service ---------------------------------------------------------------------------------

    async def call(self, export: str, *arguments: Any) -> Any:
        """Calls an export (`interface.function`).

        Raises:
            CallFailed: with the reason, already counted and logged; `refuses` says what the request meets. `SUSPENDED`
                when the plugin has failed too often: no guest code ran.
        """
        value = self.begin(export, arguments)
        return await value if type(value) is Unfinished else value

    def begin(self, export: str, arguments: tuple[Any, ...]) -> Any:
        """The same for callers in a hurry: the value, when an instance has it at once, else `Unfinished`, to be awaited
        at once. Errors as in `call`.
        """
        guard = self.guard
        if guard.impeded:
            return Unfinished(guard.attempt(self.pool.call, export, arguments))
        try:
            value = self.pool.begin(export, arguments)
        except CallFailed as failure:
            guard.failed(export, failure)
            raise
        return Unfinished(self._guarded(export, value)) if type(value) is Unfinished else value

    async def _guarded(self, export: str, rest: Unfinished) -> Any:
        try:
            return await rest
        except CallFailed as failure:
            self.guard.failed(export, failure)
            raise

    def disown(self, export: str, problem: str) -> CallFailed:
        """Makes a call that ended well a failed one: what it returned fits its type and makes no sense.

        Returns:
            The failure (`BAD_VALUE`), already counted and logged.
        """
        failure = CallFailed(CallReason.BAD_VALUE, f"{self.name}: {export}: {problem}")
        outcomes = self.data.account.of(export).outcomes
        outcomes[CallReason.OK] -= 1
        outcomes[failure.reason] += 1
        self.guard.failed(export, failure)
        return failure

    def _befall(self, fate: Fate, why: str) -> bool:
        if self._befall_by is not None:
            return self._befall_by(self, fate, why)
        if fate is not Fate.QUARANTINE or self.state is not State.RUNNING:
            return False
        self.quarantine(why)
        return True

    def quarantine(self, why: str) -> None:
        """running → quarantined: no guest code of this generation is begun any more, and its instances are given
        back.
        """
        self.enter(State.QUARANTINED)
        self.reason = why
        self.health = UNKNOWN
        self.guard.confine(why)
        self._rest()
        self.pool.close()
        self.tell("plugin.quarantined", why)

    def tell(self, topic: str, reason: str = "") -> None:
        """Publishes an event about this generation."""
        self.data.bus.tell(topic, plugin=self.name, version=self.version, generation=self.generation, reason=reason)

    def enter_service(self, *, tasks: bool = True) -> None:
        """The generation has been published. `tasks`: whether what it has scheduled runs and events reach it."""
        self.enter(State.RUNNING)
        self.data.series.settle(self._metrics)
        if tasks:
            for each in self._own_work():
                each.arm()
        self.tell("plugin.published")

    def _own_work(self) -> list[Tasks | Events]:
        """What makes the plugin work without being asked."""
        return [each for each in self._capabilities.values() if isinstance(each, (Tasks, Events))]

    def _rest(self) -> None:
        for each in self._own_work():
            each.close()

    async def _run_task(self, name: str) -> None:
        await self._persist("task-handler.run", name, f"task {name}")

    async def _run_event(self, event: Event) -> None:
        await self._persist("event-handler.handle", event, f"event {event.topic}")

    async def _persist(self, export: str, argument: object, what: str) -> None:
        """Calls a handler that nobody waits for. Nothing is lost while the plugin is suspended: this may become the
        call that is tried.
        """
        while True:
            try:
                outcome = await self.call(export, argument)
            except CallFailed as refused:
                if refused.reason is not CallReason.SUSPENDED or self.state is not State.RUNNING:
                    return
            else:
                if outcome.tag == "failed":
                    self.guard.failed(export, CallFailed(CallReason.GUEST_ERROR, f"{what}: {outcome.value}"))
                return
            await asyncio.sleep(self.guard.wait)

    async def examine(self) -> Condition:
        """Asks the running plugin how it is (WIT `lifecycle.health`). That it fails counts as a guest error.

        Returns:
            What it said, also in `health`; `UNKNOWN` when it did not say.
        """
        if self.state is not State.RUNNING or self.guard.phase is not Phase.CLOSED:
            return self.health  # one that is left alone is tried by a real call, not by this one
        self.health, before = UNKNOWN, self.health
        try:
            answer = await self.call("lifecycle.health")
        except CallFailed:
            return self.health
        if self.state is State.RUNNING:
            self.health = condition_of(answer)
            if self.health != before:
                _log.log(
                    logging.INFO if self.health.well else logging.WARNING,
                    "plugin %s is %s",
                    self.name,
                    self.health,
                    extra={"plugin": self.name},
                )
            if self.health.failing:
                self.guard.failed("lifecycle.health", CallFailed(CallReason.GUEST_ERROR, str(self.health)))
        return self.health

    def cut_off(self, why: str, hint: str = "") -> int:
        """Ends the calls that are under way, as `cancelled`, and refuses new ones; how many were ended."""
        self.guard.dismiss()
        ended = self.pool.interrupt(why, hint)
        for instance in self._unborn:
            ended += instance.interrupt(CallFailed(CallReason.CANCELLED, why, hint=hint))
        return ended

    async def retire(self, why: str) -> None:
        """running or quarantined → shutdown → unload. Called when no request can reach the generation any more.

        Args:
            why: WIT `lifecycle.reason`: replaced, disabled or server-stopping.
        """
        callable_still = self.state is not State.QUARANTINED
        self.enter(State.SHUTDOWN)
        self._rest()
        if callable_still:
            try:
                await self.pool.call("lifecycle.shutdown", why, budget=self._budget)
            except CallFailed as failure:
                self.data.ledger.incidents.report("lifecycle.shutdown", failure)
        self.enter(State.UNLOAD)
        self._give_back()
        self.tell("plugin.retired", why)
        self.retired.set()

    def _give_back(self) -> None:
        self._rest()
        self.pool.close()
        if self.pool.empty:
            self._release_code()
        else:
            self.pool.when_empty = self._release_code

    def _release_code(self) -> None:
        # What refers to a generation that has gone refers back to it: until the collector comes by, which may take
        # minutes, each would keep the bytes of its component, 18 MB with a language runtime.
        self.artifact = self.compiled.artifact = replace(self.artifact, component=b"")
        if self._linker is not None:
            self._linker.close()
            self._linker = None
        self.compiled.close()
