"""`wasmpuck:plugin/tasks`: work at a later time, bounded in number and frequency."""

from __future__ import annotations

import asyncio
import random
from typing import ClassVar, Final

from wasmpuck.runtime.capabilities.context import Context
from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["Tasks"]

_NAME_BYTES: Final = 64


class Tasks:
    """A plugin's schedule. Nothing runs before `arm`: a generation that never goes into service does no work."""

    #: WIT function names.
    functions: ClassVar = frozenset({"schedule", "cancel"})

    #: By which share of its interval a task that repeats is early or late, in all.
    spread: ClassVar = 0.1

    def __init__(self, context: Context) -> None:
        self._limit = context.limits.tasks_limit
        self._least = context.limits.least_task_interval
        self._wall = context.wall
        self._sleep = context.sleep
        self._run = context.run_task
        self._works = "task-handler" in context.exports
        self._scheduled: dict[str, Case] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._armed = False

    @property
    def names(self) -> list[str]:
        """What is scheduled."""
        return sorted(self._scheduled)

    def schedule(self, name: str, when: Case) -> Ok | Err:
        """WIT `tasks.schedule`."""
        if not self._works:
            return Err(Case("other", "the plugin does not export task-handler"))
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
        """WIT `tasks.cancel`. A run that has begun ends by itself: it may be the one that cancels."""
        waiting = self._waiting.pop(name, None)
        if waiting is not None:
            waiting.cancel()
        return self._scheduled.pop(name, None) is not None

    def arm(self) -> None:
        """The generation is in service: begin."""
        self._armed = True
        for name in self._scheduled:
            self._launch(name)

    def _launch(self, name: str) -> None:
        when = self._scheduled[name]
        self._waiting[name] = asyncio.create_task(self._wait(name, when), name=f"plugin task {name}")

    async def _wait(self, name: str, when: Case) -> None:
        await self._sleep(self._delay(when))
        running = self._running.get(name)
        if running is not None:
            await asyncio.wait([running])  # a task never overlaps itself
        if when.tag != "every":
            self._scheduled.pop(name, None)
        self._waiting.pop(name, None)
        self._running[name] = asyncio.create_task(self._do(name, when), name=f"plugin task {name} at work")

    def _delay(self, when: Case) -> float:
        seconds: float = when.value / 1000
        match when.tag:
            case "every":
                # Spread, so that plugins and nodes that start together do not work together for ever.
                return seconds * (1 + random.uniform(-self.spread, self.spread) / 2)
            case "after":
                return seconds
        return max(0.0, seconds - self._wall())

    async def _do(self, name: str, when: Case) -> None:
        await self._run(name)
        self._running.pop(name, None)
        if self._scheduled.get(name) is when:  # neither cancelled nor replaced meanwhile
            self._launch(name)

    def close(self) -> None:
        """Cancels everything; the generation goes out of service."""
        self._armed = False
        self._scheduled.clear()
        for task in (*self._waiting.values(), *self._running.values()):
            task.cancel()
        self._waiting.clear()
        self._running.clear()
