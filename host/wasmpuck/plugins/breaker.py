"""A circuit breaker as a table: a plugin that keeps failing is left alone, then tried with one call at a time.

Theory of operation. While the breaker is closed every call passes, and only failures are reported to it. When enough of
the last calls have failed it opens: no call passes until a backoff is over. The call after that is the probe, and
others are refused until it has ended. A probe that succeeds closes the breaker and starts the backoff from the
beginning; one that fails opens it again for twice as long, up to a bound. A probe that ends without telling anything
about the plugin (its client went away, no instance was free) leaves the breaker half-open for the next.

    closed ──tripped──→ open ──waited──→ half-open ──answered──→ closed
                          ↑                  │
                          └──────failed──────┘

There is no input, output, clock or randomness in here: `now` is in seconds and never goes back, `chance` is a number
from 0 up to 1 (excluded).
"""

from __future__ import annotations

from collections import deque
from enum import Enum, StrEnum
from typing import Final

__all__ = ["EVENTS", "TRANSITIONS", "Backoff", "Breaker", "Event", "Passage", "Phase"]


class Phase(StrEnum):
    """Where a breaker is. The value is shown to operators."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Event(StrEnum):
    """What moves a breaker."""

    TRIPPED = "tripped"
    WAITED = "waited"
    ANSWERED = "answered"
    FAILED = "failed"


#: What each event is, for people.
EVENTS: Final[dict[Event, str]] = {
    Event.TRIPPED: "enough of the last calls have failed",
    Event.WAITED: "the backoff is over and there is a call",
    Event.ANSWERED: "the call that is tried succeeds",
    Event.FAILED: "the call that is tried fails",
}

#: Where each event leads. Nothing else happens to a breaker.
TRANSITIONS: Final[dict[tuple[Phase, Event], Phase]] = {
    (Phase.CLOSED, Event.TRIPPED): Phase.OPEN,
    (Phase.OPEN, Event.WAITED): Phase.HALF_OPEN,
    (Phase.HALF_OPEN, Event.ANSWERED): Phase.CLOSED,
    (Phase.HALF_OPEN, Event.FAILED): Phase.OPEN,
}


class Passage(Enum):
    """What a breaker says to a call."""

    FREE = "free"
    PROBE = "probe"
    REFUSED = "refused"


class Backoff:
    """Waiting times that double up to a bound. Half of each is left to chance, so that servers do not act together.

    Args:
        first, longest: seconds; `first` is not above `longest`.
    """

    __slots__ = ("_first", "ceiling", "longest")

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self.longest = longest
        #: The most that the next time can be.
        self.ceiling = first

    def next(self, chance: float) -> float:
        """The next waiting time in seconds: half the ceiling to all of it. The one after that has twice the ceiling."""
        ceiling = self.ceiling
        self.ceiling = min(2 * ceiling, self.longest)
        return ceiling * (1 + chance) / 2

    def reset(self) -> None:
        """Begins again."""
        self.ceiling = self._first


class Breaker:
    """One breaker.

    Args:
        failures: how many failures open it; 0 is never.
        of: among how many of the last calls.
        backoff: how long it stays open; owned by the breaker.
    """

    __slots__ = ("_at", "_backoff", "_failed", "_most", "_of", "_probing", "phase", "retry_at")

    def __init__(self, failures: int, of: int, backoff: Backoff) -> None:
        self._most = failures
        self._of = of
        self._backoff = backoff
        self._at: deque[int] = deque(maxlen=failures)  # places of the last failures in the sequence of calls
        self._failed = 0
        self._probing = False
        self.phase = Phase.CLOSED
        #: When an open breaker lets a probe pass.
        self.retry_at = 0.0

    def _go(self, event: Event) -> None:
        following = TRANSITIONS.get((self.phase, event))
        if following is None:
            raise RuntimeError(f"a breaker that is {self.phase} cannot have {event}")
        self.phase = following

    def admit(self, now: float) -> Passage:
        """Whether a call may pass. After `PROBE` must follow `answered`, `failed` with `probe`, or `abandoned`."""
        if self.phase is Phase.CLOSED:
            return Passage.FREE
        if self.phase is Phase.OPEN and now >= self.retry_at:
            self._go(Event.WAITED)
        if self.phase is Phase.OPEN or self._probing:
            return Passage.REFUSED
        self._probing = True
        return Passage.PROBE

    def answered(self) -> None:
        """The probe succeeded."""
        self._probing = False
        self._go(Event.ANSWERED)
        self._at.clear()
        self._backoff.reset()

    def abandoned(self) -> None:
        """The probe ended, and nothing is known."""
        self._probing = False

    def failed(self, successes: int, now: float, chance: float, *, probe: bool = False) -> bool:
        """A call failed; true when this has opened the breaker.

        What fails while the breaker is not closed and was no probe began before it opened: it changes nothing.

        Args:
            successes: calls that have succeeded so far, counted from any beginning. So the good case costs nothing.
        """
        if probe:
            self._probing = False
            self._open(Event.FAILED, now, chance)
            return True
        if self.phase is not Phase.CLOSED:
            return False
        self._failed += 1
        self._at.append(successes + self._failed)
        if not self._most or len(self._at) < self._most or self._at[-1] - self._at[0] >= self._of:
            return False
        self._open(Event.TRIPPED, now, chance)
        return True

    def _open(self, event: Event, now: float, chance: float) -> None:
        self._go(event)
        self.retry_at = now + self._backoff.next(chance)
