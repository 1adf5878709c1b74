"""One store with one instance of a component in it, and its calls as awaitables.

Theory of operation. `func_call_async` makes a future on the C side; polling it runs guest code on a fiber until it
returns, traps, waits in a host function, or has used up its slice of fuel. A call that ends in the first poll costs
no task, no timer and no trip through the event loop. Otherwise a waiter is
left on the loop: a finished host function or the next turn of the loop polls again, the deadline or a cancellation
drops the future. One future per store at a time.

After any failure the whole store is poisoned ("cannot enter component instance"): `usable` is false, and the instance
is to be closed.
"""

from __future__ import annotations

import asyncio
import ctypes
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from time import perf_counter
from typing import Any, Final

from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.runtime import capi
from wasmpuck.runtime.engine import Engine
from wasmpuck.runtime.handles import Handles
from wasmpuck.runtime.host import PendingHostCall, running
from wasmpuck.runtime.limits import CallBudget, StoreLimits
from wasmpuck.runtime.marshal import BadValue, Packer, Unpacker
from wasmpuck.runtime.memory import held, linear_memories
from wasmpuck.runtime.traps import failure_of

__all__ = ["Export", "Instance"]


@lru_cache(maxsize=64)
def _block(exports: int) -> type[ctypes.Array[ctypes.c_char]]:
    """The type of an instance's own memory for the C API."""
    return ctypes.c_char * (32 + 8 + 16 + 8 + _FUNC_SIZE * exports)


_FUNC_SIZE: Final = 32
#: How long a guest that calls the host again and again may keep the event loop.
SLICE_SECONDS: Final = 0.002


class Export:
    """An exported function, prepared at load: where it is in the component, how its values cross.

    Args:
        name: `interface.function`, for messages and metrics.
        position: its place in an instance's table of resolved functions.
        index: the C API's export index.
        handles: whether the result mentions resources; whether the parameters do is known from `pack`.
    """

    __slots__ = ("handles", "index", "name", "offset", "pack", "result_count", "unpack")

    def __init__(
        self,
        name: str,
        position: int,
        index: int,
        pack: Packer,
        unpack: Unpacker,
        *,
        returns: bool,
        handles: bool = False,
    ) -> None:
        self.handles = handles or pack.handles
        self.name = name
        self.offset = position * _FUNC_SIZE
        self.index = index
        self.pack = pack
        self.unpack = unpack
        self.result_count = 1 if returns else 0


class Instance:
    """An instance of a plugin. Calls must not overlap; `close` gives everything back.

    After each call `fuel_used`, `host_calls`, `host_bytes`, `seconds` and `guest_seconds` (waiting left out) describe
    it.
    """

    __slots__ = (
        "_block",
        "_error",
        "_error_at",
        "_fuel_left_ref",
        "_functions_at",
        "_future",
        "_instance_at",
        "_resolved",
        "_result_at",
        "_store",
        "_waiter",
        "_watching",
        "budget",
        "calls",
        "context",
        "engine",
        "failure",
        "fuel_debt",
        "fuel_exhausted",
        "fuel_left",
        "fuel_paid",
        "fuel_used",
        "guest_seconds",
        "handles",
        "host_bytes",
        "host_calls",
        "hurried",
        "limits",
        "loop",
        "memories",
        "pending",
        "seconds",
        "slice_ends",
        "started",
        "usable",
    )

    def __init__(self, engine: Engine, limits: StoreLimits, exports: int) -> None:
        self.engine = engine
        self.limits = limits
        self._store = capi.store_new(engine.address, None, None)
        limits.apply(self._store)
        self.context = capi.store_context(self._store)
        capi.fuel_yield_interval(self.context, engine.settings.slice_fuel)
        self.hurried = False
        self.slice_ends = self.started = 0.0
        # One block: the result slot, the error pointer, the instance, then the resolved functions.
        self._block = _block(exports)()
        self._result_at = ctypes.addressof(self._block)
        self._error_at = self._result_at + 32
        self._error = ctypes.c_void_p.from_address(self._error_at)
        self._instance_at = self._result_at + 40
        self._functions_at = self._result_at + 64
        self._resolved: set[int] = set()
        self._future = 0
        self._watching = False
        self._waiter: asyncio.Future[None] | None = None
        self.loop = asyncio.get_running_loop()
        self.pending: PendingHostCall | None = None
        self.failure: CallFailed | None = None
        self.budget = CallBudget()
        self.usable = False
        #: Resources of the host that the guest holds; made with the first.
        self.handles: Handles | None = None
        #: Addresses of its linear memories, if they were looked for.
        self.memories: tuple[int, ...] = ()
        self.calls = 0
        self.fuel_left = ctypes.c_uint64()
        self._fuel_left_ref = ctypes.byref(self.fuel_left)
        self._reset(self.budget)

    def _reset(self, budget: CallBudget) -> None:
        self.budget = budget
        self.failure = None
        self.fuel_debt = 0
        self.fuel_paid = 0
        self.fuel_exhausted = False
        self.host_calls = 0
        self.host_bytes = 0
        self.fuel_used = 0
        self.seconds = 0.0
        self.guest_seconds = 0.0

    # --- life ------------------------------------------------------------------------------------

    async def instantiate(self, linker: int, component: int, budget: CallBudget, *, watch_memory: bool = False) -> None:
        """Runs the component's start functions. Addresses come from `linker` and `compile`.

        With `watch_memory` the instance knows its linear memories afterwards, for about a millisecond more.

        Raises:
            CallFailed: as for `call`.
        """
        self._reset(budget)
        capi.set_fuel(self.context, budget.fuel)
        self._watching = watch_memory
        future = capi.instantiate_async(linker, self.context, component, self._instance_at, self._error_at)
        started = self._begin_slice()
        self.started = started
        try:
            await self._run(future, budget.deadline)
        finally:
            self._watching = False
            self._settle(started)
        self._raise_if_failed()
        self.usable = True

    @property
    def memory(self) -> int:
        """Bytes of linear memory that the instance holds; 0 if it was not told to watch."""
        return held(self.memories)

    def close(self) -> None:
        """Drops the store with everything in it. Idempotent.

        Raises:
            RuntimeError: a call is under way; cancel it first.
        """
        if self._future:
            raise RuntimeError("an instance cannot be closed during a call")
        self.usable = False
        self.context = 0
        self.memories = ()
        store, self._store = self._store, 0
        if store:
            capi.store_delete(store)
        handles, self.handles = self.handles, None
        if handles is not None:
            handles.close()

    def __del__(self) -> None:
        if getattr(self, "_store", 0):
            warnings.warn(f"{self!r} was not closed", ResourceWarning, stacklevel=2)
            capi.store_delete(self._store)

    # --- calls -----------------------------------------------------------------------------------

    async def call(self, export: Export, arguments: tuple[Any, ...], budget: CallBudget) -> Any:
        """Calls an exported function.

        Returns:
            The unpacked result, `None` when the function has none.

        Raises:
            BadValue: an argument does not fit; the guest was not entered and the instance stays usable.
            CallFailed: the call did not end well; the instance is not usable any more.
            asyncio.CancelledError: the caller went away; the instance is not usable any more.
        """
        if not self.begin(export, arguments, budget):
            await self.wait()
        return self.result(export)

    def begin(self, export: Export, arguments: tuple[Any, ...], budget: CallBudget) -> bool:
        """The part of a call up to its first pause: most calls have none. Errors as in `call`.

        Returns:
            Whether the guest has ended. Then `result` is due, else `wait` before it, with nothing awaited in between.
        """
        if not self.usable or self._future:
            raise CallFailed(CallReason.HOST_ERROR, f"{export.name} was called on an instance that {self._state()}")
        self.budget = budget
        if self.host_calls:
            self.fuel_debt = self.fuel_paid = self.host_calls = self.host_bytes = 0
        self.fuel_used = 0
        self.seconds = self.guest_seconds = 0.0
        where = self._inside(export.pack, arguments) if export.handles else export.pack(arguments)
        self.calls += 1
        if self.hurried:
            self._relax()
        context = self.context
        capi.set_fuel(context, budget.fuel)
        if export.offset not in self._resolved:
            self._resolve(export)
        running.instance = self
        started = self.started = perf_counter()
        self.slice_ends = started + SLICE_SECONDS
        try:
            future = capi.func_call_async(
                self._functions_at + export.offset,
                context,
                where,
                export.pack.count,
                self._result_at,
                export.result_count,
                self._error_at,
            )
            ended = capi.future_poll(future)
        finally:
            running.instance = None
        if ended:
            capi.future_delete(future)
            self._settle(started)
            self.guest_seconds = self.seconds
            return True
        self.guest_seconds = perf_counter() - started
        self._future = future
        return False

    async def wait(self) -> None:
        """The rest of a call that `begin` did not end."""
        try:
            await self._wait(self._future, self.budget.deadline)
        finally:
            self._settle(self.started)

    def result(self, export: Export) -> Any:
        """What the call that has ended returned, or its failure. Call it once."""
        if self.failure is not None or self._error.value:
            self._raise_if_failed()
        if export.handles and self.handles is not None:
            self.handles.take_back()
        if export.result_count:
            result_at = self._result_at
            value = (self._inside(export.unpack, result_at) if export.handles else export.unpack(result_at))[0]
            # The next call's result is assigned over this one, which frees it: it must not look like a value any more.
            capi.val_delete(result_at)
            self._block[0] = b"\0"
            return value
        return None

    def _inside(self, convert: Callable[[Any], Any], values: Any) -> Any:
        """Packs or unpacks values with resources, which are this instance's."""
        running.instance = self
        try:
            value = convert(values)
        finally:
            running.instance = None
        if self.handles is not None:
            self.handles.taken()
        return value

    def _state(self) -> str:
        return "is not usable" if not self.usable else "serves another call"

    def _resolve(self, export: Export) -> None:
        if not capi.instance_get_func(
            self._instance_at, self.context, export.index, self._functions_at + export.offset
        ):
            raise CallFailed(CallReason.HOST_ERROR, f"the instance has no function {export.name}")
        self._resolved.add(export.offset)

    def _settle(self, started: float) -> None:
        self.seconds = perf_counter() - started
        capi.get_fuel(self.context, self._fuel_left_ref)
        # What was paid out of the store is already missing from it; only the open debt is added.
        used = self.budget.fuel - self.fuel_left.value + self.fuel_debt
        self.fuel_used = self.budget.fuel if self.fuel_exhausted else used

    async def _run(self, future: int, deadline: float) -> None:
        if self._poll_future(future):
            capi.future_delete(future)
        else:
            await self._wait(future, deadline)

    def _poll_future(self, future: int) -> bool:
        # Other instances come and go between polls, not during one: what is new after it is this one's.
        before = linear_memories() if self._watching else {}
        running.instance = self
        try:
            return bool(capi.future_poll(future))
        finally:
            running.instance = None
            if self._watching:
                self.memories += tuple(set(linear_memories()) - set(before))

    async def _wait(self, future: int, deadline: float) -> None:
        """Until the future is ready. Whatever ends the wait, the future is deleted here."""
        waiter = self._waiter = self.loop.create_future()
        self._future = future
        timer = self.loop.call_later(deadline, self._expire)
        if self.failure is not None:
            waiter.set_result(None)
        elif self.pending is None:
            self.loop.call_soon(self._poll)
        try:
            await waiter
        except BaseException:
            self.usable = False
            raise
        finally:
            timer.cancel()
            self._waiter = None
            self._future = 0
            pending, self.pending = self.pending, None
            running.instance = self  # dropping an unfinished future unwinds the guest's fiber
            try:
                capi.future_delete(future)
            finally:
                running.instance = None
            if pending is not None:
                pending.abandon()

    def _poll(self) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        started = self._begin_slice()
        try:
            ready = self._poll_future(self._future)
        finally:
            self.guest_seconds += perf_counter() - started
        if ready or self.failure is not None:
            waiter.set_result(None)
        elif self.pending is None:
            self.loop.call_soon(self._poll)

    def _begin_slice(self) -> float:
        """Before guest code runs: its time starts, which is returned."""
        if self.hurried:
            self._relax()
        now = perf_counter()
        self.slice_ends = now + SLICE_SECONDS
        return now

    def _relax(self) -> None:
        """Slices are measured in fuel again."""
        self.hurried = False
        capi.fuel_yield_interval(self.context, self.engine.settings.slice_fuel)

    def hurry(self, now: float) -> None:
        """Called from a host function when the slice's time is over: the guest hands the loop back at its next loop or
        function.

        Fuel alone does not see to that, because the guest's fuel stands still while the host works for it.

        Raises:
            CallFailed: the guest has neither loops nor functions, and its deadline has passed.
        """
        if now - self.started > self.budget.deadline:
            raise CallFailed(
                CallReason.DEADLINE,
                f"the call took longer than {self.budget.deadline:g} s",
                hint="raise limits.deadline for this plugin",
            )
        if not self.hurried:
            self.hurried = True
            capi.fuel_yield_interval(self.context, 1)

    def _expire(self) -> None:
        where = f" in {self.pending.function.name}" if self.pending is not None else ""
        self._end_late(f"the call took longer than {self.budget.deadline:g} s{where}", "limits.deadline")

    def host_call_late(self) -> None:
        """A host function that the guest waits for has taken too long."""
        name = self.pending.function.name if self.pending is not None else "a host call"
        self._end_late(f"{name} took longer than {self.budget.host_deadline:g} s", "limits.hostDeadline")

    def _end_late(self, message: str, limit: str) -> None:
        self.interrupt(CallFailed(CallReason.DEADLINE, message, hint=f"raise {limit} for this plugin"))

    def interrupt(self, failure: CallFailed) -> bool:
        """Ends what is under way: the future is dropped in the loop's next turn and `failure` raised there.

        Returns:
            Whether something was under way that had not ended anyway.
        """
        waiter = self._waiter
        if waiter is None or waiter.done():
            return False
        self.failure = failure
        waiter.set_result(None)
        return True

    def host_call_done(self, task: asyncio.Future[Any]) -> None:
        """A host function that the guest waits for has ended: go on with the guest."""
        if self.pending is None or self.pending.task is not task:
            return
        self._poll()

    def fail(self, error: BaseException, function: str) -> None:
        """Records why the running call cannot go on; the first reason counts."""
        if self.failure is None:
            if isinstance(error, CallFailed):
                self.failure = error
            else:
                reason = CallReason.BAD_VALUE if isinstance(error, BadValue) else CallReason.HOST_ERROR
                self.failure = CallFailed(reason, f"{function} failed: {type(error).__name__}: {error}")
                self.failure.__cause__ = error

    def _raise_if_failed(self) -> None:
        error, self._error.value = self._error.value, None
        text = capi.error_text(error) if error else ""
        failure = self.failure
        if failure is None and not error:
            return
        self.usable = False
        if failure is None:
            used = self.memory if self.memories and "unreachable" in text else None
            failure = failure_of(
                text, fuel_left=self.fuel_left.value, memory_used=used, memory_limit=self.limits.memory
            )
        elif not failure.backtrace and text:
            failure.backtrace = failure_of(text, fuel_left=1).backtrace
        raise failure


Exports = Mapping[str, Export]
