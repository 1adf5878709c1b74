"""The call that an instance serves: what it may use and has used, and how it is waited for.

Theory of operation. A future on the C side stands for the call; polling it runs guest code on a fiber until it
returns, traps, waits in a host function, or has used up its slice of fuel. When the first poll does not end the call, a
waiter is left on the loop: a finished host function or the next turn of the loop polls again, the deadline or a
cancellation drops the future.
"""

from __future__ import annotations

import asyncio
import ctypes
from time import perf_counter
from typing import Any, Final

from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.runtime import capi
from wasmpuck.runtime.handles import Handles
from wasmpuck.runtime.host import PendingHostCall, running
from wasmpuck.runtime.limits import CallBudget
from wasmpuck.runtime.marshal import BadValue
from wasmpuck.runtime.memory import linear_memories

__all__ = ["SLICE_SECONDS", "Call"]

#: How long a guest that calls the host again and again may keep the event loop.
SLICE_SECONDS: Final = 0.002


class Call:
    """The call under way, as host functions and timers see it, or what the last one cost.

    An instance serves one call at a time and thousands in its life. So it is its own call (`instance.Instance`), rather
    than making an object for each and reaching through it on every host call.

    Args:
        context: of the store that it runs in.
        slice_fuel: fuel after which the guest hands back the event loop.

    Attributes:
        failure: why it cannot go on; the first reason counts.
        pending: the host function that the guest waits for.
        handles: resources of the host that the guest holds; made with the first.
        memories: addresses of the instance's linear memories, if they were looked for.
        usable: whether another call may follow.
        fuel_debt: fuel that host calls have cost and that is still in the store.
    """

    __slots__ = (
        "_fuel_left_ref",
        "_future",
        "_slice_fuel",
        "_waiter",
        "_watching",
        "budget",
        "context",
        "failure",
        "fuel_debt",
        "fuel_exhausted",
        "fuel_left",
        "fuel_used",
        "guest_seconds",
        "handles",
        "host_bytes",
        "host_calls",
        "hurried",
        "loop",
        "memories",
        "pending",
        "seconds",
        "slice_ends",
        "started",
        "usable",
    )

    def __init__(self, context: int, slice_fuel: int) -> None:
        self.context = context
        self._slice_fuel = slice_fuel
        capi.fuel_yield_interval(context, slice_fuel)
        self.hurried = False
        self.slice_ends = self.started = 0.0
        self._future = 0
        self._watching = False
        self._waiter: asyncio.Future[None] | None = None
        self.loop = asyncio.get_running_loop()
        self.pending: PendingHostCall | None = None
        self.failure: CallFailed | None = None
        self.usable = False
        self.handles: Handles | None = None
        self.memories: tuple[int, ...] = ()
        self.fuel_left = ctypes.c_uint64()
        self._fuel_left_ref = ctypes.byref(self.fuel_left)
        self._reset(CallBudget())

    def _reset(self, budget: CallBudget) -> None:
        self.budget = budget
        self.failure = None
        self.fuel_debt = 0
        self.fuel_exhausted = False
        self.host_calls = 0
        self.host_bytes = 0
        self.fuel_used = 0
        self.seconds = 0.0
        self.guest_seconds = 0.0

    def _settle(self, started: float) -> None:
        self.seconds = perf_counter() - started
        capi.get_fuel(self.context, self._fuel_left_ref)
        # What was paid out of the store is already missing from it; only the open debt is added.
        used = self.budget.fuel - self.fuel_left.value + self.fuel_debt
        self.fuel_used = self.budget.fuel if self.fuel_exhausted else used

    # --- waiting ---------------------------------------------------------------------------------

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

    # --- for host functions ----------------------------------------------------------------------

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
        capi.fuel_yield_interval(self.context, self._slice_fuel)

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

    def fail(self, error: BaseException, function: str) -> None:
        """Records why the running call cannot go on; the first reason counts."""
        if self.failure is None:
            if isinstance(error, CallFailed):
                self.failure = error
            else:
                reason = CallReason.BAD_VALUE if isinstance(error, BadValue) else CallReason.HOST_ERROR
                self.failure = CallFailed(reason, f"{function} failed: {type(error).__name__}: {error}")
                self.failure.__cause__ = error
