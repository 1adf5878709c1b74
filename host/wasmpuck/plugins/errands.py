"""What a plugin does without being asked: tasks that it has scheduled and events that it hears."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, runtime_checkable

from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.events import Event
from wasmpuck.plugins.guard import Guard

__all__ = ["Errands"]


@runtime_checkable
class Source(Protocol):
    """A capability that makes a plugin work."""

    def arm(self) -> None:
        """The generation is in service: begin."""

    def close(self) -> None:
        """It goes out of service. Idempotent."""


class Errands:
    """The calls of one generation that nobody waits for.

    Args:
        call: `Plugin.call`.
        guard: the generation's; told of failures that a handler reports.
        running: whether the generation is in service.
    """

    def __init__(self, call: Callable[..., Awaitable[Any]], guard: Guard, running: Callable[[], bool]) -> None:
        self._call = call
        self._guard = guard
        self._running = running
        self._sources: list[Source] = []

    def arise_from(self, capabilities: Iterable[object]) -> None:
        """Says what the generation was granted: some of it makes the plugin work."""
        self._sources = [each for each in capabilities if isinstance(each, Source)]

    def begin(self) -> None:
        """Tasks run and events arrive from now on."""
        for source in self._sources:
            source.arm()

    def end(self) -> None:
        """None is begun any more. Idempotent."""
        for source in self._sources:
            source.close()

    async def run_task(self, name: str) -> None:
        """WIT `task-handler.run`."""
        await self._persist("task-handler.run", name, f"task {name}")

    async def run_event(self, event: Event) -> None:
        """WIT `event-handler.handle`."""
        await self._persist("event-handler.handle", event, f"event {event.topic}")

    async def _persist(self, export: str, argument: object, what: str) -> None:
        """Nothing is lost while the plugin is suspended: this may become the call that is tried."""
        while True:
            try:
                outcome = await self._call(export, argument)
            except CallFailed as refused:
                if refused.reason is not CallReason.SUSPENDED or not self._running():
                    return
            else:
                if outcome.tag == "failed":
                    self._guard.failed(export, CallFailed(CallReason.GUEST_ERROR, f"{what}: {outcome.value}"))
                return
            await asyncio.sleep(self._guard.wait)
