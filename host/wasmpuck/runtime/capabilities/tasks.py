"""`wasmpuck:plugin/tasks`: work at a later time, bounded in number and frequency."""

from __future__ import annotations

import asyncio
import random
from typing import ClassVar, Final

from wasmpuck.runtime.capabilities.context import Context
from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["Tasks"]

_NAME_BYTES: Final = 64
_SPREAD: Final = 0.1


class Tasks:
    """A plugin's schedule. Nothing runs before `arm`: a generation that never goes into service does no work."""

    #: WIT function names.
    functions: ClassVar = frozenset({"schedule", "cancel"})

    def __init__(self, context: Context) -> None:
        self._limit = context.limits.tasks_limit
        self._least = context.limits.least_task_interval
        self._wall = context.wall
        self._run = context.run_task
        self._scheduled: dict[str, Case] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._armed = False

    @property
    def names(self) -> list[str]:
        """What is scheduled."""
        return sorted(self._scheduled)

    def schedule(self, name: str, when: Case) -> Ok | Err:
        """WIT `tasks.schedule`."""
        if not name or len(name.encode()) > _NAME_BYTES:
            return Err(Case("bad-name"))
        if name not in self._scheduled and len(self._scheduled) >= self._limit:
            return Err(Case("too-many"))
        if when.tag == "every" and when.value / 1000 < self._least:
            return Err(Case("too-often"))
        self.cancel(name)
        self._scheduled[name] = when
        if self._armed:
            self._launch(name)
        return Ok()

    def cancel(self, name: str) -> bool:
        """WIT `tasks.cancel`."""
        known = self._scheduled.pop(name, None) is not None
        running = self._running.pop(name, None)
        if running is not None and running is not asyncio.current_task():
            running.cancel()
        return known

    def arm(self) -> None:
        """The generation is in service: begin."""
        self._armed = True
        for name in self._scheduled:
            self._launch(name)

    def _launch(self, name: str) -> None:
        self._running[name] = asyncio.create_task(self._keep(name, self._scheduled[name]), name=f"plugin task {name}")

    async def _keep(self, name: str, when: Case) -> None:
        if when.tag == "every":
            interval = when.value / 1000
            while True:
                # Spread, so that plugins and nodes that start together do not work together for ever.
                await asyncio.sleep(interval * (1 + random.uniform(-_SPREAD, _SPREAD) / 2))
                await self._run(name)
        delay = when.value / 1000 if when.tag == "after" else when.value / 1000 - self._wall()
        await asyncio.sleep(max(0.0, delay))
        await self._run(name)
        if self._scheduled.get(name) is when:
            self._scheduled.pop(name, None)
            self._running.pop(name, None)

    def close(self) -> None:
        """Cancels everything; the generation goes out of service."""
        self._armed = False
        self._scheduled.clear()
        for task in self._running.values():
            task.cancel()
        self._running.clear()
