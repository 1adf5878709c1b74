"""`wasmpuck:plugin/clock`: wall and monotonic time in milliseconds, no finer than one."""

from __future__ import annotations

from math import floor
from typing import ClassVar

from wasmpuck.runtime.capabilities.context import Context

__all__ = ["Clock"]


class Clock:
    """Time for a guest. Whole milliseconds: a finer clock would let a guest measure the host."""

    #: WIT function names.
    functions: ClassVar = frozenset({"now", "monotonic"})

    def __init__(self, context: Context) -> None:
        self._wall = context.wall
        self._monotonic = context.monotonic

    def now(self) -> float:
        """WIT `clock.now`."""
        return float(floor(self._wall() * 1000))

    def monotonic(self) -> float:
        """WIT `clock.monotonic`."""
        return float(floor(self._monotonic() * 1000))
