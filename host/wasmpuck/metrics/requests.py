"""Answered requests: one tally for each method, operation and status, from which both kinds of names are made.

Counting is a look-up and two additions; everything else is done when the page is read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["BOUNDS", "OUR_BOUNDS", "Requests", "Tally"]

OUR_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: a look-up takes well under a millisecond, an upload with admission up to seconds."""

BOUNDS = (*OUR_BOUNDS, 60.0, 300.0, 600.0, 1800.0, 3600.0)
"""Seconds: ours and those of Hockeypuck's histogram, upper bounds, each included."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"})
_OTHER = "other"
"""Stands for every other method: clients choose them, so they must be bounded."""


@dataclass(slots=True)
class Tally:
    """Requests of one kind: how many took how long (one count for each of `BOUNDS`, and one beyond), and the sum."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def add(self, other: Tally) -> None:
        """Counts another's requests too."""
        self.buckets = [mine + its for mine, its in zip(self.buckets, other.buckets, strict=True)]
        self.seconds += other.seconds


class Requests(Collector):
    """Collects `wasmpuck_http_requests_total` and `wasmpuck_http_request_duration_seconds`."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str, int], Tally] = {}

    def ended(self, method: str, operation: str, status: int, seconds: float) -> None:
        """An answer is ready."""
        tally = self._tallies.get((method, operation, status))
        if tally is None:
            known = (method if method in _METHODS else _OTHER, operation, status)
            tally = self._tallies.setdefault(known, Tally())
        tally.seconds += seconds
        tally.buckets[bisect_left(BOUNDS, seconds)] += 1

    def by(self, kind: Callable[[str, str, int], tuple[str, str]]) -> dict[tuple[str, str], Tally]:
        """The tallies added up by what `kind` makes of method, operation and status, in the order of first meeting."""
        sums: dict[tuple[str, str], Tally] = {}
        for key, tally in list(self._tallies.items()):
            sums.setdefault(kind(*key), Tally()).add(tally)
        return sums

    def collect(self) -> Iterable[Metric]:
        """Both metrics, by operation and status."""
        count = CounterMetricFamily(
            "wasmpuck_http_requests",
            "Requests answered, by operation and HTTP status.",
            labels=("operation", "status"),
        )
        duration = HistogramMetricFamily(
            "wasmpuck_http_request_duration_seconds",
            "Time from complete headers to an answer that is ready to be written, by operation and HTTP status.",
            labels=("operation", "status"),
        )
        for labels, tally in self.by(lambda method, operation, status: (operation, str(status))).items():
            sums = list(accumulate(tally.buckets))
            bounds = [(repr(bound), sums[at]) for at, bound in enumerate(OUR_BOUNDS)]
            count.add_metric(labels, sums[-1])
            duration.add_metric(labels, [*bounds, ("+Inf", sums[-1])], tally.seconds)
        yield count
        yield duration
