"""Time (import `clock`). `time` and `datetime` of the standard library lead here too."""

from __future__ import annotations

from datetime import datetime

from . import _seam
from ._times import from_milliseconds

__all__ = ["monotonic", "now", "time"]


def now() -> datetime:
    """The time, in UTC, to the millisecond. May jump when the machine's clock is set."""
    return from_milliseconds(_seam.call(None, "clock.now"))


def time() -> float:
    """The same as seconds since 1970."""
    found: float = _seam.call(None, "clock.now")
    return found / 1000


def monotonic() -> float:
    """Seconds since some fixed point; never goes back while the server runs."""
    found: float = _seam.call(None, "clock.monotonic")
    return found / 1000
