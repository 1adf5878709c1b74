"""What calls cost, by plugin, export and outcome: plain numbers on the call path, made into series when somebody
asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final

from wasmpuck.errors import CallReason

__all__ = ["BUCKETS", "Account", "CallStatistics", "RateBucket"]

#: Upper bounds of the duration histogram in seconds: a warm Rust call takes microseconds, a deadline seconds.
BUCKETS: Final = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)


class CallStatistics:
    """Calls of one export."""

    __slots__ = (
        "buckets",
        "fuel",
        "guest_seconds",
        "host_bytes",
        "host_calls",
        "most_fuel",
        "outcomes",
        "queue_seconds",
        "seconds",
    )

    def __init__(self) -> None:
        self.outcomes: Counter[CallReason] = Counter()
        self.fuel = 0
        self.most_fuel = 0
        self.seconds = 0.0
        self.guest_seconds = 0.0
        self.queue_seconds = 0.0
        self.host_calls = 0
        self.host_bytes = 0
        self.buckets = [0] * (len(BUCKETS) + 1)

    @property
    def calls(self) -> int:
        """Calls that ended, however."""
        return sum(self.outcomes.values())


class Account:
    """Everything that one plugin's calls have cost since the server started, over all its generations."""

    def __init__(self, plugin: str) -> None:
        self.plugin = plugin
        self.exports: dict[str, CallStatistics] = {}
        self.instances_made = 0
        self.instances_discarded = 0
        self.most_memory = 0
        self.reused_verdicts = 0

    def of(self, export: str) -> CallStatistics:
        """The statistics of an export, made at first use."""
        found = self.exports.get(export)
        if found is None:
            found = self.exports[export] = CallStatistics()
        return found

    def record(
        self,
        statistics: CallStatistics,
        outcome: CallReason,
        fuel: int,
        seconds: float,
        guest_seconds: float,
        host_calls: int,
        host_bytes: int,
    ) -> None:
        """Adds a call that has ended."""
        statistics.outcomes[outcome] += 1
        statistics.fuel += fuel
        if fuel > statistics.most_fuel:
            statistics.most_fuel = fuel
        statistics.seconds += seconds
        statistics.guest_seconds += guest_seconds
        statistics.host_calls += host_calls
        statistics.host_bytes += host_bytes
        statistics.buckets[bisect_left(BUCKETS, seconds)] += 1


class RateBucket:
    """A token bucket: `rate` a second on average, bursts of ten seconds' worth.

    `empty` says whether the last `spend` left it in debt. Time is passed in (seconds, monotonic), so that it can be
    tested without waiting.
    """

    __slots__ = ("_level", "_seen", "capacity", "empty", "rate")

    def __init__(self, rate: float, now: float, *, burst: float = 10.0) -> None:
        self.rate = rate
        self.capacity = rate * burst
        self._level = self.capacity
        self._seen = now
        self.empty = False

    def regulate(self, rate: float, now: float) -> None:
        """From now on another rate; what has been saved or spent is kept."""
        self._level += (now - self._seen) * self.rate
        self._seen = now
        self.capacity *= rate / self.rate
        self.rate = rate
        self._level = min(self._level, self.capacity)

    def take(self, amount: float, now: float) -> bool:
        """Takes `amount` if it is there."""
        level = self._level + (now - self._seen) * self.rate
        self._seen = now
        level = min(level, self.capacity)
        if level < amount:
            self._level = level
            return False
        self._level = level - amount
        return True

    def spend(self, amount: float, now: float) -> None:
        """Takes `amount` even if it is not there: for costs known only afterwards."""
        self._level = min(self._level + (now - self._seen) * self.rate, self.capacity) - amount
        self._seen = now
        self.empty = self._level < 0

    def in_debt(self, now: float) -> bool:
        """Whether more was spent than came in."""
        return self._level + (now - self._seen) * self.rate < 0
