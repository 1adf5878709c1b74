"""The spaces that hold what plugins count: one for each plugin, one for each named scope; in memory alone."""

from __future__ import annotations

from typing import Final

from wasmpuck.runtime.capabilities.structures import Structure

__all__ = ["Commons", "Space"]

_STRUCTURE: Final = 256
#: Seconds between two attempts to make room by throwing out what is over: a full space is not a reason to look through
#: all of it on every call.
_PAUSE: Final = 1.0


class Space:
    """Structures by name."""

    def __init__(self) -> None:
        self.structures: dict[str, Structure] = {}
        self._expired = float("-inf")

    @property
    def used(self) -> int:
        """Bytes, estimated."""
        return sum(_STRUCTURE + len(name) + structure.size for name, structure in self.structures.items())

    def has_room(self, size: int, limit: int, now: float) -> bool:
        """Whether `size` bytes more are within `limit`, perhaps after throwing out what is over."""
        if self.used + size <= limit:
            return True
        if now - self._expired < _PAUSE:
            return False
        self._expired = now
        for structure in self.structures.values():
            structure.expire(now)
        return self.used + size <= limit

    @staticmethod
    def price(name: str) -> int:
        """Bytes that a structure takes before it holds anything."""
        return _STRUCTURE + len(name)


class Commons:
    """Every space of a server."""

    def __init__(self) -> None:
        self._own: dict[str, Space] = {}
        self._scopes: dict[str, Space] = {}

    def own(self, plugin: str) -> Space:
        """A plugin's own, shared by its instances and generations."""
        return self._own.setdefault(plugin, Space())

    def scope(self, name: str) -> Space:
        """One that several plugins share."""
        return self._scopes.setdefault(name, Space())
