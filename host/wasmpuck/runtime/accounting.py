"""What calls cost, by plugin, export and outcome: plain numbers on the call path, made into series when somebody
asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final, Protocol

from wasmpuck.errors import CallReason

__all__ = ["BUCKETS", "Account", "CallStatistics", "Cost", "RateBucket", "Tally"]

#: Upper bounds of the duration histogram in seconds: a warm Rust call takes microseconds, a deadline seconds.
BUCKETS: Final = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)


class Cost(Protocol):
    """What a call has cost; an `Instance` says so of its last one.

    fuel_used: of the budget, host calls included.
    seconds, guest_seconds: from begin to end, and without what it waited.
    host_calls, host_bytes: calls out of the guest, and what they carried.
    """

    fuel_used: int
    seconds: float
    guest_seconds: float
    host_calls: int
    host_bytes: int


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

    def add(self, outcome: CallReason, cost: Cost) -> None:
        """Adds a call that has ended."""
        self.outcomes[outcome] += 1
        fuel, seconds = cost.fuel_used, cost.seconds
        self.fuel += fuel
        if fuel > self.most_fuel:
            self.most_fuel = fuel
        self.seconds += seconds
        self.guest_seconds += cost.guest_seconds
        if cost.host_calls:
            self.host_calls += cost.host_calls
            self.host_bytes += cost.host_bytes
        self.buckets[bisect_left(BUCKETS, seconds)] += 1

    @property
    def calls(self) -> int:
        """Calls that ended, however."""
        return sum(self.outcomes.values())


class Tally:
    """Calls of one imported interface.

    calls, bytes: how many, and what they carried both ways.
    seconds: time in the host, waiting included.
    errors: those that were answered with an error of the interface, refusals by quota among them, or ended the call.
    """

    __slots__ = ("bytes", "calls", "errors", "seconds")

    def __init__(self) -> None:
        self.calls = 0
        self.bytes = 0
        self.seconds = 0.0
        self.errors = 0


class Account:
    """Everything that one plugin's calls have cost since the server started, over all its generations."""

    def __init__(self, plugin: str) -> None:
        self.plugin = plugin
        self.exports: dict[str, CallStatistics] = {}
        self.imports: dict[str, Tally] = {}
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

    def tally(self, interface: str) -> Tally:
        """The numbers of an imported interface, made at first use."""
        return self.imports.setdefault(interface, Tally())


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
