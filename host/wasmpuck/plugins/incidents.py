"""Failed calls in the log: each kind at once, then at most one line in a while, so that a plugin which fails on every
request cannot flood the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from wasmpuck.errors import CallFailed, CallReason

__all__ = ["Incidents"]

_log = logging.getLogger(__name__)

#: Seconds between two lines about the same plugin, export and reason.
QUIET: Final = 10.0

#: Frames of a backtrace in one line.
_FRAMES: Final = 8


class Incidents:
    """The failed calls of one plugin, over all its generations.

    Args:
        monotonic: seconds, never going back.
    """

    def __init__(self, plugin: str, monotonic: Callable[[], float]) -> None:
        self._plugin = plugin
        self._monotonic = monotonic
        self._told: dict[tuple[str, CallReason], float] = {}
        self._untold: dict[tuple[str, CallReason], int] = {}

    def report(self, export: str, failure: CallFailed) -> None:
        """Logs a failed call, or counts it for the next line of its kind."""
        kind = (export, failure.reason)
        now = self._monotonic()
        last = self._told.get(kind)
        if last is not None and now - last < QUIET:
            self._untold[kind] = self._untold.get(kind, 0) + 1
            return
        self._told[kind] = now
        untold = self._untold.pop(kind, 0)
        extra: dict[str, object] = {"plugin": self._plugin, "export": export, "outcome": str(failure.reason)}
        if failure.backtrace:
            extra["backtrace"] = " < ".join(failure.backtrace.splitlines()[:_FRAMES])
        _log.warning(
            "plugin %s failed in %s (%s): %s%s",
            self._plugin,
            export,
            failure.reason,
            failure.message,
            f" ({untold} more of this kind since the last line)" if untold else "",
            extra=extra,
        )
