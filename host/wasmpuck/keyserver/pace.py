"""How often something may happen for each of many: addresses that get letters, clients that ask for them."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from wasmpuck.errors import ClientError

__all__ = ["Pace", "TooOften"]

_MOST_REMEMBERED = 100_000
"""Subjects that are remembered at once: about 20 MB at worst. The one not seen for longest is forgotten first."""


class TooOften(ClientError):
    """More than is allowed; `retry_after` is in whole seconds."""

    status = 429

    def __init__(self, message: str, *, retry_after: int, hint: str = "") -> None:
        super().__init__(message, hint=hint or f"Try again in {retry_after} seconds.")
        self.retry_after = retry_after


class Pace:
    """At most `most` times for each subject in any `window` seconds. Kept in memory: a restart forgets."""

    def __init__(self, most: int, window: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._window = window
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, subject: str, count: int = 1) -> float:
        """Seconds until it is allowed `count` times more; 0 when it is now, the whole window if it never is."""
        if count > self._most:
            return self._window
        times = self._current(subject)
        surplus = 0 if times is None else len(times) + count - self._most
        return 0.0 if times is None or surplus <= 0 else times[surplus - 1] + self._window - self._clock()

    def note(self, subject: str) -> None:
        """It happened."""
        times = self._times.setdefault(subject, deque())
        times.append(self._clock())
        self._times.move_to_end(subject)
        while len(self._times) > _MOST_REMEMBERED:
            self._times.popitem(last=False)

    def check(self, subject: str, message: str, count: int = 1) -> None:
        """Raises `TooOften` with `message` if it is not allowed `count` times now."""
        wait = self.wait(subject, count)
        if wait > 0:
            raise TooOften(message, retry_after=int(wait) + 1)

    def _current(self, subject: str) -> deque[float] | None:
        times = self._times.get(subject)
        if times is None:
            return None
        oldest = self._clock() - self._window
        while times and times[0] <= oldest:
            times.popleft()
        if not times:
            del self._times[subject]
            return None
        return times
