"""`failures` and `breaker`: what follows when a plugin's call fails, by the class of the failure and by how many."""

from __future__ import annotations

from dataclasses import dataclass

from wasmpuck.config.durations import Duration
from wasmpuck.config.fields import setting
from wasmpuck.config.kinds import Choice, Number

__all__ = ["FAILURE", "FAILURE_SENTENCE", "BreakerSettings", "FailureClasses"]

FAILURE = Choice("open", "closed", noun="failure policy")
"""What a request meets."""

FAILURE_SENTENCE = (
    "`open`: the server works without a plugin that cannot load or answer; `closed`: it refuses to start, "
    "and refuses the requests that the plugin should have judged."
)

_CLASS = Choice("open", "closed", "reload", "quarantine", noun="failure policy")
_SHOWN = "`failure`"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureClasses:
    """A table `failures`: a policy for each class of failure; None is "not given", and then `failure` says.

    `open` and `closed` are what the request meets. `reload` and `quarantine` are what happens to the plugin, at the
    first failure of the class; the request then meets `failure`.
    """

    trap: str | None = setting(
        _CLASS, None, "It crashed: `unreachable`, `stack-overflow`, `out-of-bounds` or another trap.", shown=_SHOWN
    )
    fuel: str | None = setting(_CLASS, None, "The call needed more than its fuel or its host calls.", shown=_SHOWN)
    deadline: str | None = setting(_CLASS, None, "The call took too long.", shown=_SHOWN)
    memory: str | None = setting(_CLASS, None, "The instance needed more memory than it may.", shown=_SHOWN)
    guest_error: str | None = setting(
        _CLASS,
        None,
        "It answered with an error of its own. Counts for the breaker only when it is given here.",
        shown=_SHOWN,
        key="guest-error",
    )
    host_error: str | None = setting(
        _CLASS, None, "The server failed on the plugin's behalf.", shown=_SHOWN, key="host-error"
    )
    denied_import: str | None = setting(
        _CLASS, None, "A script called an import that it was not granted.", shown=_SHOWN, key="denied-import"
    )
    overloaded: str | None = setting(
        _CLASS, None, "No instance came free, or its share of the processor is used up. Never counts.", shown=_SHOWN
    )
    bad_value: str | None = setting(
        _CLASS, None, "It passed a value that the contract does not allow.", shown=_SHOWN, key="bad-value"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """A table `breaker`: when a plugin that keeps failing is left alone, and for how long."""

    failures: int = setting(
        Number(0, 1000, "calls"), 5, "Failures after which the plugin is not called for a while; 0 is never."
    )
    of: int = setting(Number(1, 100_000, "calls"), 20, "The last calls among which the failures are counted.")
    backoff: float = setting(
        Duration("1ms", "1h"),
        1.0,
        "How long it is left alone before one call is tried; twice as long each time that call fails. "
        "Half of it is left to chance. Reloads wait as long.",
    )
    longest: float = setting(Duration("1ms", "1d"), 60.0, "What `backoff` grows to.")

    @property
    def problem(self) -> tuple[str, str, str] | None:
        """What does not fit together: the key, what is wrong, what to do."""
        if self.failures > self.of:
            return "failures", f"{self.failures} failures of {self.of} calls can never be", "raise `of` or lower it"
        if self.backoff > self.longest:
            return "backoff", f"it begins longer than `longest`, {self.longest:g} s", "raise `longest` or lower it"
        return None
