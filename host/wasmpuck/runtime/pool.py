"""Instances of one plugin: made when needed, bounded, replaced after any failure.

An instance serves one call at a time, so the number of instances is the plugin's concurrency. A call takes an idle
instance, or makes one while fewer than the limit exist, or waits its turn; when too many wait, it is refused at once
as overloaded. An instance that failed in any way, has served its number of calls or has nearly filled its memory is
closed. Modes: `warm` keeps instances, `fresh` makes one for each call, `pinned` keeps exactly one and never retires
it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from wasmpuck.errors import CallFailed, CallReason, WasmpuckError
from wasmpuck.runtime.accounting import Account, CallStatistics, RateBucket
from wasmpuck.runtime.instance import Export, Instance
from wasmpuck.runtime.limits import CallBudget, PoolSettings
from wasmpuck.runtime.marshal import BadValue
from wasmpuck.runtime.memory import linear_memories

__all__ = ["Pool"]

_log = logging.getLogger(__name__)

#: Calls of an instance between looks at its memory.
_MEMORY_CHECK: Final = 512


class Pool:
    """The instances of one generation of a plugin.

    Args:
        make: makes an instance that is ready to serve.
        exports: the component's functions.
        budget: of each call.
        account: where costs are written.
        processor: seconds of guest time a second that the plugin may use, shared with its other generations.
    """

    def __init__(
        self,
        plugin: str,
        make: Callable[[], Awaitable[Instance]],
        exports: Mapping[str, Export],
        settings: PoolSettings,
        *,
        budget: CallBudget,
        account: Account,
        processor: RateBucket,
    ) -> None:
        self.plugin = plugin
        self.settings = settings
        self.budget = budget
        self._make = make
        self._exports = {name: (export, account.of(name)) for name, export in exports.items()}
        self._size = 1 if settings.mode == "pinned" else settings.size
        self._keep = settings.mode != "fresh"
        self._retire_after = settings.retire_after if settings.mode == "warm" else 1 << 62
        self._account = account
        self._processor = processor
        self._idle: list[Instance] = []
        self._waiting: deque[asyncio.Future[Instance | None]] = deque()
        self._instances: set[Instance] = set()
        self._making = 0
        self._closed = False
        self._refill: asyncio.Task[None] | None = None
        #: Called once, when the pool is closed and its last instance has gone, one that was being made included.
        self.when_empty: Callable[[], None] | None = None

    # --- calls -----------------------------------------------------------------------------------

    async def call(self, name: str, *arguments: Any, budget: CallBudget | None = None) -> Any:
        """Calls an export on some instance.

        A call with a budget of its own belongs to the plugin's life cycle and is not refused for want of processor
        time: a plugin that has used its share can still be replaced and shut down.

        Raises:
            CallFailed: with the reason; `OVERLOADED` if no instance came free, `BAD_VALUE` if an argument does not fit.
        """
        export, statistics = self._exports[name]
        if self._idle and not self._processor.empty:
            instance = self._idle.pop()
        else:
            instance = await self._acquire(name, statistics, rationed=budget is None)
        account = self._account
        outcome = CallReason.CANCELLED
        try:
            value = await instance.call(export, arguments, budget or self.budget)
            outcome = CallReason.OK
            return value
        except CallFailed as failure:
            outcome = failure.reason
            raise
        except BadValue as error:
            outcome = CallReason.BAD_VALUE
            raise CallFailed(CallReason.BAD_VALUE, str(error)) from error
        finally:
            account.record(
                statistics,
                outcome,
                instance.fuel_used,
                instance.seconds,
                instance.guest_seconds,
                instance.host_calls,
                instance.host_bytes,
            )
            self._processor.spend(instance.guest_seconds, time.monotonic())
            calls = instance.calls
            if (
                instance.usable
                and self._keep
                and not self._waiting
                and calls % _MEMORY_CHECK
                and calls < self._retire_after
            ):
                self._idle.append(instance)  # what `_release` comes to nearly always
            else:
                self._release(instance)

    async def _acquire(self, name: str, statistics: CallStatistics, *, rationed: bool) -> Instance:
        """An instance for a call that found none, or whose plugin may be out of processor time."""
        try:
            if self._closed:
                raise CallFailed(CallReason.OVERLOADED, f"{self.plugin} is out of service")
            if rationed and self._processor.in_debt(time.monotonic()):
                raise CallFailed(
                    CallReason.OVERLOADED,
                    f"{self.plugin} has used its share of processor time",
                    hint="raise plugins.security.maxCPUPercent, or look for what makes it expensive",
                )
            if self._idle:
                return self._idle.pop()
            started = time.perf_counter()
            try:
                return await self._wait_for_instance(name)
            finally:
                statistics.queue_seconds += time.perf_counter() - started
        except CallFailed as failure:
            statistics.outcomes[failure.reason] += 1
            raise

    async def _wait_for_instance(self, name: str) -> Instance:
        while True:
            if len(self._instances) + self._making < self._size:
                return await self._grow()
            if len(self._waiting) >= self.settings.queue:
                raise CallFailed(
                    CallReason.OVERLOADED,
                    f"{len(self._waiting)} calls of {name} already wait for {self.plugin}",
                    hint="raise limits.instances or limits.queue for this plugin",
                )
            instance = await self._take_turn()
            if instance is not None:
                return instance
            if self._closed:
                raise CallFailed(CallReason.OVERLOADED, f"{self.plugin} is out of service")

    async def _take_turn(self) -> Instance | None:
        """Waits in the queue: an instance, or `None` when there is room to make one."""
        turn: asyncio.Future[Instance | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self.settings.queue_wait):
                return await turn
        except BaseException as error:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on(turn.result())  # it came, but the caller had gone
            if isinstance(error, TimeoutError):
                raise CallFailed(
                    CallReason.OVERLOADED,
                    f"no instance of {self.plugin} came free within {self.settings.queue_wait:g} s",
                    hint="raise limits.instances for this plugin",
                ) from None
            raise

    async def _grow(self) -> Instance:
        self._making += 1
        try:
            instance = await self._make()
        except BaseException:
            self._making -= 1
            self._wake(None)
            self._tell_if_empty()
            raise
        self._making -= 1
        self._instances.add(instance)
        self._account.instances_made += 1
        if self._closed:
            self._release(instance)
            raise CallFailed(CallReason.OVERLOADED, f"{self.plugin} is out of service")
        return instance

    def _release(self, instance: Instance) -> None:
        if instance.usable and self._keep and not self._closed and not self._worn_out(instance):
            self._pass_on(instance)
            return
        if not instance.usable:
            self._account.instances_discarded += 1
        self._instances.discard(instance)
        instance.close()
        self._wake(None)
        if self._closed:
            self._tell_if_empty()
        elif self._keep and len(self._instances) + self._making < self.settings.floor and self._refill is None:
            self._refill = asyncio.create_task(self._fill(), name=f"instances of {self.plugin}")

    def _tell_if_empty(self) -> None:
        if self._closed and self.empty and self.when_empty is not None:
            done, self.when_empty = self.when_empty, None
            done()

    def _worn_out(self, instance: Instance) -> bool:
        if instance.calls >= self._retire_after:
            return True
        if instance.calls % _MEMORY_CHECK or not instance.memories or self.settings.mode == "pinned":
            return False
        memory = instance.memory
        self._account.most_memory = max(self._account.most_memory, memory)
        return memory * 4 >= self.settings.memory * 3

    async def _fill(self) -> None:
        """Makes instances until the floor is reached. A failure is left to the next call, which reports it."""
        try:
            while not self._closed and len(self._instances) + self._making < min(self.settings.floor, self._size):
                self._pass_on(await self._grow())
        except WasmpuckError as error:
            _log.warning("no further instance of %s could be made: %s", self.plugin, error.message)
        finally:
            self._refill = None

    def _pass_on(self, instance: Instance | None) -> None:
        if instance is not None and self._closed:
            self._release(instance)
        elif not self._wake(instance) and instance is not None:
            self._idle.append(instance)

    def _wake(self, instance: Instance | None) -> bool:
        """Gives the longest waiting call an instance, or the room to make one."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(instance)
                return True
        return False

    # --- life ------------------------------------------------------------------------------------

    async def warm(self) -> None:
        """Makes the first instances; raises what making them raises."""
        for _ in range(min(self.settings.floor, self._size) if self.settings.mode == "warm" else 1):
            self._idle.append(await self._grow())

    @property
    def instances(self) -> int:
        """Instances that exist now."""
        return len(self._instances)

    @property
    def empty(self) -> bool:
        """Whether no instance exists or is being made."""
        return not self._instances and not self._making

    @property
    def busy(self) -> int:
        """Instances that serve a call now."""
        return len(self._instances) - len(self._idle)

    @property
    def waiting(self) -> int:
        """Calls that wait for an instance."""
        return len(self._waiting)

    def memory(self) -> int:
        """Bytes of linear memory that all instances hold now."""
        watched = [address for instance in self._instances for address in instance.memories]
        if not watched:
            return 0
        memories = linear_memories()
        return sum(memories.get(address, 0) for address in watched)

    def interrupt(self, why: str, hint: str = "") -> int:
        """Ends the calls that are under way or wait, as `cancelled` because of `why`; how many those were."""
        ended = 0
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(CallFailed(CallReason.CANCELLED, why, hint=hint))
                ended += 1
        for instance in self._instances:
            ended += instance.interrupt(CallFailed(CallReason.CANCELLED, why, hint=hint))
        return ended

    def close(self) -> None:
        """Closes idle instances at once, busy ones when their call ends. Calls that wait are refused."""
        self._closed = True
        self._keep = False
        if self._refill is not None:
            self._refill.cancel()
        for instance in self._idle:
            self._instances.discard(instance)
            instance.close()
        self._idle.clear()
        while self._wake(None):
            pass
