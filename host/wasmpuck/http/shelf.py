"""Rendered answers that are kept in memory for those who ask for the same again."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Rendered", "Shelf"]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A body, its entity tag, and the time in which it holds: from `since` on and before `until` (since 1970)."""

    body: bytes
    tag: str
    since: float = 0.0
    until: float = math.inf

    def holds(self, now: float) -> bool:
        """Whether it would be rendered alike now."""
        return self.since <= now < self.until


class Shelf:
    """Rendered answers by names that change whenever what they were made of does: bodies of at most `most` bytes.

    Those asked for last stay; one alone takes a quarter at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[str, Rendered] = {}
        self.size = 0

    def get(self, name: str) -> Rendered | None:
        """What was put there, if it still is."""
        kept = self._kept.pop(name, None)
        if kept is not None:
            self._kept[name] = kept
        return kept

    def put(self, name: str, rendered: Rendered) -> None:
        """Keeps it, in the place of what has that name."""
        former = self._kept.pop(name, None)
        if former is not None:
            self.size -= len(former.body)
        size = len(rendered.body)
        if size > self._most // 4:
            return
        self._kept[name] = rendered
        self.size += size
        while self.size > self._most:
            self.size -= len(self._kept.pop(next(iter(self._kept))).body)
