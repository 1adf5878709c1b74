"""Verdicts that may be used again: a middleware's permission to answer further requests without asking it.

Bounded in number; the oldest go first. Everything here is dropped with the chain that it belongs to.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["Verdicts"]

_MOST: Final = 10_000
_LONGEST: Final = 3_600.0


class _Kept:
    __slots__ = ("ends", "left", "verdict")

    def __init__(self, verdict: Any, left: int, ends: float) -> None:
        self.verdict = verdict
        self.left = left
        self.ends = ends


class Verdicts:
    """Kept verdicts of one plugin, by scope."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], _Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, client: str, operation: str, now: float) -> Any:
        """A verdict that holds for this request, which is counted; `None` if the plugin has to be asked."""
        if not self._kept:
            return None
        for key in ((client, operation), (client, ""), ("", "")):
            kept = self._kept.get(key)
            if kept is None:
                continue
            if kept.ends <= now or kept.left <= 0:
                del self._kept[key]
                continue
            kept.left -= 1
            return kept.verdict
        return None

    def keep(self, client: str, operation: str, verdict: Any, reuse: Any, now: float) -> None:
        """Takes a hint (WIT `middleware.reuse`)."""
        if reuse.requests == 0 or reuse.milliseconds == 0:
            return
        key = {"client": (client, ""), "client-operation": (client, operation), "everyone": ("", "")}[reuse.scope]
        self._kept.pop(key, None)
        while len(self._kept) >= _MOST:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = _Kept(verdict, reuse.requests, now + min(reuse.milliseconds / 1000, _LONGEST))

    def forget(self) -> None:
        """Drops everything."""
        self._kept.clear()
