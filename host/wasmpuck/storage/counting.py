"""Hourly counters as the statistics that are shown."""

from __future__ import annotations

from collections.abc import Iterable

from .values import Statistics, Tally

__all__ = ["DAY", "HOUR", "oldest_shown", "statistics_of"]

HOUR, DAY = 3_600, 86_400
_HOURS_SHOWN, _DAYS_SHOWN = 24, 7


def oldest_shown(now: float) -> int:
    """The beginning of the first hour that is still shown."""
    today = int(now) // DAY * DAY
    return today - (_DAYS_SHOWN - 1) * DAY


def statistics_of(total: int, tallies: Iterable[Tally], now: float) -> Statistics:
    """From counters by the hour, newest first, none older than `oldest_shown`."""
    rows = list(tallies)
    this_hour = int(now) // HOUR * HOUR
    hourly = tuple(row for row in rows if row.start > this_hour - _HOURS_SHOWN * HOUR)
    days: dict[int, list[int]] = {}
    for row in rows:
        day = days.setdefault(row.start // DAY * DAY, [0, 0, 0])
        day[:] = [day[0] + row.inserted, day[1] + row.updated, day[2] + row.deleted]
    return Statistics(total, hourly, tuple(Tally(start, *numbers) for start, numbers in days.items()))
