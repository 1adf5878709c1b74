"""Recording: a tap between a plugin and its host that writes a transcript (`kit.transcript`).

Theory of operation. What an instance did before decides what it does next, so the recording belongs to instances, each
from its birth. An instance serves one call at a time; the host function that runs knows which instance called it.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from typing import Any, Final, TextIO

from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.kit.exports import export_type
from wasmpuck.kit.transcript import INSTANTIATE, LOAD, Head
from wasmpuck.kit.transcript import Call as Entry
from wasmpuck.kit.values import to_json
from wasmpuck.plugins.tap import Tap
from wasmpuck.runtime.export import Export
from wasmpuck.runtime.host import calling
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import CallBudget, StoreLimits
from wasmpuck.runtime.scripts import Code
from wasmpuck.runtime.values import Function, Resource

__all__ = ["Recorder"]

_MOST_BYTES: Final = 64 << 20


class Recorder(Tap):
    """Records the first generation of one plugin that it meets.

    Args:
        file: where the lines go.
        plugin: its name; empty for whichever comes first.
        most: bytes after which nothing more is written.

    Attributes:
        calls: lines written, the first not counted.
        full: whether `most` was reached.
        on: whether calls are written. What an instance did unrecorded cannot be replayed, so turn it off for good.
    """

    def __init__(self, file: TextIO, *, plugin: str = "", most: int = _MOST_BYTES) -> None:
        self._file = file
        self._plugin = plugin
        self._left = most
        self._digest = ""
        self._numbers = itertools.count(1)
        self.calls = 0
        self.full = False
        self.on = True

    def instance(self, compiled: Code, limits: StoreLimits) -> Instance:
        artifact = compiled.artifact
        if self.on and not self._digest and self._plugin in ("", artifact.name):
            self._digest = artifact.digest
            self._put(Head(artifact.name, str(artifact.version), artifact.digest, limits.memory >> 20).line())
        if not self.on or artifact.digest != self._digest:
            return super().instance(compiled, limits)
        return _RecordedInstance(self, next(self._numbers), compiled, limits)

    def wrap(self, name: str, kind: Function, implementation: Callable[..., Any]) -> Callable[..., Any]:
        types = [parameter for _, parameter in kind.parameters]

        def begin(values: tuple[Any, ...]) -> tuple[_RecordedInstance | None, dict[str, Any]]:
            instance = calling()
            if not isinstance(instance, _RecordedInstance) or instance.entry is None:
                return None, {}
            shown = [to_json(one, value, instance.number_of) for one, value in zip(types, values, strict=True)]
            entry: dict[str, Any] = {"call": name, "arguments": shown}
            instance.entry.host.append(entry)
            return instance, entry

        def end(instance: _RecordedInstance | None, entry: dict[str, Any], value: Any) -> Any:
            if instance is not None:
                entry["result"] = to_json(kind.result, value, instance.number_of)
            return value

        def fail(entry: dict[str, Any], error: BaseException) -> None:
            reason = error.reason if isinstance(error, CallFailed) else CallReason.HOST_ERROR
            entry["failure"] = {"reason": str(reason), "message": str(error)}

        if inspect.iscoroutinefunction(implementation):

            async def wait(*values: Any) -> Any:
                instance, entry = begin(values)
                try:
                    return end(instance, entry, await implementation(*values))
                except BaseException as error:
                    fail(entry, error)
                    raise

            return wait

        def now(*values: Any) -> Any:
            instance, entry = begin(values)
            try:
                return end(instance, entry, implementation(*values))
            except BaseException as error:
                fail(entry, error)
                raise

        return now

    def write(self, entry: Entry) -> None:
        """A call has ended."""
        if self.on:
            self._put(entry.line())
            self.calls += not self.full

    def _put(self, line: str) -> None:
        size = len(line.encode())
        if size > self._left:
            self.full = True
            self.on = False
            return
        self._left -= size
        self._file.write(line)


class _RecordedInstance(Instance):
    """An instance whose calls are written down. `entry` is the call under way."""

    __slots__ = ("_nature", "_recorder", "_resources", "entry")

    def __init__(self, recorder: Recorder, nature: int, compiled: Code, limits: StoreLimits) -> None:
        super().__init__(compiled.engine, limits, compiled.slots)
        self._recorder = recorder
        self._nature = nature
        self._resources: dict[int, tuple[int, Any]] = {}
        self.entry: Entry | None = None

    def number_of(self, resource: Resource, thing: Any) -> int:
        """The number of a resource that this instance has got or given. None is forgotten, so none is mixed up."""
        return self._resources.setdefault(id(thing), (len(self._resources) + 1, thing))[0]

    def _open(self, name: str, arguments: list[Any], budget: CallBudget) -> None:
        limits = {"fuel": budget.fuel, "host-calls": budget.host_calls}
        self.entry = Entry(self._nature, name, arguments, limits)

    def _finish(self, failure: BaseException | None) -> None:
        entry, self.entry = self.entry, None
        if entry is None:
            return
        entry.fuel = self.fuel_used
        if failure is not None:
            reason = str(failure.reason) if isinstance(failure, CallFailed) else "cancelled"
            entry.failure = {"reason": reason, "message": str(failure)}
        self._recorder.write(entry)

    async def instantiate(self, linker: int, component: int, budget: CallBudget, *, watch_memory: bool = False) -> None:
        self._open(INSTANTIATE, [], budget)
        try:
            await super().instantiate(linker, component, budget, watch_memory=watch_memory)
        except BaseException as error:
            self._finish(error)
            raise
        self._finish(None)

    def begin(self, export: Export, arguments: tuple[Any, ...], budget: CallBudget) -> bool:
        kinds = export_type(export.name).parameters if export.name != LOAD else ()
        try:
            shown = [
                to_json(kind, value, self.number_of) for (_, kind), value in zip(kinds, arguments, strict=bool(kinds))
            ]
        except (AttributeError, LookupError, TypeError, ValueError):
            shown = []  # it does not fit: `begin` refuses it in the server's words
        self._open(export.name, shown, budget)
        try:
            return super().begin(export, arguments, budget)
        except BaseException:
            self.entry = None  # the guest was not entered
            raise

    async def wait(self) -> None:
        try:
            await super().wait()
        except BaseException as error:
            self._finish(error)
            raise

    def result(self, export: Export) -> Any:
        try:
            value = super().result(export)
        except BaseException as error:
            self._finish(error)
            raise
        if self.entry is not None:
            self.entry.result = to_json(export_type(export.name).result, value, self.number_of)
        self._finish(None)
        return value
