"""`wasmpuck:plugin/events`: publishing, and listening with a queue of one's own."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from typing import ClassVar, Final

from wasmpuck.events import RESERVED, Event
from wasmpuck.patterns import matches
from wasmpuck.runtime.accounting import RateBucket
from wasmpuck.runtime.capabilities.context import Context
from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["Events"]

_BYTES: Final = 128
_TOPIC: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")
_PATTERN: Final = re.compile(r"[a-z0-9*-]+(\.[a-z0-9*-]+)*")


class Events:
    """A plugin's subscriptions. Nothing is delivered before `arm`: a generation that never goes into service hears
    nothing.
    """

    #: WIT function names.
    functions: ClassVar = frozenset({"publish", "subscribe", "unsubscribe"})

    def __init__(self, context: Context) -> None:
        limits = context.limits
        self._plugin = context.plugin
        self._listens = "event-handler" in context.exports
        self._bus = context.bus
        self._series = context.series
        self._deliver = context.run_event
        self._monotonic = context.monotonic
        self._rate = RateBucket(limits.event_rate, context.monotonic())
        self._payload = limits.event_bytes
        self._most = limits.event_patterns
        self._patterns: set[str] = set()
        self._waiting: deque[Event] = deque()
        self._room = limits.event_queue
        self._news = asyncio.Event()
        self._leave: Callable[[], None] | None = None
        self._worker: asyncio.Task[None] | None = None

    def publish(self, topic: str, payload: str) -> Ok | Err:
        """WIT `events.publish`."""
        if len(topic) > _BYTES or not _TOPIC.fullmatch(topic):
            return Err(Case("bad-topic"))
        if topic.partition(".")[0] in RESERVED:
            return Err(Case("reserved"))
        if len(payload.encode()) > self._payload:
            return Err(Case("too-large"))
        if not self._rate.take(1, self._monotonic()):
            return Err(Case("rate-limited"))
        self._series.events["published"] += 1
        self._bus.publish(topic, payload, source=self._plugin)
        return Ok()

    def subscribe(self, pattern: str) -> Ok | Err:
        """WIT `events.subscribe`."""
        if not self._listens:
            return Err(Case("other", "the plugin does not export event-handler"))
        if len(pattern) > _BYTES or not _PATTERN.fullmatch(pattern):
            return Err(Case("bad-topic"))
        if pattern not in self._patterns:
            if len(self._patterns) >= self._most:
                return Err(Case("too-many"))
            self._patterns.add(pattern)
        return Ok()

    def unsubscribe(self, pattern: str) -> bool:
        """WIT `events.unsubscribe`."""
        if pattern not in self._patterns:
            return False
        self._patterns.remove(pattern)
        return True

    def arm(self) -> None:
        """The generation is in service: begin."""
        if self._leave is None:
            self._leave = self._bus.join(self._receive)
            self._worker = asyncio.create_task(self._work(), name=f"events for {self._plugin}")

    def _receive(self, event: Event) -> None:
        if event.source == self._plugin or not any(matches(pattern, event.topic) for pattern in self._patterns):
            return
        if len(self._waiting) >= self._room:
            self._series.events["dropped"] += 1
            if not self._waiting:
                return
            self._waiting.popleft()
        self._waiting.append(event)
        self._news.set()

    async def _work(self) -> None:
        while True:
            while self._waiting:
                await self._deliver(self._waiting.popleft())
                self._series.events["delivered"] += 1
            self._news.clear()
            await self._news.wait()

    def close(self) -> None:
        """Ends every subscription; the generation goes out of service."""
        if self._leave is not None:
            self._leave()
            self._leave = None
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
        self._waiting.clear()
