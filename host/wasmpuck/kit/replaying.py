"""Replaying: the calls of a transcript on fresh instances, host calls answered from it, everything compared."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Self

from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.kit.exports import export_type
from wasmpuck.kit.transcript import INSTANTIATE, LOAD, Call, Transcript
from wasmpuck.kit.values import from_json, to_json
from wasmpuck.runtime.compile import Import
from wasmpuck.runtime.host import calling, pay
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import CallBudget, StoreLimits
from wasmpuck.runtime.linker import PluginLinker
from wasmpuck.runtime.scripts import Code, CompiledScript
from wasmpuck.runtime.values import Function, Resource

__all__ = ["Difference", "Replay", "ReplayInstance", "compare"]

_PATIENCE: Final = 600.0
"""Seconds that a call may take: a transcript fixes fuel, not time."""

_BY_THE_CLOCK: Final = frozenset({CallReason.DEADLINE, CallReason.CANCELLED, CallReason.HOST_ERROR})
"""Ways in which a recorded call may have ended that no replay can repeat."""

_STOPPED: Final = "stopped: the call went another way than the recorded one"


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that was not as recorded: which call (from 1), what about it, and a unified diff."""

    number: int
    call: Call
    what: str
    diff: str

    def __str__(self) -> str:
        where = f"call {self.number}, {self.call.name} on instance {self.call.instance}: {self.what}"
        return f"{where}\n{self.diff}" if self.diff else where


class _Thing:
    """Stands for a resource of the recording."""

    def __init__(self, number: int) -> None:
        self.number = number


class ReplayInstance(Instance):
    """An instance whose host calls are answered from a recorded call. `strayed` says how it went another way."""

    __slots__ = ("_answered", "_expected", "_things", "done", "prompt", "strayed")

    def __init__(self, compiled: Code, limits: StoreLimits) -> None:
        super().__init__(compiled.engine, limits, compiled.slots)
        self._things: dict[int, _Thing] = {}
        self._expected: list[dict[str, Any]] = []
        self._answered = 0
        self.done: list[dict[str, Any]] = []
        self.strayed = ""
        #: Whether host calls are paid at once, so that fuel ends where it was spent.
        self.prompt = False

    def expect(self, call: Call) -> None:
        """The host calls that come next."""
        self._expected = call.host
        self._answered = 0
        self.done = []
        self.strayed = ""

    def thing(self, resource: Resource, number: int) -> _Thing:
        """The resource with a number."""
        return self._things.setdefault(number, _Thing(number))

    def number_of(self, resource: Resource, thing: _Thing) -> int:
        """Its number."""
        return thing.number

    def answer(self, name: str, kind: Function, values: tuple[Any, ...]) -> Any:
        """What the host answered to this call when it was recorded."""
        types = [parameter for _, parameter in kind.parameters]
        shown = [to_json(one, value, self.number_of) for one, value in zip(types, values, strict=True)]
        self.done.append({"call": name, "arguments": shown})
        expected = self._expected[self._answered] if self._answered < len(self._expected) else None
        if expected is None or expected["call"] != name or expected["arguments"] != shown:
            self.strayed = f"host call {self._answered + 1} differs"
            raise CallFailed(CallReason.HOST_ERROR, _STOPPED)
        self._answered += 1
        if self.prompt:
            pay(self)
        if "result" not in expected:
            raise CallFailed(CallReason(expected["failure"]["reason"]), expected["failure"]["message"])
        return from_json(kind.result, expected["result"], name, self.thing)

    def missing(self) -> bool:
        """Whether the recorded call made further host calls."""
        return self._answered < len(self._expected)


class _Present:
    """Stands for an imported interface and its resources: every function is there, and replaced when it is linked."""

    def __init__(self, wanted: Import) -> None:
        self.functions = frozenset(wanted.functions)
        self.resources = dict.fromkeys(wanted.resources, self)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


def _answering(name: str, kind: Function, _: object) -> Callable[..., Any]:
    """What a guest reaches instead of a host function."""

    def answer(*values: Any) -> Any:
        instance = calling()
        assert isinstance(instance, ReplayInstance)
        return instance.answer(name, kind, values)

    return answer


class Replay:
    """A plugin linked with a transcript in place of a host. A context manager.

    Args:
        compiled: the plugin, the recorded one or another.
        memory_mb: limit of an instance.
    """

    def __init__(self, compiled: Code, memory_mb: int) -> None:
        self._compiled = compiled
        self._limits = StoreLimits(memory=memory_mb << 20)
        present = {interface: _Present(wanted) for interface, wanted in compiled.imports.items()}
        self._linker = PluginLinker(compiled, present, _answering)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._linker.close()

    def instance(self) -> ReplayInstance:
        """An instance that has done nothing yet; close it."""
        return ReplayInstance(self._compiled, self._limits)

    async def run(self, instance: ReplayInstance, call: Call, *, fuel: int | None = None) -> tuple[Call, str]:
        """Makes a recorded call again, with its budget or with `fuel`.

        Returns:
            The call as it went this time, and the guest's frames if it failed.
        """
        instance.expect(call)
        budget = CallBudget(
            fuel=call.budget["fuel"] if fuel is None else fuel,
            deadline=_PATIENCE,
            host_calls=call.budget["host-calls"],
            host_deadline=_PATIENCE,
        )
        again = replace(call, host=instance.done, result=None, failure=None)
        frames = ""
        try:
            if call.name == INSTANTIATE:
                await instance.instantiate(self._linker.address, self._compiled.address, budget)
            else:
                again.result = await self._call(instance, call, budget)
        except CallFailed as failure:
            again.failure = {"reason": str(failure.reason), "message": failure.message}
            frames = failure.backtrace
        again.fuel = instance.fuel_used
        return again, frames

    async def _call(self, instance: ReplayInstance, call: Call, budget: CallBudget) -> Any:
        compiled, kind = self._compiled, export_type(call.name)
        if isinstance(compiled, CompiledScript) and call.name in compiled.runtime.code.exports:
            export = compiled.runtime.code.exports[call.name]
        elif call.name in compiled.exports:
            export = compiled.exports[call.name]
        else:
            raise CallFailed(CallReason.HOST_ERROR, f"the plugin does not export {call.name}")
        if call.name == LOAD and isinstance(compiled, CompiledScript):
            loaded = await instance.call(export, (compiled.program,), budget)
            return to_json(kind.result, loaded, instance.number_of)
        values = tuple(
            from_json(one, given, name, instance.thing)
            for (name, one), given in zip(kind.parameters, call.arguments, strict=True)
        )
        return to_json(kind.result, await instance.call(export, values, budget), instance.number_of)


async def compare(compiled: Code, transcript: Transcript, *, ignore_fuel: bool = False) -> list[Difference]:
    """Runs a whole transcript on a plugin; an instance that went another way is not called any further."""
    instances: dict[int, ReplayInstance | None] = {}
    differences: list[Difference] = []
    with Replay(compiled, transcript.head.memory_mb) as replay:
        try:
            for number, call in enumerate(transcript.calls, 1):
                if call.name == INSTANTIATE:
                    instances[call.instance] = replay.instance()
                instance = instances.get(call.instance)
                if instance is None:
                    continue
                if call.failure is not None and call.failure.get("reason") in _BY_THE_CLOCK:
                    _end(instances, call.instance)
                    continue
                again, _ = await replay.run(instance, call)
                found = list(_differences(number, call, again, instance, ignore_fuel=ignore_fuel))
                differences += found
                if not instance.usable or any(one.what != "fuel" for one in found):
                    _end(instances, call.instance)
        finally:
            for one in list(instances):
                _end(instances, one)
    return differences


def _end(instances: dict[int, ReplayInstance | None], number: int) -> None:
    instance, instances[number] = instances[number], None
    if instance is not None:
        instance.close()


def _differences(
    number: int, call: Call, again: Call, instance: ReplayInstance, *, ignore_fuel: bool
) -> Iterator[Difference]:
    recorded = [{"call": one["call"], "arguments": one["arguments"]} for one in call.host]
    if instance.strayed or (instance.missing() and again.failure == call.failure):
        made = len(again.host)
        what = instance.strayed or f"{len(recorded) - made} of {len(recorded)} host calls were not made"
        shown = made if instance.strayed else made + 1
        yield Difference(number, call, what, _diff(recorded[:shown], again.host))
        return
    if again.failure != call.failure or again.result != call.result:
        yield Difference(number, call, "it ended otherwise", _diff(_ending(call), _ending(again)))
    elif again.fuel != call.fuel and not ignore_fuel:
        change = again.fuel - call.fuel
        percent = f" ({100 * change / call.fuel:+.1f} %)" if call.fuel else ""
        yield Difference(number, call, f"fuel {call.fuel:,} → {again.fuel:,}{percent}", "")


def _ending(call: Call) -> dict[str, Any]:
    return {"result": call.result} if call.failure is None else {"failure": call.failure}


def _diff(recorded: Any, now: Any) -> str:
    """A unified diff of two JSON values, written over several lines."""
    old, new = (json.dumps(one, indent=2, ensure_ascii=False).splitlines() for one in (recorded, now))
    return "\n".join(difflib.unified_diff(old, new, "recorded", "now", lineterm=""))
