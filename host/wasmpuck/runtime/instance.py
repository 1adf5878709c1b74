"""One store with one instance of a component in it, and its calls as awaitables.

Theory of operation. `begin` makes a call and polls it once. Nearly all end in that poll: they cost no task, no timer
and no trip through the event loop, and `result` is due at once. The others are waited for (`call`) before that. One
call per store at a time.

After any failure the whole store is poisoned ("cannot enter component instance"): `usable` is false, and the instance
is to be closed.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable
from functools import lru_cache
from time import perf_counter
from typing import Any

from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.runtime import capi
from wasmpuck.runtime.call import SLICE_SECONDS, Call
from wasmpuck.runtime.engine import Engine
from wasmpuck.runtime.export import FUNC_SIZE, Export
from wasmpuck.runtime.host import running
from wasmpuck.runtime.limits import CallBudget, StoreLimits
from wasmpuck.runtime.memory import held
from wasmpuck.runtime.traps import failure_of

__all__ = ["Instance"]


@lru_cache(maxsize=64)
def _block(exports: int) -> type[ctypes.Array[ctypes.c_char]]:
    """The type of an instance's own memory for the C API."""
    return ctypes.c_char * (32 + 8 + 16 + 8 + FUNC_SIZE * exports)


class Instance(Call):
    """An instance of a plugin. Calls must not overlap; `close` gives everything back.

    After each call `fuel_used`, `host_calls`, `host_bytes`, `seconds` and `guest_seconds` (waiting left out) describe
    it.
    """

    __slots__ = (
        "_block",
        "_error",
        "_error_at",
        "_functions_at",
        "_instance_at",
        "_resolved",
        "_result_at",
        "_store",
        "calls",
        "limits",
    )

    def __init__(self, engine: Engine, limits: StoreLimits, exports: int) -> None:
        self.limits = limits
        self._store = capi.store_new(engine.address, None, None)
        limits.apply(self._store)
        super().__init__(capi.store_context(self._store), engine.settings.slice_fuel)
        # One block: the result slot, the error pointer, the instance, then the resolved functions.
        self._block = _block(exports)()
        self._result_at = ctypes.addressof(self._block)
        self._error_at = self._result_at + 32
        self._error = ctypes.c_void_p.from_address(self._error_at)
        self._instance_at = self._result_at + 40
        self._functions_at = self._result_at + 64
        self._resolved: set[int] = set()
        self.calls = 0

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
            self.fuel_debt = self.host_calls = self.host_bytes = 0
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
