"""A capability's surroundings with clocks that a test moves."""

from __future__ import annotations

from typing import Any, ClassVar

from wasmpuck.config import PluginLimits
from wasmpuck.events import Bus, Event
from wasmpuck.runtime.capabilities import Context, Namespace, PluginSeries

__all__ = ["Surroundings"]


class Surroundings:
    """One clock for everything; `ran` lists the tasks that were run, `heard` the events that were delivered."""

    exports: ClassVar = frozenset({"lifecycle", "task-handler", "event-handler"})

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now
        self.bus = Bus(wall=self.clock)
        self.ran: list[str] = []
        self.heard: list[Event] = []
        self.namespace = Namespace("probe", self.clock)
        self.series = PluginSeries("probe")

    def clock(self) -> float:
        return self.now

    async def run_task(self, name: str) -> None:
        self.ran.append(name)

    async def run_event(self, event: Event) -> None:
        self.heard.append(event)

    def context(self, settings: str = "{}", **limits: Any) -> Context:
        """A generation's context with these limits."""
        return Context(
            plugin="probe",
            version="1.0.0",
            limits=PluginLimits(**limits),
            settings_json=settings,
            namespace=self.namespace,
            series=self.series,
            exports=self.exports,
            bus=self.bus,
            run_task=self.run_task,
            run_event=self.run_event,
            wall=self.clock,
            monotonic=self.clock,
        )
