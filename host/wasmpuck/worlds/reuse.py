"""Verdicts that may be used again: a middleware's permission to answer further requests without asking it.

Bounded in number and in bytes; the oldest go first. Everything here is dropped with the chain that it belongs to.
"""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

from wasmpuck.runtime.host import weigh

__all__ = ["Kept", "Verdicts"]

_MOST: Final = 10_000
_MOST_BYTES: Final = 16 << 20
_LONGEST: Final = 3_600.0

#: Client and operation; `None` is any.
_Key = tuple[str | None, str | None]


_T = TypeVar("_T")


class Kept(Generic[_T]):
    """A verdict, and for how many more requests and until when (monotonic seconds) it holds. Whoever uses it takes one
    from `left`.
    """

    __slots__ = ("ends", "left", "size", "value")

    def __init__(self, value: _T, left: int, ends: float, size: int) -> None:
        self.value = value
        self.left = left
        self.ends = ends
        self.size = size


class Verdicts(Generic[_T]):
    """Verdicts of one plugin. `kept` holds them by scope; nothing else changes it."""

    __slots__ = ("_bytes", "kept")

    def __init__(self) -> None:
        self.kept: dict[_Key, Kept[_T]] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.kept)

    def find(self, client: str, operation: str, now: float) -> Kept[_T] | None:
        """What is kept for this request; `None` if the plugin has to be asked."""
        for key in ((client, operation), (client, None), (None, None)):
            kept = self.kept.get(key)
            if kept is not None:
                if kept.ends > now and kept.left > 0:
                    return kept
                self._drop(key)
        return None

    def keep(self, client: str, operation: str, value: _T, reuse: Any, now: float) -> None:
        """Takes a hint (WIT `middleware.reuse`). A verdict that is too large to be kept is asked for each time."""
        if reuse.requests == 0 or reuse.milliseconds == 0:
            return
        scopes: dict[str, _Key] = {
            "client": (client, None),
            "client-operation": (client, operation),
            "everyone": (None, None),
        }
        key = scopes[reuse.scope]
        self._drop(key)
        size = weigh(value)
        if size > _MOST_BYTES:
            return
        while len(self.kept) >= _MOST or self._bytes + size > _MOST_BYTES:
            self._drop(next(iter(self.kept)))
        self.kept[key] = Kept(value, reuse.requests, now + min(reuse.milliseconds / 1000, _LONGEST), size)
        self._bytes += size

    def _drop(self, key: _Key) -> None:
        kept = self.kept.pop(key, None)
        if kept is not None:
            self._bytes -= kept.size

    def forget(self, client: str | None = None) -> None:
        """Drops what holds for a client alone; everything without one."""
        for key in [key for key in self.kept if client is None or key[0] == client]:
            self._drop(key)
