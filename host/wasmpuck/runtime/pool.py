"""Warm instances of one plugin: made when needed, bounded, replaced after any failure.

An instance serves one call at a time, so the number of instances is the plugin's concurrency. A call takes an idle
instance, or makes one while fewer than the limit exist, or waits its turn; when too many wait, it is refused at once
as overloaded. An instance that failed in any way, or has served its number of calls, is closed.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.runtime.accounting import Account, RateBucket
from wasmpuck.runtime.instance import Export, Instance
from wasmpuck.runtime.limits import CallBudget
from wasmpuck.runtime.marshal import BadValue

__all__ = ["Pool"]

#: Guests may leak inside their memory (a Python guest leaks each `list<u8>` that it returns): instances do not live
#: for ever.
RETIRE_AFTER: Final = 10_000


class Pool:
    """The instances of one generation of a plugin.

    Args:
        make: makes an instance that is ready to serve.
        exports: the component's functions.
        size: instances at the same time.
        queue: calls that may wait.
        budget: of each call.
        account: where costs are written.
        processor: seconds of guest time a second that the plugin may use, shared with its other generations.
    """

    def __init__(
        self,
        plugin: str,
        make: Callable[[], Awaitable[Instance]],
        exports: Mapping[str, Export],
        *,
        size: int,
        queue: int,
        budget: CallBudget,
        account: Account,
        processor: RateBucket,
    ) -> None:
        self.plugin = plugin
        self._make = make
        self._exports = {name: (export, account.of(name)) for name, export in exports.items()}
        self._size = size
        self._queue = queue
        self.budget = budget
        self._account = account
        self._processor = processor
        self._idle: list[Instance] = []
        self._waiting: deque[asyncio.Future[Instance | None]] = deque()
        self._instances: set[Instance] = set()
        self._making = 0
        self._closed = False
        #: Called once, when the pool is closed and its last busy instance has gone.
        self.when_empty: Callable[[], None] | None = None

    # --- calls -----------------------------------------------------------------------------------

    async def call(self, name: str, *arguments: Any, budget: CallBudget | None = None) -> Any:
        """Calls an export on some instance.

        Raises:
            CallFailed: with the reason; `OVERLOADED` if no instance came free, `BAD_VALUE` if an argument does not fit.
        """
        export, statistics = self._exports[name]
        if self._processor.empty and self._processor.in_debt(time.monotonic()):
            statistics.outcomes[CallReason.OVERLOADED] += 1
            raise CallFailed(
                CallReason.OVERLOADED,
                f"{self.plugin} has used its share of processor time",
                hint="raise plugins.security.maxCPUPercent, or look for what makes it expensive",
            )
        instance = self._idle.pop() if self._idle else await self._acquire(name)
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
            self._release(instance)

    async def _acquire(self, name: str) -> Instance:
        if self._closed:
            raise CallFailed(CallReason.OVERLOADED, f"{self.plugin} is out of service")
        while True:
            if len(self._instances) + self._making < self._size:
                return await self._grow()
            if len(self._waiting) >= self._queue:
                raise CallFailed(
                    CallReason.OVERLOADED,
                    f"{len(self._waiting)} calls of {name} already wait for {self.plugin}",
                    hint="raise limits.instances or limits.queue for this plugin",
                )
            turn: asyncio.Future[Instance | None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                async with asyncio.timeout(self.budget.deadline):
                    instance = await turn
            except BaseException as error:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                elif turn.done() and not turn.cancelled():
                    self._pass_on(turn.result())  # it came, but the caller had gone
                if isinstance(error, TimeoutError):
                    raise CallFailed(
                        CallReason.OVERLOADED,
                        f"no instance of {self.plugin} came free within {self.budget.deadline:g} s",
                        hint="raise limits.instances for this plugin",
                    ) from None
                raise
            if instance is not None:
                return instance
            if self._closed:
                raise CallFailed(CallReason.OVERLOADED, f"{self.plugin} is out of service")

    async def _grow(self) -> Instance:
        self._making += 1
        try:
            instance = await self._make()
        except BaseException:
            self._wake(None)
            raise
        finally:
            self._making -= 1
        self._instances.add(instance)
        self._account.instances_made += 1
        return instance

    def _release(self, instance: Instance) -> None:
        if not instance.usable or instance.calls >= RETIRE_AFTER or self._closed:
            if not instance.usable:
                self._account.instances_discarded += 1
            self._instances.discard(instance)
            instance.close()
            self._wake(None)
            if self._closed and not self._instances and self.when_empty is not None:
                done, self.when_empty = self.when_empty, None
                done()
        elif not self._wake(instance):
            self._idle.append(instance)

    def _pass_on(self, instance: Instance | None) -> None:
        if not self._wake(instance) and instance is not None:
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

    async def warm(self) -> Instance:
        """Makes the first instance; raises what making it raises."""
        instance = await self._grow()
        self._idle.append(instance)
        return instance

    @property
    def instances(self) -> int:
        """Instances that exist now."""
        return len(self._instances)

    @property
    def busy(self) -> int:
        """Instances that serve a call now."""
        return len(self._instances) - len(self._idle)

    @property
    def waiting(self) -> int:
        """Calls that wait for an instance."""
        return len(self._waiting)

    def close(self) -> None:
        """Closes idle instances at once, busy ones when their call ends. Calls that wait are refused."""
        self._closed = True
        for instance in self._idle:
            self._instances.discard(instance)
            instance.close()
        self._idle.clear()
        while self._wake(None):
            pass
