"""What the soak counts: requests asked and lost, and what the process holds from second to second."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median

__all__ = ["Holdings", "Tally", "Trend", "percentile", "trend"]

_KEPT = 50


class Tally:
    """Counts by kind, from any thread. The first losses are kept in words, with the second at which they happened."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.words: list[str] = []
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def count(self, kind: str, wrong: str | None = None) -> None:
        """One more of a kind; `wrong` says why it counts as lost."""
        with self._lock:
            self.asked[kind] += 1
            if wrong is not None:
                self.lost[kind] += 1
                if len(self.words) < _KEPT:
                    self.words.append(f"{time.monotonic() - self._began:.1f} s: {kind}: {wrong}")


@dataclass(frozen=True, slots=True)
class Trend:
    """How a quantity went after the warm-up: medians of the first and the last fifth, and the line through all.

    slope, error: change a minute by least squares, and its standard error.
    """

    first: float
    last: float
    most: float
    slope: float
    error: float

    @property
    def growth(self) -> float:
        """From the first fifth to the last."""
        return self.last - self.first


def trend(seconds: Sequence[float], values: Sequence[float]) -> Trend:
    """The trend of at least five values taken at these seconds."""
    fifth = max(1, len(values) // 5)
    middle, height = fmean(seconds), fmean(values)
    square = sum((x - middle) ** 2 for x in seconds) or 1.0
    slope = sum((x - middle) * (y - height) for x, y in zip(seconds, values, strict=True)) / square
    rest = sum((y - height - slope * (x - middle)) ** 2 for x, y in zip(seconds, values, strict=True))
    error = (rest / max(1, len(values) - 2) / square) ** 0.5
    return Trend(median(values[:fifth]), median(values[-fifth:]), max(values), slope * 60, error * 60)


@dataclass
class Holdings:
    """What a process held at each look: seconds since the first, resident bytes, open files, threads."""

    pid: int
    seconds: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    files: list[float] = field(default_factory=list)
    threads: list[float] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """Takes a sample; raises OSError when the process is gone."""
        process = Path(f"/proc/{self.pid}")
        fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line)
        self.seconds.append(time.monotonic() - self._began)
        self.resident.append(int(fields["VmRSS"].split()[0]) * 1024.0)
        self.threads.append(float(fields["Threads"]))
        self.files.append(float(sum(1 for _ in (process / "fd").iterdir())))

    def since(self, second: float) -> int:
        """The place of the first sample that is not older."""
        return next((place for place, when in enumerate(self.seconds) if when >= second), 0)


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that `percent` of all values do not exceed; 0 without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0
