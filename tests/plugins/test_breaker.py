"""The circuit breaker, with time and chance from the tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from wasmpuck.plugins.breaker import EVENTS, TRANSITIONS, Backoff, Breaker, Event, Passage, Phase

CHANCES = st.floats(0, 1, exclude_max=True)


def opened(failures: int = 3, of: int = 10, first: float = 1.0, longest: float = 60.0) -> Breaker:
    """A breaker that has just opened at time 0, for `first` seconds or, by chance, for less."""
    breaker = Breaker(failures, of, Backoff(first, longest))
    for _ in range(failures):
        assert breaker.admit(0.0) is Passage.FREE
        breaker.failed(0, 0.0, 0.0)
    assert breaker.phase is Phase.OPEN
    return breaker


def test_every_phase_can_be_reached_and_left() -> None:
    """The table leads from each phase to another and back, and from no phase to itself."""
    assert {phase for phase, _ in TRANSITIONS} == set(Phase) == set(TRANSITIONS.values())
    assert {event for _, event in TRANSITIONS} == set(Event) == set(EVENTS)
    assert all(phase is not following for (phase, _), following in TRANSITIONS.items())


def test_what_the_table_does_not_have_is_a_defect() -> None:
    """A probe's success that nobody waits for is refused loudly."""
    with pytest.raises(RuntimeError, match="a breaker that is closed cannot have answered"):
        Breaker(1, 1, Backoff(1, 1)).answered()


@given(st.integers(1, 8), st.integers(1, 20), st.lists(st.booleans(), max_size=60))
def test_it_opens_when_enough_of_the_last_calls_have_failed(failures: int, of: int, calls: list[bool]) -> None:
    """It opens at the first call at which `failures` of the last `of` calls have failed, and not before."""
    breaker = Breaker(failures, of, Backoff(1, 1))
    successes = 0
    for place, fails in enumerate(calls):
        if fails:
            assert breaker.failed(successes, 0.0, 0.0) is (breaker.phase is Phase.OPEN)
        else:
            successes += 1
        last = calls[max(0, place + 1 - of) : place + 1]
        assert (breaker.phase is Phase.OPEN) is (sum(last) >= failures)
        if breaker.phase is Phase.OPEN:
            return


def test_no_failures_is_never() -> None:
    """A breaker of 0 failures stays closed."""
    breaker = Breaker(0, 20, Backoff(1, 1))
    assert not any(breaker.failed(0, 0.0, 0.0) for _ in range(100))
    assert breaker.admit(0.0) is Passage.FREE


def test_nothing_passes_before_the_backoff_is_over() -> None:
    """An open breaker refuses calls up to its time, and then lets one pass."""
    breaker = opened(first=1.0)  # chance 0: half a second
    assert breaker.retry_at == 0.5
    assert [(breaker.admit(now), str(breaker.phase)) for now in (0.49, 0.5, 1000.0)] == [
        (Passage.REFUSED, "open"),
        (Passage.PROBE, "half-open"),
        (Passage.REFUSED, "half-open"),
    ]


def test_a_probe_that_succeeds_closes_it() -> None:
    """After the probe's success all calls pass, and old failures count no more."""
    breaker = opened(failures=3)
    breaker.admit(1.0)
    breaker.answered()
    assert breaker.admit(1.0) is Passage.FREE
    assert not breaker.failed(1, 1.0, 0.0)
    assert not breaker.failed(1, 1.0, 0.0)
    assert breaker.failed(1, 1.0, 0.0)


def test_a_probe_that_tells_nothing_leaves_it_half_open() -> None:
    """After an abandoned probe the next call is one."""
    breaker = opened()
    assert breaker.admit(1.0) is Passage.PROBE
    breaker.abandoned()
    assert breaker.phase is Phase.HALF_OPEN
    assert breaker.admit(1.0) is Passage.PROBE


def test_late_failures_of_earlier_calls_change_nothing() -> None:
    """Calls that began before it opened and fail later neither prolong the wait nor end a probe."""
    breaker = opened()
    assert not breaker.failed(0, 0.1, 0.9)
    assert breaker.retry_at == 0.5
    assert breaker.admit(0.5) is Passage.PROBE
    assert not breaker.failed(0, 0.6, 0.9)
    assert breaker.phase is Phase.HALF_OPEN
    assert breaker.admit(0.7) is Passage.REFUSED


@given(st.floats(0.001, 100), st.floats(1, 1000), st.lists(CHANCES, min_size=1, max_size=40))
def test_waiting_times_double_up_to_their_bound(first: float, times: float, chances: list[float]) -> None:
    """Ceilings never fall and never pass the bound; each time is between half its ceiling and all of it."""
    backoff = Backoff(first, first * times)
    ceilings = []
    for chance in chances:
        ceilings.append(backoff.ceiling)
        assert backoff.ceiling / 2 <= backoff.next(chance) <= backoff.ceiling * (1 + 1e-9)
    assert ceilings == sorted(ceilings)
    assert ceilings == [min(first * 2**number, first * times) for number in range(len(chances))]
    backoff.reset()
    assert backoff.ceiling == first


@given(st.lists(CHANCES, min_size=1, max_size=12))
def test_each_failed_probe_waits_longer_and_a_success_begins_again(chances: list[float]) -> None:
    """As long as the bound is far, every wait is at least as long as the one before; success resets the first."""
    breaker = opened(first=1.0, longest=1e9)
    now, last = 0.5, 0.5
    for chance in chances:
        assert breaker.admit(now) is Passage.PROBE
        assert breaker.failed(0, now, chance, probe=True)
        waits = breaker.retry_at - now
        assert waits >= last * (1 - 1e-9)
        now, last = breaker.retry_at, waits
    assert breaker.admit(now) is Passage.PROBE
    breaker.answered()
    for _ in range(3):
        breaker.failed(0, now, 0.0)
    assert breaker.retry_at - now == pytest.approx(0.5)


class Traffic(RuleBasedStateMachine):
    """Calls that begin and end in any order, as the loop may have them."""

    @initialize(failures=st.integers(1, 3), of=st.integers(3, 6))
    def begin(self, failures: int, of: int) -> None:
        """A breaker and a clock."""
        self.breaker = Breaker(failures, of, Backoff(1.0, 8.0))
        self.now = 0.0
        self.running: list[Passage] = []
        self.successes = 0

    @rule(seconds=st.floats(0, 10))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @rule()
    def call(self) -> None:
        """A call asks, and begins if it may."""
        before = self.breaker.phase
        passage = self.breaker.admit(self.now)
        assert (passage is Passage.FREE) is (before is Phase.CLOSED)
        if before is Phase.OPEN:
            assert (passage is Passage.PROBE) is (self.now >= self.breaker.retry_at)
        if passage is not Passage.REFUSED:
            self.running.append(passage)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), end=st.sampled_from(["succeeds", "fails", "tells nothing"]), chance=CHANCES)
    def end(self, data: st.DataObject, end: str, chance: float) -> None:
        """One of the calls that run ends."""
        passage = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        before = self.breaker.phase
        if end == "succeeds":
            self.successes += 1
            if passage is Passage.PROBE:
                self.breaker.answered()
                assert self.breaker.phase is Phase.CLOSED
        elif end == "fails":
            opens = self.breaker.failed(self.successes, self.now, chance, probe=passage is Passage.PROBE)
            assert opens is (self.breaker.phase is Phase.OPEN and before is not Phase.OPEN)
            assert opens or passage is Passage.FREE
        elif passage is Passage.PROBE:
            self.breaker.abandoned()

    @invariant()
    def one_probe_at_most(self) -> None:
        """Never do two probes run, and one only while the breaker is half-open."""
        probes = self.running.count(Passage.PROBE) if hasattr(self, "running") else 0
        assert probes <= 1
        assert not probes or self.breaker.phase is Phase.HALF_OPEN

    @invariant()
    def the_wait_is_bounded(self) -> None:
        """An open breaker lets a call pass after its longest backoff."""
        if hasattr(self, "breaker") and self.breaker.phase is Phase.OPEN:
            assert self.breaker.retry_at - self.now <= 8.0


def test_in_whatever_order_calls_end_there_is_one_probe_at_most() -> None:
    """Any traffic keeps to the table: one probe at a time, and a call after the longest backoff always passes."""
    run_state_machine_as_test(Traffic)
