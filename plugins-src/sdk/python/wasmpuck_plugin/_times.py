"""Spans and points in time: seconds, `timedelta` and `datetime` here, milliseconds in the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

__all__ = ["Span", "from_milliseconds", "milliseconds", "since_1970"]

Span: TypeAlias = float | timedelta
"""Seconds, or a `timedelta`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = 2**32 - 1


def milliseconds(span: Span) -> int:
    """A span as the contract wants it. Raises `ValueError` if it is negative or longer than 49 days."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    number = round(seconds * 1000)
    if not 0 <= number <= _MOST:
        raise ValueError(f"a span of {seconds} s is not between 0 and {_MOST / 1000} s")
    return number


def since_1970(when: datetime) -> float:
    """A point in time as the contract wants it. Raises `ValueError` for one without a time zone."""
    if when.tzinfo is None:
        raise ValueError("a time without a time zone can be anything: use datetime.now(UTC) or clock.now()")
    return (when - _EPOCH) / timedelta(milliseconds=1)


def from_milliseconds(number: float) -> datetime:
    """The point in time, in UTC."""
    return _EPOCH + timedelta(milliseconds=number)
