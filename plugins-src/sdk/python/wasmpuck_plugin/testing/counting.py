"""The simulation's `shared`: exact where the server estimates."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .._seam import Refused

__all__ = ["Counting"]


@dataclass
class Counting:
    """`shared`: structure name to its content."""

    now: datetime
    counters: Counter[str] = field(default_factory=Counter)
    windows: dict[tuple[str, str], list[tuple[datetime, float]]] = field(default_factory=dict)
    sets: dict[str, dict[str, datetime | None]] = field(default_factory=dict)
    tops: dict[str, Counter[str]] = field(default_factory=dict)
    distinct: dict[str, set[str]] = field(default_factory=dict)

    def _shared_counter_add(self, name: str, delta: float) -> float:
        self.counters[name] += delta  # type: ignore[assignment]
        return self.counters[name]

    def _shared_window_add(self, name: str, key: str, weight: float, span: int) -> float:
        if span == 0:
            raise Refused("bad-value")
        since = self.now - timedelta(milliseconds=span)
        kept = [(at, one) for at, one in self.windows.get((name, key), []) if at > since]
        if weight:
            kept.append((self.now, weight))
        self.windows[name, key] = kept
        return sum(one for _, one in kept)

    def _members(self, name: str) -> dict[str, datetime | None]:
        found = self.sets.setdefault(name, {})
        for member in [one for one, end in found.items() if end is not None and end <= self.now]:
            del found[member]
        return found

    def _shared_set_add(self, name: str, member: str, ttl: int | None) -> bool:
        found = self._members(name)
        new = member not in found
        found[member] = None if ttl is None else self.now + timedelta(milliseconds=ttl)
        return new

    def _shared_set_has(self, name: str, member: str) -> bool:
        return member in self._members(name)

    def _shared_set_remove(self, name: str, member: str) -> bool:
        known = member in self._members(name)
        self.sets[name].pop(member, None)
        return known

    def _shared_set_size(self, name: str) -> int:
        return len(self._members(name))

    def _shared_top_add(self, name: str, member: str, weight: float, keep: int) -> None:
        self.tops.setdefault(name, Counter())[member] += weight  # type: ignore[assignment]

    def _shared_top_list(self, name: str, count: int) -> list[tuple[str, float]]:
        return [(member, weight) for member, weight in self.tops.get(name, Counter()).most_common(count)]

    def _shared_distinct_add(self, name: str, member: str) -> None:
        self.distinct.setdefault(name, set()).add(member)

    def _shared_distinct_count(self, name: str) -> float:
        return float(len(self.distinct.get(name, ())))

    def _shared_remove(self, name: str) -> bool:
        kinds: tuple[dict[str, object], ...] = (self.counters, self.sets, self.tops, self.distinct)  # type: ignore[assignment]
        windows = [one for one in self.windows if one[0] == name]
        for window in windows:
            del self.windows[window]
        return sum(kind.pop(name, None) is not None for kind in kinds) + len(windows) > 0
