"""Instances of one plugin: made when needed, bounded, replaced after any failure.

An instance serves one call at a time, so the number of instances is the plugin's concurrency. A call takes an idle
instance, or makes one while fewer than the limit exist, or waits its turn (`turns`); when too many wait, it is refused
at once as overloaded. Whatever comes free, an instance or the room for one, goes to the call that waits longest. Most
calls find an idle instance and end in their first poll: `begin` answers those without a coroutine, the others with
what is left of them to await. An instance that failed in any way, has served its number of calls or has nearly filled
its memory is closed. Modes: `warm` keeps instances, `fresh` makes one for each call, `pinned` keeps exactly one and
never retires it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from typing import Any, Final

from wasmpuck.errors import CallFailed, CallReason, WasmpuckError
from wasmpuck.runtime.accounting import Account, CallStatistics, RateBucket
from wasmpuck.runtime.export import Export
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import CallBudget, PoolSettings
from wasmpuck.runtime.marshal import BadValue
from wasmpuck.runtime.memory import linear_memories
from wasmpuck.runtime.turns import Found, Room, Turns

__all__ = ["Pool", "Unfinished"]

_log = logging.getLogger(__name__)

#: Calls of an instance between looks at its memory.
_MEMORY_CHECK: Final = 512
#: Seconds of guest time that are collected before they are taken out of the plugin's share of the processor.
_SMALLEST_PAYMENT: Final = 0.0005


class Unfinished:
    """A call that has to wait. Awaiting it gives the value or raises the failure."""

    __slots__ = ("_rest",)

    def __init__(self, rest: Coroutine[Any, Any, Any]) -> None:
        self._rest = rest

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._rest.__await__()


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
        self._unpaid = 0.0
        self._idle: list[Instance] = []
        self._waiting = Turns(self._pass_on)
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
        if budget is None:
            value = self.begin(name, arguments)
            return await value if type(value) is Unfinished else value
        return await self._when_free(name, arguments, budget, rationed=False)

    def begin(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """The same for callers in a hurry: the value, when an idle instance has it at once, else `Unfinished`, to be
        awaited at once. Errors as in `call`.
        """
        if not self._idle or self._processor.empty:
            return Unfinished(self._when_free(name, arguments, self.budget, rationed=True))
        export, statistics = self._exports[name]
        return self._start(self._idle.pop(), export, statistics, arguments, self.budget)

    def _start(
        self,
        instance: Instance,
        export: Export,
        statistics: CallStatistics,
        arguments: tuple[Any, ...],
        budget: CallBudget,
    ) -> Any:
        try:
            if not instance.begin(export, arguments, budget):
                return Unfinished(self._finish(instance, export, statistics))
            value = instance.result(export)
        except BaseException as error:
            raise self._failed(instance, statistics, error) from error.__cause__
        self._end(instance, statistics, CallReason.OK)
        return value

    async def _finish(self, instance: Instance, export: Export, statistics: CallStatistics) -> Any:
        try:
            await instance.wait()
            value = instance.result(export)
        except BaseException as error:
            raise self._failed(instance, statistics, error) from error.__cause__
        self._end(instance, statistics, CallReason.OK)
        return value

    async def _when_free(self, name: str, arguments: tuple[Any, ...], budget: CallBudget, *, rationed: bool) -> Any:
        export, statistics = self._exports[name]
        instance = await self._acquire(name, statistics, rationed=rationed)
        value = self._start(instance, export, statistics, arguments, budget)
        return await value if type(value) is Unfinished else value

    def _failed(self, instance: Instance, statistics: CallStatistics, error: BaseException) -> BaseException:
        """Ends a call that failed; returns what its caller gets."""
        if isinstance(error, BadValue):
            failure = CallFailed(CallReason.BAD_VALUE, str(error))
            failure.__cause__ = error
            error = failure
        self._end(instance, statistics, error.reason if isinstance(error, CallFailed) else CallReason.CANCELLED)
        return error

    def _end(self, instance: Instance, statistics: CallStatistics, outcome: CallReason) -> None:
        statistics.add(outcome, instance)
        self._unpaid += instance.guest_seconds
        if self._unpaid > _SMALLEST_PAYMENT:
            self._pay()
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

    def _pay(self) -> None:
        """Takes the guest time of the last calls out of the plugin's share of the processor."""
        unpaid, self._unpaid = self._unpaid, 0.0
        self._processor.spend(unpaid, time.monotonic())

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
        if len(self._instances) + self._making < self._size:
            return await self._grow()
        if len(self._waiting) >= self.settings.queue:
            raise CallFailed(
                CallReason.OVERLOADED,
                f"{len(self._waiting)} calls of {name} already wait for {self.plugin}",
                hint="raise limits.instances or limits.queue for this plugin",
            )
        try:
            found = await self._waiting.take(self.settings.queue_wait)
        except TimeoutError:
            raise CallFailed(
                CallReason.OVERLOADED,
                f"no instance of {self.plugin} came free within {self.settings.queue_wait:g} s",
                hint="raise limits.instances for this plugin",
            ) from None
        if isinstance(found, Instance):
            return found
        if found is Room.CLOSED:
            raise CallFailed(CallReason.OVERLOADED, f"{self.plugin} is out of service")
        return await self._make_one()

    async def _grow(self) -> Instance:
        self._making += 1
        return await self._make_one()

    async def _make_one(self) -> Instance:
        """Makes an instance that is counted as being made."""
        try:
            instance = await self._make()
        except BaseException:
            self._give_room_back()
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
        self._offer_room()
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

    def _pass_on(self, found: Found) -> None:
        if found is Room.KEPT:
            self._give_room_back()
        elif isinstance(found, Instance):
            if self._closed:
                self._release(found)
            elif not self._waiting.give(found):
                self._idle.append(found)

    def _offer_room(self) -> None:
        """There is room for an instance: it is kept for the longest waiting call, so that no newcomer takes it."""
        if self._waiting.give(Room.KEPT):
            self._making += 1

    def _give_room_back(self) -> None:
        self._making -= 1
        self._offer_room()
        self._tell_if_empty()

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
        ended = self._waiting.cancel(lambda: CallFailed(CallReason.CANCELLED, why, hint=hint))
        for instance in self._instances:
            ended += instance.interrupt(CallFailed(CallReason.CANCELLED, why, hint=hint))
        return ended

    def close(self) -> None:
        """Closes idle instances at once, busy ones when their call ends. Calls that wait are refused."""
        self._closed = True
        self._keep = False
        self._pay()
        if self._refill is not None:
            self._refill.cancel()
        for instance in self._idle:
            self._instances.discard(instance)
            instance.close()
        self._idle.clear()
        self._waiting.close()
