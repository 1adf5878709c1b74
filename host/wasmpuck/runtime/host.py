"""Host functions: what a guest calls, wrapped so that nothing but a value or a recorded failure leaves a callback.

Two trampolines serve every host function of the process; wasmtime hands them the number under which a function was
registered. The instance that is running is known because a guest only runs inside `future_poll`, which is not
re-entered.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextvars import ContextVar
from ctypes import c_uint64, c_void_p
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.runtime import capi
from wasmpuck.runtime.accounting import Tally
from wasmpuck.runtime.arena import Arena
from wasmpuck.runtime.handles import Running
from wasmpuck.runtime.handles import running as _running
from wasmpuck.runtime.marshal import Packer, row_unpacker
from wasmpuck.runtime.values import Case, Err, Function, gives_away

if TYPE_CHECKING:
    from wasmpuck.runtime.call import Call

__all__ = ["HostFunction", "PendingHostCall", "calling", "pay", "running"]

#: Fuel charged for a host call, and for each byte that it carries: about what the host's work costs in guest
#: instructions.
CALL_FUEL: Final = 2_000
BYTE_FUEL: Final = 1


#: What became of a host function: its value, or what it raised.
_Outcome = tuple[Any, BaseException | None]

#: The instance whose guest code is on the stack.
running: Final[Running[Call]] = _running
_caller: Final[ContextVar[Call | None]] = ContextVar("caller", default=None)
_functions: dict[int, HostFunction] = {}
_numbers = itertools.count(1)


def calling() -> Call | None:
    """The instance whose guest called the host function that runs now, also one that waits."""
    return running.instance or _caller.get()


def weigh(value: Any) -> int:
    """Bytes of text and binary in a value, with 16 for each element of a list."""
    kind = type(value)
    if kind is str or kind is bytes:
        return len(value)
    if kind is list:
        return 16 * len(value) + sum(map(weigh, value))
    if isinstance(value, tuple):
        return sum(map(weigh, value))
    return 0


class PendingHostCall:
    """A host function that has to wait: its task, where the result belongs, and the timer of its deadline."""

    __slots__ = ("function", "results", "task", "timer")

    def __init__(
        self, function: HostFunction, task: asyncio.Task[_Outcome], results: int, timer: asyncio.TimerHandle
    ) -> None:
        self.function = function
        self.task = task
        self.results = results
        self.timer = timer

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        self.timer.cancel()
        self.task.cancel()


class HostFunction:
    """One function that a guest may import, registered for as long as this object lives.

    Args:
        name: `interface.function`, for messages.
        kind: its component type.
        implementation: called with the unpacked arguments; returns the value, or an awaitable of it when `waits`.
        waits: whether the implementation is a coroutine function; the guest is suspended meanwhile.
        tally: where its calls are counted.

    `takes` says whether the guest may give resources away with a call: the implementation answers for them from its
    first statement on.
    """

    def __init__(
        self,
        arena: Arena,
        name: str,
        kind: Function,
        implementation: Callable[..., Any],
        *,
        waits: bool = False,
        tally: Tally | None = None,
    ) -> None:
        self.name = name
        self.waits = waits
        self.implementation = implementation
        self.takes = any(gives_away(parameter) for _, parameter in kind.parameters)
        self.unpack = row_unpacker([parameter for _, parameter in kind.parameters])
        self.pack = Packer(arena, [kind.result], name, closes=True) if kind.result is not None else None
        self.calls = 0
        self.tally = tally or Tally()
        self.number = next(_numbers)
        _functions[self.number] = self

    def close(self) -> None:
        """Forgets the function. The linker that mentions it must not be used any more."""
        _functions.pop(self.number, None)

    def deliver(self, value: Any, results: int) -> None:
        """Writes a result where the library expects it. The library frees what it reads: so it gets a copy of its own
        making.
        """
        if self.pack is not None:
            capi.val_clone(self.pack((value,)), results)

    def define(self, linker_instance: int, name: str) -> None:
        """Adds the function to an instance of a linker under its WIT name."""
        text = name.encode()
        if self.waits:
            error = capi.add_func_async(linker_instance, text, len(text), _ASYNC, self.number, None)
        else:
            error = capi.add_func(linker_instance, text, len(text), _SYNC, self.number, None)
        if error:
            raise CallFailed(CallReason.HOST_ERROR, f"cannot define {self.name}: {capi.error_text(error)}")


def _charge(instance: Call, function: HostFunction, values: tuple[Any, ...]) -> float:
    """Counts a call and takes its price; when it began."""
    function.calls += 1
    tally = function.tally
    tally.calls += 1
    instance.host_calls += 1
    if instance.host_calls > instance.budget.host_calls:
        raise CallFailed(
            CallReason.FUEL,
            f"more than {instance.budget.host_calls:,} host calls in one call",
            hint="raise limits.hostCalls for this plugin",
        )
    instance.fuel_debt += CALL_FUEL
    if values:
        size = 0
        for value in values:
            size += weigh(value)
        tally.bytes += size
        instance.host_bytes += size
        instance.fuel_debt += BYTE_FUEL * size
    if instance.fuel_debt > _DEBT_LIMIT:
        pay(instance)
    now = perf_counter()
    if now > instance.slice_ends:
        instance.hurry(now)
    return now


#: Results that weigh nothing and tell of no error: need not be charged.
_LIGHT: Final = frozenset({type(None), bool, int, float})


def _charge_result(instance: Call, function: HostFunction, value: Any) -> None:
    size = weigh(value)
    kind = type(value)
    if kind is Err or (kind is Case and value.tag == "failed"):
        function.tally.errors += 1
    function.tally.bytes += size
    instance.host_bytes += size
    instance.fuel_debt += BYTE_FUEL * size


#: Fuel that host calls may cost before it is taken out of the store: two C calls less for most host calls.
_DEBT_LIMIT: Final = 100_000


def pay(instance: Call) -> None:
    """Takes what host calls have cost out of the store's fuel; otherwise that waits until it is worth while.

    Raises:
        CallFailed: there is not enough left.
    """
    left = c_uint64()
    capi.get_fuel(instance.context, left)
    if left.value <= instance.fuel_debt:
        instance.fuel_exhausted = True
        raise CallFailed(
            CallReason.FUEL,
            "the guest used up its fuel in host calls",
            hint="raise limits.fuel for this plugin, or ask its author why the call is expensive",
        )
    capi.set_fuel(instance.context, left.value - instance.fuel_debt)
    instance.fuel_debt = 0


def _on_sync(number: int, context: int, kind: int, arguments: int, count: int, results: int, result_count: int) -> int:
    instance = running.instance
    try:
        function = _functions[number]
        values = function.unpack(arguments)
        if instance is not None:
            began = _charge(instance, function, values)
            if function.takes and instance.handles is not None:
                instance.handles.taken()
        value = function.implementation(*values)
        if function.pack is not None:
            if instance is not None and type(value) not in _LIGHT:
                _charge_result(instance, function, value)
            capi.val_clone(function.pack((value,)), results)
        if instance is not None:
            function.tally.seconds += perf_counter() - began
        return 0
    except BaseException as error:  # nothing may cross the C boundary, SystemExit included
        return _refuse(instance, number, error)


def _on_async(
    number: int,
    context: int,
    kind: int,
    arguments: int,
    count: int,
    results: int,
    result_count: int,
    error_out: int,
    continuation_out: int,
) -> None:
    instance = running.instance
    try:
        function = _functions[number]
        values = function.unpack(arguments)
        if instance is None:
            raise RuntimeError(f"{function.name} was called while nothing was running")
        _charge(instance, function, values)
        task = instance.loop.create_task(_contain(function, instance, values), name=function.name)
        key = next(_numbers)
        timer = instance.loop.call_later(instance.budget.host_deadline, instance.host_call_late)
        instance.pending = PendingHostCall(function, task, results, timer)
        _waiting[key] = instance
        task.add_done_callback(instance.host_call_done)
        _write_continuation(continuation_out, key)
    except BaseException as error:
        c_void_p.from_address(error_out).value = _refuse(instance, number, error)
        _write_continuation(continuation_out, 0)


async def _contain(function: HostFunction, instance: Call, values: tuple[Any, ...]) -> _Outcome:
    """Runs a host function that waits. Its exceptions are values: a task that raises `SystemExit` stops the loop, and
    one that raises `CancelledError` looks as if nobody wanted its result.
    """
    _caller.set(instance)  # the task's own context ends with it
    began = perf_counter()
    try:
        if function.takes and instance.handles is not None:
            instance.handles.taken()
        return await function.implementation(*values), None
    except BaseException as error:
        return None, error
    finally:
        function.tally.seconds += perf_counter() - began


_waiting: dict[int, Call] = {}


def _on_continue(key: int | None) -> bool:
    """Polled until true; then the result has been written."""
    instance = _waiting.get(key or 0)
    if instance is None:
        return True
    pending = instance.pending
    if pending is None or not pending.task.done():
        return False
    try:
        value, problem = pending.task.result()
        if problem is not None:
            instance.fail(problem, pending.function.name)
            return False
        if pending.function.pack is not None:
            _charge_result(instance, pending.function, value)
        pending.function.deliver(value, pending.results)
    except BaseException as error:
        # There is no way to report an error from here: the call is marked as failed and dropped by whoever polls it.
        instance.fail(error, pending.function.name)
        return False
    pending.timer.cancel()
    instance.pending = None
    _waiting.pop(key or 0, None)
    return True


def _on_forget(key: int | None) -> None:
    _waiting.pop(key or 0, None)


def _write_continuation(where: int, key: int) -> None:
    continuation = capi.Continuation.from_address(where)
    continuation.callback = _CONTINUE
    continuation.env = key
    continuation.finalizer = _FORGET


def _refuse(instance: Call | None, number: int, error: BaseException) -> int:
    function = _functions.get(number)
    name = function.name if function is not None else "a host function"
    if function is not None:
        function.tally.errors += 1
    if instance is not None:
        instance.fail(error, name)
    return capi.new_error(f"{name} failed")


# The library keeps these addresses: they must live as long as the process.
_SYNC: Final = capi.SyncCallback(_on_sync)
_ASYNC: Final = capi.AsyncCallback(_on_async)
_CONTINUE: Final = capi.ContinuationCallback(_on_continue)
_FORGET: Final = capi.Finalizer(_on_forget)
