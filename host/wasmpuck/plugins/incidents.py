"""Failed calls in the log: each kind at once, then at most one line a second, so that a plugin which fails on every
request cannot flood the log. Calls that are not made are not in it: that a plugin is suspended is one line.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from wasmpuck.errors import CallFailed, CallReason

__all__ = ["Incidents", "facts", "words"]

_log = logging.getLogger(__name__)

#: Seconds between two lines about the same plugin, export and reason.
QUIET: Final = 1.0

#: Frames of a backtrace in one line, and characters of each. The log escapes what is not printable.
_FRAMES: Final = 8
_FRAME_TEXT: Final = 120

#: Characters of a message: host functions' errors are part of it.
_MESSAGE_TEXT: Final = 500


def words(failure: CallFailed) -> str:
    """A failed call's message, cut to what a log line may hold of it."""
    return failure.message[:_MESSAGE_TEXT]


def facts(plugin: str, export: str, failure: CallFailed) -> dict[str, object]:
    """A failed call as fields of a log line, with the innermost frames of the guest's backtrace."""
    fields: dict[str, object] = {"plugin": plugin, "export": export, "outcome": str(failure.reason)}
    if failure.backtrace:
        frames = failure.backtrace.splitlines()[:_FRAMES]
        fields["backtrace"] = " < ".join(frame[:_FRAME_TEXT] for frame in frames)
    return fields


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
        _log.warning(
            "plugin %s failed in %s (%s): %s%s",
            self._plugin,
            export,
            failure.reason,
            words(failure),
            f" ({untold} more of this kind since the last line)" if untold else "",
            extra=facts(self._plugin, export, failure),
        )
