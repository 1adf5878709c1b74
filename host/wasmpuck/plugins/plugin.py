"""One generation of a plugin: verified code with one configuration, on its way into service, in it and out of it."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from wasmpuck.config import PluginSecuritySettings, PluginSettings
from wasmpuck.errors import ArtifactRefused, CallFailed, CallReason, Refusal
from wasmpuck.plugins import states
from wasmpuck.plugins.breaker import Phase
from wasmpuck.plugins.data import PluginData
from wasmpuck.plugins.dependencies import require
from wasmpuck.plugins.errands import Errands
from wasmpuck.plugins.failure import Fate
from wasmpuck.plugins.guard import Guard
from wasmpuck.plugins.health import UNKNOWN, Condition, condition_of
from wasmpuck.plugins.nursery import Nursery, audit, audit_services, breakdown, failure_in_words
from wasmpuck.plugins.states import State
from wasmpuck.plugins.tap import Tap
from wasmpuck.runtime.capabilities import Context, Facilities
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import call_budget, effective_limits, pool_settings, startup_budget
from wasmpuck.runtime.pool import Pool, Unfinished
from wasmpuck.runtime.scripts import Code, CompiledScript, SharedCode
from wasmpuck.runtime.values import Err
from wasmpuck.trust import Version

__all__ = ["Plugin"]

_log = logging.getLogger(__name__)

_LONGEST_REASON: Final = 1_000
"""Characters of a reason that are kept."""

#: Bytes that a generation may prepare for the next.
_MOST_BEQUEATHED: Final = 1_048_576


class Plugin:
    """A generation. `prepare` makes it ready beside another, `enter_service` and `retire` are called by the lifecycle.

    Attributes:
        state: the phase that it is in.
        reason: why it failed or is in quarantine; empty otherwise.
        generation: 1 for the plugin's first.
        limits: what it may use: the operator's limits, lowered to what the manifest asks for.
        health: what its `health` said last.
        scopes: what `describe-…` said, by interface.
    """

    def __init__(
        self,
        compiled: Code,
        settings: PluginSettings,
        security: PluginSecuritySettings,
        data: PluginData,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        befall: Callable[[Plugin, Fate, str], bool] | None = None,
        facilities: Facilities | None = None,
        tap: Tap | None = None,
        settings_json: str | None = None,
    ) -> None:
        """`befall` makes what the failure policy demands happen, or says that it does not; why is told in words.
        `settings_json` is what the plugin is told of its settings, if that is more than what was configured.
        """
        tap = tap or Tap()
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
        self.limits = effective_limits(settings.limits, settings.limits_given, compiled.artifact.manifest.limits)
        self._budget = startup_budget(self.limits)
        self._settings_json = settings_json
        self._befall_by = befall
        self.guard = Guard(settings, data.ledger, self._befall, monotonic=monotonic, chance=random.random)
        self._errands = Errands(self.call, self.guard, lambda: self.state is State.RUNNING)
        context = Context(
            plugin=self.name,
            version=self.version,
            limits=self.limits,
            settings_json=self.settings_json,
            exports=frozenset(compiled.worlds),
            namespace=data.namespace,
            series=data.series,
            bus=data.bus,
            facilities=facilities or Facilities(),
            peers=frozenset(settings.peers),
            secrets=settings.secrets,
            reveal_secrets=settings.reveal_secrets,
            files=settings.files,
            http_allow=settings.http_allow,
            http_private=settings.http_private,
            http_authorities=settings.http_authorities,
            commons=data.commons,
            shared_scopes=frozenset(settings.shared_scopes),
            key_acts=frozenset(settings.key_admin),
            run_task=self._errands.run_task,
            run_event=self._errands.run_event,
        )
        self._capabilities = tap.grant(settings.grants, context)
        self._errands.arise_from(self._capabilities.values())
        self.nursery = Nursery(compiled, self.limits, data.series, tap, data.account.tally)
        self.pool = Pool(
            self.name,
            self._make_instance,
            compiled.exports,
            pool_settings(self.limits, security.max_memory_mb),
            budget=call_budget(self.limits),
            account=data.account,
            processor=data.processor,
        )
        self.health = UNKNOWN
        self.scopes: dict[str, Any] = {}
        self.retired = asyncio.Event()

    # --- facts -----------------------------------------------------------------------------------

    @property
    def worlds(self) -> list[str]:
        """Exported interfaces of the contract, by the component's own types."""
        return self.compiled.worlds

    @property
    def settings_json(self) -> str:
        """What it is told of its settings: a JSON object."""
        return self.settings.settings_json if self._settings_json is None else self._settings_json

    @property
    def kind(self) -> str:
        """`component` or `script`."""
        return self.artifact.manifest.kind

    @property
    def runtime(self) -> SharedCode | None:
        """The language runtime that a script runs on."""
        return self.compiled.runtime if isinstance(self.compiled, CompiledScript) else None

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

    async def prepare(
        self,
        in_service: Mapping[str, Version] = MappingProxyType({}),
        vet: Callable[[Plugin], None] = lambda plugin: None,
        inherited: str | None = None,
    ) -> None:
        """load → … → start: audit, link, instantiate, check the configuration, initialize, test, start.

        Args:
            in_service: versions of the other plugins that are or will be in service.
            vet: says whether what the plugin wants fits beside them; raises what this does.
            inherited: what the generation before has prepared for this one.

        Raises:
            ArtifactRefused: with the reason; the generation is `failed` and everything that it held is given back.
        """
        try:
            self.enter(State.VALIDATE)
            audit(self.compiled)
            self.enter(State.DEPENDENCY_RESOLVE)
            require(self.artifact.manifest, in_service)
            self.nursery.link(self._capabilities)
            self.enter(State.INITIALIZE)
            self.nursery.inherited = inherited
            await self.pool.warm()
            await self._expect("self-test", Refusal.SELF_TEST_FAILED)
            for name in self.compiled.exports:
                interface, _, function = name.partition(".")
                if function.startswith("describe-") and interface != "lifecycle":
                    self.scopes[interface] = await self.pool.call(name, budget=self._budget)
            audit_services(self.compiled, self.scopes.get("services"))
            vet(self)
            self.enter(State.START)
            await self._expect("start", Refusal.INITIALIZATION_FAILED)
            self.health = condition_of(await self.pool.call("lifecycle.health", budget=self._budget))
            if self.health.failing:
                raise ArtifactRefused(Refusal.SELF_TEST_FAILED, f"{self.name} {self.version}: {self.health}")
        except BaseException as error:
            failure = breakdown(f"{self.name} {self.version}", error)
            self.abandon(failure.message)
            try:
                if failure is error or not isinstance(error, Exception):
                    raise
                raise failure from error
            finally:
                del failure  # it knows this frame: together they would keep whatever the guest gave as its reason

    def abandon(self, why: str) -> None:
        """It does not go into service after all: everything that it held is given back."""
        self.reason = why[:_LONGEST_REASON]  # a guest's reason may be as long as its memory, and the collector late
        self.state = State.FAILED
        self.data.series.withdraw()
        self._give_back()

    async def _make_instance(self) -> Instance:
        try:
            return await self.nursery.make(self.settings_json)
        except ArtifactRefused as refusal:
            if self.state in (State.RUNNING, State.SHUTDOWN):  # the first instance was fine, a further one is not
                raise CallFailed(
                    CallReason.GUEST_ERROR, f"no further instance can be made: {refusal.message}"
                ) from refusal
            raise

    async def _expect(self, function: str, refusal: Refusal) -> None:
        answer = await self.pool.call(f"lifecycle.{function}", budget=self._budget)
        if isinstance(answer, Err):
            raise ArtifactRefused(refusal, f"{self.name} {self.version}: {function}: {failure_in_words(answer.value)}")

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
        self._errands.end()
        self.pool.close()
        self.tell("plugin.quarantined", why)

    def tell(self, topic: str, reason: str = "") -> None:
        """Publishes an event about this generation."""
        self.data.bus.tell(topic, plugin=self.name, version=self.version, generation=self.generation, reason=reason)

    def enter_service(self, *, tasks: bool = True) -> None:
        """The generation has been published. `tasks`: whether what it has scheduled runs and events reach it."""
        self.enter(State.RUNNING)
        self.data.series.settle(self.nursery.metrics)
        if tasks:
            self._errands.begin()
        self.tell("plugin.published")

    async def bequeath(self) -> str | None:
        """What the next generation shall know (WIT `handover.prepare-swap`); `None` for nothing.

        A plugin that cannot say it is replaced all the same: it may be what the next generation mends.
        """
        if self.state is not State.RUNNING or not self.exports("handover"):
            return None
        try:
            told = await self.call("handover.prepare-swap")
        except CallFailed:
            return None
        if told is None:
            return None
        text = str(told)
        if len(text.encode()) > _MOST_BEQUEATHED:
            self.disown("handover.prepare-swap", f"more than {_MOST_BEQUEATHED:,} bytes for the next generation")
            return None
        return text

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
        return ended + self.nursery.interrupt(CallFailed(CallReason.CANCELLED, why, hint=hint))

    async def retire(self, why: str) -> None:
        """running or quarantined → shutdown → unload. Called when no request can reach the generation any more.

        Args:
            why: WIT `lifecycle.reason`: replaced, disabled or server-stopping.
        """
        callable_still = self.state is not State.QUARANTINED
        self.enter(State.SHUTDOWN)
        self._errands.end()
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
        self._errands.end()
        for capability in self._capabilities.values():
            close = getattr(capability, "close", None)
            if close is not None:
                close()
        self.pool.close()
        if self.pool.empty:
            self._release_code()
        else:
            self.pool.when_empty = self._release_code

    def _release_code(self) -> None:
        # What refers to a generation that has gone refers back to it: until the collector comes by, which may take
        # minutes, each would keep the bytes of its component, 18 MB with a language runtime.
        self.compiled.forget_component()
        self.artifact = self.compiled.artifact
        self.nursery.close()
        self.compiled.close()
