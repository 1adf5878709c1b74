"""What the soak counts: requests asked and lost, and what the process holds from second to second."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
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

    def saw(self, kinds: Iterable[str]) -> bool:
        """Whether each of these kinds was counted."""
        return all(self.asked[kind] for kind in kinds)


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
    """What a process held at each look: seconds since the first, resident bytes, those of them that are guests' linear
    memory, open files, threads.
    """

    pid: int
    seconds: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    guests: list[float] = field(default_factory=list)
    files: list[float] = field(default_factory=list)
    threads: list[float] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """Takes a sample; raises OSError when the process is gone."""
        process = Path(f"/proc/{self.pid}")
        fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line)
        self.seconds.append(time.monotonic() - self._began)
        self.resident.append(int(fields["VmRSS"].split()[0]) * 1024.0)
        self.guests.append(float(_linear(process)))
        self.threads.append(float(fields["Threads"]))
        self.files.append(float(sum(1 for _ in (process / "fd").iterdir())))

    @property
    def own(self) -> list[float]:
        """Resident bytes without the guests' linear memories, which come and go by tens of megabytes."""
        return [whole - linear for whole, linear in zip(self.resident, self.guests, strict=True)]

    def since(self, second: float) -> int:
        """The place of the first sample that is not older."""
        return next((place for place, when in enumerate(self.seconds) if when >= second), 0)


def _linear(process: Path) -> int:
    """Resident bytes of the linear memories: writable mappings that gigabytes of inaccessible ones follow."""
    total, run, end = 0, 0, -1
    for line in (process / "smaps").read_text().splitlines():
        name, _, rest = line.partition(" ")
        if name == "Rss:":
            run += int(rest.split()[0]) * 1024 if end > 0 else 0
        elif not name.endswith(":"):
            first, last = (int(part, 16) for part in name.split("-"))
            if rest.startswith("rw-p"):
                run, end = (run if first == end else 0), last
            else:
                total += run if rest.startswith("---p") and first == end and last - first >= 1 << 30 else 0
                run, end = 0, -1
    return total


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that `percent` of all values do not exceed; 0 without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0
