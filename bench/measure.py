"""How a figure is taken: ours and the reference by turns, many times, and what is kept of that.

The machine that measures is never alone: other programs, the clock of the processor and the memory allocator change
from second to second. So nothing is compared across runs. Each repetition measures both sides right after each other,
in alternating order, and only the ratios of such pairs are believed: their median is the figure, their least and
greatest say how far to trust it.
"""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

__all__ = ["Effort", "Result", "by_turns", "compare", "percentile"]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is spent on a figure. `scale` multiplies counts of calls; `runs` bounds repetitions."""

    quick: bool = False

    def runs(self, full: int) -> int:
        """Repetitions: `full`, or a third of that, at least 3."""
        return max(3, full // 3) if self.quick else full

    def count(self, full: int) -> int:
        """Calls in a repetition: `full`, or a fifth of that."""
        return max(1, full // 5) if self.quick else full


@dataclass(frozen=True, slots=True)
class Result:
    """A line of results.json.

    ours, reference: medians, in `unit`.
    ratio: median of the repetitions' ratios, ours to reference. For times and memory less is better, for rates more.
    spread: the least and the greatest of these ratios.
    runs: repetitions.
    """

    id: str
    ours: float
    reference: float
    ratio: float
    unit: str
    spread: tuple[float, float]
    runs: int

    def as_json(self) -> dict[str, Any]:
        """As an object of results.json, four significant digits."""
        return {key: _rounded(value) for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Result:
        """The opposite of `as_json`."""
        return cls(**{**entry, "spread": tuple(entry["spread"])})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, tuple):
        return [_rounded(each) for each in value]
    return value


async def by_turns(runs: int, *measures: Callable[[], Awaitable[float]]) -> list[list[float]]:
    """Takes each measure once a repetition, the order turned by one each time; a list of values for each measure.

    One repetition before the first is thrown away: caches fill, instances are made.
    """
    taken: list[list[float]] = [[] for _ in measures]
    for run in range(-1, runs):
        for turn in range(len(measures)):
            which = (turn + run) % len(measures)
            gc.collect()
            value = await measures[which]()
            if run >= 0:
                taken[which].append(value)
    return taken


def compare(figure: str, unit: str, ours: Sequence[float], reference: Sequence[float]) -> Result:
    """A figure from pairs of measurements."""
    ratios = [one / other for one, other in zip(ours, reference, strict=True)]
    return Result(
        figure, median(ours), median(reference), median(ratios), unit, (min(ratios), max(ratios)), len(ratios)
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that `percent` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
