"""Counting structures with an end to their memory: what `shared` keeps, without names and quotas.

Times are seconds of a clock that never goes back. Sizes are estimates in bytes, high rather than low. Whatever expires
is thrown out piece by piece, so that no operation takes long because another was not made for a while.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict
from hashlib import blake2b
from typing import Final

__all__ = ["Counter", "Distinct", "Members", "Structure", "Top", "Window"]

_ENTRY: Final = 120


class Structure:
    """What all have in common. `size`: bytes of the members; `grows(member)`: bytes that adding it would take."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = 0

    def grows(self, member: str, now: float) -> int:
        """Bytes that adding a member takes besides."""
        return 0

    def expire(self, now: float) -> None:
        """Throws out what is over."""


class Counter(Structure):
    """A number."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        super().__init__()
        self.value = 0.0


class Window(Structure):
    """Sums by key over the last `span` seconds, in slices of a sixteenth of it."""

    __slots__ = ("_keys", "_slice")

    SLICES: Final = 16

    def __init__(self, span: float) -> None:
        super().__init__()
        self._slice = span / self.SLICES
        #: Key to the number of its latest slice and the sums of that and the 16 before it, in a ring. Latest last.
        self._keys: OrderedDict[str, tuple[int, list[float]]] = OrderedDict()

    def _weight(self, key: str) -> int:
        return _ENTRY + len(key) + 32 * (self.SLICES + 1)

    def grows(self, member: str, now: float) -> int:
        return 0 if member in self._keys else self._weight(member)

    def expire(self, now: float) -> None:
        oldest = int(now / self._slice) - self.SLICES
        while self._keys:
            key, (latest, _) = next(iter(self._keys.items()))
            if latest >= oldest:
                return
            del self._keys[key]
            self.size -= self._weight(key)

    def add(self, key: str, weight: float, now: float) -> float:
        """Adds and returns the sum: the present slice whole, the oldest in proportion."""
        self.expire(now)
        places = self.SLICES + 1
        present = int(now / self._slice)
        latest, ring = self._keys.get(key, (present, None))
        if ring is None:
            if not weight:
                return 0.0
            ring = [0.0] * places
            self.size += self._weight(key)
        for number in range(latest + 1, min(present, latest + places) + 1):
            ring[number % places] = 0.0
        if weight:
            ring[present % places] += weight
            self._keys[key] = (present, ring)
            self._keys.move_to_end(key)
        elif key in self._keys and present != latest:
            return self._sum(self._aged(latest, ring, present), present, now)
        return self._sum(ring, present, now)

    def _aged(self, latest: int, ring: list[float], present: int) -> list[float]:
        """A copy as if it had been looked at in the present slice; what is only read does not become younger."""
        places = self.SLICES + 1
        aged = list(ring)
        for number in range(latest + 1, min(present, latest + places) + 1):
            aged[number % places] = 0.0
        return aged

    def _sum(self, ring: list[float], present: int, now: float) -> float:
        oldest = ring[(present + 1) % (self.SLICES + 1)]
        return math.fsum(ring) - oldest * (now / self._slice - present)


class Members(Structure):
    """A set whose members may expire."""

    __slots__ = ("_ends", "_members")

    def __init__(self) -> None:
        super().__init__()
        self._members: dict[str, float] = {}
        self._ends: list[tuple[float, str]] = []

    def grows(self, member: str, now: float) -> int:
        return 0 if member in self._members else _ENTRY + 2 * len(member)

    def expire(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            end, member = heapq.heappop(self._ends)
            if self._members.get(member) == end:
                self._forget(member)

    def _forget(self, member: str) -> None:
        del self._members[member]
        self.size -= _ENTRY + 2 * len(member)

    def add(self, member: str, ends: float, now: float) -> bool:
        """Puts a member in until `ends` (`inf`: for ever), or renews it; whether it was new."""
        self.expire(now)
        new = member not in self._members
        if new:
            self.size += _ENTRY + 2 * len(member)
        self._members[member] = ends
        if ends != math.inf:
            heapq.heappush(self._ends, (ends, member))
            if len(self._ends) > 2 * len(self._members) + 16:  # renewals leave their old ends behind
                self._ends = [(end, each) for each, end in self._members.items() if end != math.inf]
                heapq.heapify(self._ends)
        return new

    def has(self, member: str, now: float) -> bool:
        """Whether it is there and not over."""
        self.expire(now)
        return member in self._members

    def remove(self, member: str, now: float) -> bool:
        """Takes it out; whether it was there."""
        self.expire(now)
        found = member in self._members
        if found:
            self._forget(member)
        return found

    def count(self, now: float) -> int:
        """How many there are."""
        self.expire(now)
        return len(self._members)


class Top(Structure):
    """The heaviest members, by the space-saving method (Metwally, Agrawal, El Abbadi 2005): a member that is new while
    all places are taken gets the lightest one's place and weight.
    """

    __slots__ = ("_heap", "_keep", "_places", "_weights")

    def __init__(self, keep: int) -> None:
        super().__init__()
        self._keep = keep
        self._places = 8 * keep
        self._weights: dict[str, float] = {}
        #: Weights as they once were: what is on top is brought up to date before it is believed.
        self._heap: list[tuple[float, str]] = []

    def grows(self, member: str, now: float) -> int:
        if member in self._weights or len(self._weights) >= self._places:
            return 0
        return _ENTRY + 2 * len(member)

    def add(self, member: str, weight: float) -> None:
        """Counts."""
        known = self._weights.get(member)
        if known is not None:
            self._weights[member] = known + weight
            return
        inherited = 0.0
        if len(self._weights) >= self._places:
            lightest, inherited = self._lightest()
            del self._weights[lightest]
            self.size -= _ENTRY + 2 * len(lightest)
        self._weights[member] = inherited + weight
        self.size += _ENTRY + 2 * len(member)
        heapq.heappush(self._heap, (inherited + weight, member))

    def _lightest(self) -> tuple[str, float]:
        while True:
            weight, member = self._heap[0]
            real = self._weights[member]
            if real == weight:
                heapq.heappop(self._heap)
                return member, weight
            heapq.heapreplace(self._heap, (real, member))

    def heaviest(self, count: int) -> list[tuple[str, float]]:
        """Heaviest first; equal ones in order of their names."""
        best = heapq.nsmallest(min(count, self._keep), self._weights.items(), key=lambda each: (-each[1], each[0]))
        return [(member, weight) for member, weight in best]


class Distinct(Structure):
    """About how many different members there were (HyperLogLog, Flajolet et al. 2007, with a 64-bit hash)."""

    __slots__ = ("_registers",)

    _BITS: Final = 12
    REGISTERS: Final = 1 << _BITS

    def __init__(self) -> None:
        super().__init__()
        self.size = self.REGISTERS
        self._registers = bytearray(self.REGISTERS)

    def add(self, member: str) -> None:
        """Counts."""
        hashed = int.from_bytes(blake2b(member.encode(), digest_size=8).digest(), "big")
        place = hashed >> (64 - self._BITS)
        rest = hashed & ((1 << (64 - self._BITS)) - 1)
        rank = 64 - self._BITS - rest.bit_length() + 1
        if rank > self._registers[place]:
            self._registers[place] = rank

    def count(self) -> float:
        """The estimate; linear counting while few registers are used."""
        registers = self.REGISTERS
        estimate = 0.7213 / (1 + 1.079 / registers) * registers**2 / math.fsum(2.0**-rank for rank in self._registers)
        empty = self._registers.count(0)
        if estimate <= 2.5 * registers and empty:
            return registers * math.log(registers / empty)
        return estimate
