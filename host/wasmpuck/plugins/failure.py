"""What follows from a failed call: what the request meets, and what happens to the plugin."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wasmpuck.config import PluginSettings
from wasmpuck.errors import CallReason

__all__ = ["Consequence", "FailurePolicy", "Fate", "failure_class"]

_CLASSES: Final[dict[CallReason, str]] = {
    CallReason.UNREACHABLE: "trap",
    CallReason.STACK_OVERFLOW: "trap",
    CallReason.OUT_OF_BOUNDS: "trap",
    CallReason.TRAP: "trap",
    CallReason.FUEL: "fuel",
    CallReason.DEADLINE: "deadline",
    CallReason.MEMORY: "memory",
    CallReason.GUEST_ERROR: "guest_error",
    CallReason.HOST_ERROR: "host_error",
    CallReason.DENIED_IMPORT: "denied_import",
    CallReason.OVERLOADED: "overloaded",
    CallReason.BAD_VALUE: "bad_value",
}

#: These say nothing about the plugin's health. That it is overloaded is for the queue to regulate.
_NEVER_COUNT: Final = frozenset({CallReason.OK, CallReason.OVERLOADED, CallReason.CANCELLED, CallReason.SUSPENDED})


class Fate(StrEnum):
    """What happens to a plugin after a failure."""

    NOTHING = "nothing"
    RELOAD = "reload"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class Consequence:
    """What follows from one failure.

    closed: whether the request is refused; else it goes on as if the plugin were not there.
    fate: what happens to the plugin.
    counts: whether the breaker counts it.
    """

    closed: bool
    fate: Fate = Fate.NOTHING
    counts: bool = True

    @property
    def policy(self) -> str:
        """The word for logs and metrics: `open`, `closed`, `reload` or `quarantine`."""
        if self.fate is not Fate.NOTHING:
            return str(self.fate)
        return "closed" if self.closed else "open"


def failure_class(reason: CallReason) -> str | None:
    """The field of `FailureClasses` that a reason belongs to; `None` for what cannot be configured."""
    return _CLASSES.get(reason)


class FailurePolicy:
    """A plugin's `failure` and `failures` settings as a table of every reason."""

    def __init__(self, settings: PluginSettings) -> None:
        self._table = {reason: self._decide(reason, settings) for reason in CallReason}

    def __call__(self, reason: CallReason) -> Consequence:
        """What follows from a call that ended so."""
        return self._table[reason]

    @staticmethod
    def _decide(reason: CallReason, settings: PluginSettings) -> Consequence:
        name = failure_class(reason)
        given = getattr(settings.failures, name) if name is not None else None
        counts = reason not in _NEVER_COUNT and (reason is not CallReason.GUEST_ERROR or given is not None)
        if given in (Fate.RELOAD, Fate.QUARANTINE):
            return Consequence(settings.fail_closed, Fate(given), counts)
        return Consequence((given or settings.failure) == "closed", counts=counts)
