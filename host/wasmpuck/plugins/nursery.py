"""How the instances of a generation come into being, and what is looked at before the first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wasmpuck.config import PluginLimits
from wasmpuck.errors import ArtifactRefused, CallFailed, Refusal
from wasmpuck.plugins.tap import Tap
from wasmpuck.runtime.accounting import Tally
from wasmpuck.runtime.capabilities import PluginSeries
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import startup_budget, store_limits
from wasmpuck.runtime.linker import PluginLinker
from wasmpuck.runtime.scripts import Code, CompiledScript, listed
from wasmpuck.runtime.values import Case, Err

__all__ = ["Nursery", "audit", "audit_services", "breakdown", "failure_in_words"]


def audit(compiled: Code) -> None:
    """The import audit: what the component, or the script's runtime, really imports and exports against what the signed
    manifest says.

    Raises:
        ArtifactRefused: `IMPORTS_DIFFER` or `EXPORTS_MISSING`.
    """
    if isinstance(compiled, CompiledScript):
        compiled.audit()
        return
    name, manifest = compiled.artifact.name, compiled.artifact.manifest
    claimed, real = set(manifest.imports), set(compiled.imports)
    if claimed != real:
        raise ArtifactRefused(
            Refusal.IMPORTS_DIFFER,
            f"{name}: the manifest asks for {listed(claimed)}, the component imports {listed(real)}",
            hint="the publisher has to sign a manifest that lists what the code needs",
        )
    promised = set(manifest.worlds) | {"lifecycle"}
    real = set(compiled.worlds)
    if promised != real:
        lacking, more = sorted(promised - real), sorted(real - promised)
        what = f"does not export {', '.join(lacking)}, which" if lacking else f"exports {', '.join(more)}, which"
        says = "its manifest promises" if lacking else "its manifest does not name"
        raise ArtifactRefused(
            Refusal.EXPORTS_MISSING,
            f"{name} {what} {says}: the manifest promises {listed(promised)}, the component exports {listed(real)}",
            hint="the publisher has to sign a manifest that lists what the plugin is",
        )


def audit_services(compiled: Code, described: Any) -> None:
    """The kinds of service that a plugin describes (`describe-services`; nothing, if it has none) against what the
    signed manifest says.

    Raises:
        ArtifactRefused: `EXPORTS_MISSING`.
    """
    claimed, real = set(compiled.artifact.manifest.services), {service.kind for service in described or ()}
    if claimed != real:
        raise ArtifactRefused(
            Refusal.EXPORTS_MISSING,
            f"{compiled.name}: the manifest offers the services {listed(claimed)}, the plugin describes {listed(real)}",
            hint="the publisher has to sign a manifest that lists what the plugin offers",
        )


def breakdown(who: str, error: BaseException) -> ArtifactRefused:
    """Why a generation does not go into service. `who` is its name and version."""
    if isinstance(error, ArtifactRefused):
        return error
    if isinstance(error, CallFailed):
        return ArtifactRefused(
            Refusal.INITIALIZATION_FAILED,
            f"{who} failed before it went into service ({error.reason}): {error.message}",
            hint=error.hint,
        )
    return ArtifactRefused(Refusal.INITIALIZATION_FAILED, f"{who}: {error!r}")


def failure_in_words(value: Case) -> str:
    """WIT `lifecycle.failure` in words."""
    if value.tag == "configuration":
        return "the configuration does not fit: " + _sentences(value.value)
    return str(value.value)


def _sentences(problems: Iterable[Any]) -> str:
    return "; ".join(f"{problem.path}: {problem.message}" if problem.path else problem.message for problem in problems)


class Nursery:
    """Makes the instances of one generation.

    Args:
        compiled: its code.
        limits: what an instance may use.
        series: where the metrics that the plugin describes are declared.
        tap: makes the instances, and may stand between them and what they import.
        tally: gives the place where calls of an imported interface are counted.

    Attributes:
        linker: what the component is linked with, from `link` to `close`.
        metrics: names of the metrics that the plugin described.
        inherited: what the generation before prepared for this one, given to every instance; `None` for nothing.
        unborn: instances that are being made: the pool does not know them yet.
    """

    def __init__(
        self, compiled: Code, limits: PluginLimits, series: PluginSeries, tap: Tap, tally: Callable[[str], Tally]
    ) -> None:
        self.linker: PluginLinker | None = None
        self.metrics: frozenset[str] = frozenset()
        self.inherited: str | None = None
        self.unborn: set[Instance] = set()
        self._compiled = compiled
        self._limits = limits
        self._budget = startup_budget(limits)
        self._series = series
        self._tap = tap
        self._tally = tally
        self._introduced = False

    def link(self, capabilities: Mapping[str, Any]) -> None:
        """Links the component with what it was granted.

        Raises:
            ArtifactRefused: it imports more.
        """
        self.linker = PluginLinker(self._compiled, capabilities, self._tap.wrap, self._tally)

    async def make(self, settings_json: str) -> Instance:
        """A fresh instance, described, checked and initialized with the operator's settings.

        Raises:
            ArtifactRefused: the plugin says no to its settings, or is not what its manifest says.
            CallFailed: it broke down.
        """
        assert self.linker is not None
        instance = self._tap.instance(self._compiled, store_limits(self._limits))
        self.unborn.add(instance)
        try:
            await instance.instantiate(
                self.linker.address,
                self._compiled.address,
                self._budget,
                watch_memory=self._limits.instance_mode != "fresh",
            )
            if isinstance(self._compiled, CompiledScript):
                await self._load(instance, self._compiled)
            if not self._introduced:
                await self._introduce(instance, settings_json)
                self._introduced = True
            self._accept(await self._ask(instance, "init", settings_json))
            if self.inherited is not None and "handover.restore" in self._compiled.exports:
                self._accept(await self._ask(instance, "handover.restore", self.inherited))
        except BaseException:
            instance.close()
            raise
        finally:
            self.unborn.discard(instance)
        instance.calls = 0
        return instance

    def _accept(self, answer: Any) -> None:
        if isinstance(answer, Err):
            raise ArtifactRefused(
                Refusal.INITIALIZATION_FAILED,
                f"{self._compiled.artifact.name} {self._compiled.artifact.version}: {failure_in_words(answer.value)}",
            )

    async def _ask(self, instance: Instance, function: str, *arguments: str) -> Any:
        label = function if "." in function else f"lifecycle.{function}"
        return await instance.call(self._compiled.exports[label], arguments, self._budget)

    async def _load(self, instance: Instance, script: CompiledScript) -> None:
        """Has the script executed, before anything else of it is called."""
        runtime = script.runtime
        if not runtime.language:
            runtime.language = await instance.call(script.ask_language, (), self._budget)
        script.confirm(await instance.call(script.load, (script.program,), self._budget))

    async def _introduce(self, instance: Instance, settings_json: str) -> None:
        """`describe` and `validate-config`, once a generation, on its first instance."""
        name, version = self._compiled.artifact.name, str(self._compiled.artifact.version)
        info = await self._ask(instance, "describe")
        if (info.name, info.version) != (name, version):
            raise ArtifactRefused(
                Refusal.WRONG_NAME,
                f"the component calls itself {info.name} {info.version}, its manifest {name} {version}",
                hint="the publisher has to build and sign it again",
            )
        self.metrics = frozenset(metric.name for metric in info.metrics)
        wrong = self._series.declare(info.metrics)
        if wrong:
            raise ArtifactRefused(Refusal.INITIALIZATION_FAILED, f"{name}: {'; '.join(wrong)}")
        problems = await self._ask(instance, "validate-config", settings_json)
        if problems:
            raise ArtifactRefused(
                Refusal.CONFIGURATION_REJECTED,
                f"{name} does not accept its settings: {_sentences(problems)}",
                hint=f"change the settings of {name} in the configuration file",
            )

    def interrupt(self, failure: CallFailed) -> int:
        """Ends what the instances that are being made are at; how many those were."""
        return sum(instance.interrupt(failure) for instance in self.unborn)

    def close(self) -> None:
        """Lets go of the linker: no instance is made any more, and none is left. Idempotent."""
        linker, self.linker = self.linker, None
        if linker is not None:
            linker.close()
