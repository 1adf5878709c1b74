"""Shares over time."""

from __future__ import annotations

from wasmpuck.runtime.accounting import RateBucket


def test_a_burst_and_then_the_rate() -> None:
    """Ten seconds' worth at once, then as much as comes in."""
    bucket = RateBucket(2, 0.0)
    assert [bucket.take(1, 0.0) for _ in range(21)] == [True] * 20 + [False]
    assert [bucket.take(1, 1.0) for _ in range(3)] == [True, True, False]
    assert [bucket.take(1, 1000.0) for _ in range(21)] == [True] * 20 + [False]


def test_debt_is_paid_off() -> None:
    """What was spent beyond the level has to come in before the debt is over."""
    bucket = RateBucket(0.5, 0.0)
    bucket.spend(6.0, 0.0)
    assert bucket.empty
    assert bucket.in_debt(1.9)
    assert not bucket.in_debt(2.0)
    bucket.spend(0.0, 3.0)
    assert not bucket.empty


def test_nothing_is_granted_by_a_rate_of_zero() -> None:
    """A rate of zero never gives anything."""
    bucket = RateBucket(0, 0.0)
    assert not bucket.take(1, 1e9)
