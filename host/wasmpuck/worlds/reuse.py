"""Verdicts that may be used again: a middleware's permission to answer further requests without asking it.

Bounded in number and in bytes; the oldest go first. Everything here is dropped with the chain that it belongs to.
"""

from __future__ import annotations

from typing import Any, Final

from wasmpuck.runtime.host import weigh

__all__ = ["Verdicts"]

_MOST: Final = 10_000
_MOST_BYTES: Final = 16 << 20
_LONGEST: Final = 3_600.0

#: Client and operation; `None` is any.
_Key = tuple[str | None, str | None]


class _Kept:
    __slots__ = ("ends", "left", "size", "verdict")

    def __init__(self, verdict: Any, left: int, ends: float, size: int) -> None:
        self.verdict = verdict
        self.left = left
        self.ends = ends
        self.size = size


class Verdicts:
    """Kept verdicts of one plugin, by scope."""

    __slots__ = ("_bytes", "_kept")

    def __init__(self) -> None:
        self._kept: dict[_Key, _Kept] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, client: str, operation: str, now: float) -> Any:
        """A verdict that holds for this request, which is counted; `None` if the plugin has to be asked."""
        if not self._kept:
            return None
        for key in ((client, operation), (client, None), (None, None)):
            kept = self._kept.get(key)
            if kept is None:
                continue
            if kept.ends <= now or kept.left <= 0:
                self._drop(key)
                continue
            kept.left -= 1
            return kept.verdict
        return None

    def keep(self, client: str, operation: str, verdict: Any, reuse: Any, now: float) -> None:
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
        size = weigh(verdict)
        if size > _MOST_BYTES:
            return
        while len(self._kept) >= _MOST or self._bytes + size > _MOST_BYTES:
            self._drop(next(iter(self._kept)))
        self._kept[key] = _Kept(verdict, reuse.requests, now + min(reuse.milliseconds / 1000, _LONGEST), size)
        self._bytes += size

    def _drop(self, key: _Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= kept.size

    def forget(self) -> None:
        """Drops everything."""
        self._kept.clear()
        self._bytes = 0
