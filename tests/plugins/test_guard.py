"""A generation's guard, with calls, time and chance from the tests."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any

import pytest

from runtime.guests import refusal, run
from wasmpuck.config import BreakerSettings, FailureClasses, PluginSettings
from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.plugins.breaker import Phase
from wasmpuck.plugins.failure import Fate
from wasmpuck.plugins.guard import Guard, Ledger
from wasmpuck.plugins.incidents import Incidents
from wasmpuck.runtime.accounting import Account
from wasmpuck.runtime.marshal import BadValue

EXPORT = "middleware.on-request"


class Stage:
    """A guard with everything that it touches. Its breaker opens after 3 failures of 10 calls, for half a second."""

    def __init__(self, *, failure: str = "open", in_service: bool = True, **classes: str) -> None:
        self.now = 100.0
        self.fates: list[tuple[Fate, str]] = []
        self.account = Account("x")
        self.failures: Counter[tuple[CallReason, str]] = Counter()
        self._in_service = in_service
        self.calls = 0
        settings = PluginSettings(
            name="x",
            enabled=True,
            failure=failure,
            failures=FailureClasses(**classes),
            breaker=BreakerSettings(failures=3, of=10, backoff=1.0, longest=60.0),
        )
        ledger = Ledger(self.account, Incidents("x", self.time), self.failures)
        self.guard = Guard(settings, ledger, self._befall, monotonic=self.time, chance=lambda: 0.0)

    def time(self) -> float:
        """The time that the test has set."""
        return self.now

    def _befall(self, fate: Fate, why: str) -> bool:
        self.fates.append((fate, why))
        return self._in_service

    def fail(self, *reasons: CallReason, backtrace: str = "") -> None:
        """Calls end so."""
        for reason in reasons:
            self.guard.failed(EXPORT, CallFailed(reason, f"it had {reason}", backtrace=backtrace))

    async def succeed(self, export: str) -> str:
        """A call that ends well."""
        assert export == EXPORT
        self.calls += 1
        await asyncio.sleep(0)
        return "answer"

    async def trap(self, export: str) -> Any:
        """A call that crashes."""
        self.calls += 1
        raise CallFailed(CallReason.TRAP, "it crashed")

    async def attempt(self) -> Any:
        """A call that would end well, if it is made."""
        return await self.guard.attempt(self.succeed, EXPORT, ())


def opened(**settings: Any) -> Stage:
    """A stage whose breaker has just opened."""
    stage = Stage(**settings)
    stage.fail(CallReason.TRAP, CallReason.TRAP, CallReason.TRAP)
    assert stage.guard.impeded
    return stage


def test_failures_impede_only_when_enough_of_the_last_calls_failed() -> None:
    """Failures that are further apart than the last calls are no reason to stop."""
    stage = Stage()
    outcomes = stage.account.of(EXPORT).outcomes
    for _ in range(5):
        stage.fail(CallReason.TRAP)
        outcomes[CallReason.OK] += 5
    assert str(stage.guard.phase) == "closed"
    stage.fail(CallReason.TRAP, CallReason.TRAP)
    assert str(stage.guard.phase) == "open"
    assert stage.guard.impeded


def test_what_does_not_count_never_impedes() -> None:
    """Overload, and a plugin's own errors when they are not configured, leave the breaker closed."""
    stage = Stage()
    stage.fail(*[CallReason.OVERLOADED, CallReason.GUEST_ERROR] * 20)
    assert not stage.guard.impeded
    assert stage.failures == {(CallReason.OVERLOADED, "open"): 20, (CallReason.GUEST_ERROR, "open"): 20}


def test_an_open_breaker_makes_no_calls_and_counts_them() -> None:
    """While it is open a call fails as suspended, is counted as that, and the plugin is not entered."""

    async def main() -> None:
        stage = opened()
        failure = await refusal(stage.attempt(), CallReason.SUSPENDED)
        assert "not called for another 0.5 s" in failure.message
        assert "wasmpuck plugins swap x" in failure.hint
        assert stage.calls == 0
        assert stage.account.of(EXPORT).outcomes == {CallReason.SUSPENDED: 1}
        assert stage.failures[CallReason.SUSPENDED, "open"] == 1
        assert stage.guard.wait == 0.5

    run(main())


def test_one_call_at_a_time_finds_out_whether_it_is_well() -> None:
    """After the backoff one of many calls is made; when it succeeds all are."""

    async def main() -> None:
        stage = opened()
        stage.now += 0.5
        results = await asyncio.gather(*(stage.attempt() for _ in range(5)), return_exceptions=True)
        assert results[0] == "answer"
        assert [each.reason for each in results[1:] if isinstance(each, CallFailed)] == [CallReason.SUSPENDED] * 4
        assert stage.calls == 1
        assert not stage.guard.impeded
        assert stage.guard.phase is Phase.CLOSED

    run(main())


def test_a_call_that_fails_again_doubles_the_wait() -> None:
    """Each failed trial opens the breaker for twice as long."""

    async def main() -> None:
        stage = opened()
        for wait in (0.5, 1.0, 2.0, 4.0):
            assert stage.guard.wait == wait
            stage.now += wait
            await refusal(stage.guard.attempt(stage.trap, EXPORT, ()), CallReason.TRAP)
            assert stage.guard.impeded

    run(main())


@pytest.mark.parametrize(
    "end", [CallFailed(CallReason.OVERLOADED, "busy"), asyncio.CancelledError(), KeyError("defect")]
)
def test_a_trial_that_tells_nothing_is_followed_by_another(end: BaseException) -> None:
    """When the trial ends for a reason that is not the plugin's, the next call is the trial."""

    async def ends(export: str) -> None:
        raise end

    async def main() -> None:
        stage = opened()
        stage.now += 0.5
        with pytest.raises(type(end)):
            await stage.guard.attempt(ends, EXPORT, ())
        assert stage.guard.phase is Phase.HALF_OPEN
        assert await stage.attempt() == "answer"

    run(main())


def test_a_suspended_call_meets_the_strictest_of_what_suspended_it() -> None:
    """A plugin that must judge after a crash is not passed by because it has also been slow."""
    stage = Stage(failure="open", trap="closed")
    stage.fail(CallReason.DEADLINE, CallReason.TRAP, CallReason.DEADLINE)
    assert stage.guard.impeded
    assert stage.guard.refuses(CallReason.SUSPENDED)
    assert stage.guard.refuses(CallReason.TRAP)
    assert not stage.guard.refuses(CallReason.DEADLINE)
    lenient = Stage(failure="closed", deadline="open")
    lenient.fail(*[CallReason.DEADLINE] * 3)
    assert not lenient.guard.refuses(CallReason.SUSPENDED)


def test_values_that_never_reached_the_guest_are_not_its_failures() -> None:
    """What a client sends and the contract cannot hold neither suspends a plugin nor takes it out of service."""
    stage = Stage(failure="closed", bad_value="quarantine")
    for _ in range(10):
        failure = CallFailed(CallReason.BAD_VALUE, "a lone surrogate")
        failure.__cause__ = BadValue("a lone surrogate")
        stage.guard.failed(EXPORT, failure)
    assert not stage.guard.impeded
    assert stage.fates == []
    assert stage.failures == {(CallReason.BAD_VALUE, "closed"): 10}
    stage.fail(CallReason.BAD_VALUE)
    assert [fate for fate, _ in stage.fates] == [Fate.QUARANTINE]


def test_a_quarantined_plugin_is_not_called_again() -> None:
    """After a failure whose policy is quarantine every call is refused, however long ago it was."""

    async def main() -> None:
        stage = Stage(failure="closed", fuel="quarantine")
        stage.fail(CallReason.FUEL)
        assert stage.fates == [(Fate.QUARANTINE, f"fuel in {EXPORT}: it had fuel")]
        assert stage.guard.impeded
        stage.now += 1e6
        failure = await refusal(stage.attempt(), CallReason.SUSPENDED)
        assert f"in quarantine: fuel in {EXPORT}" in failure.message
        assert stage.guard.refuses(CallReason.SUSPENDED)
        assert stage.calls == 0
        stage.fail(CallReason.FUEL)
        assert len(stage.fates) == 1

    run(main())


def test_a_trial_that_quarantines_stays_the_last_call() -> None:
    """A plugin that is quarantined while its trial runs elsewhere is not put back into use by that trial's success."""

    async def main() -> None:
        stage = opened(fuel="quarantine")
        stage.now += 0.5

        async def succeeds_late(export: str) -> str:
            stage.fail(CallReason.FUEL)
            return "answer"

        assert await stage.guard.attempt(succeeds_late, EXPORT, ()) == "answer"
        assert stage.guard.impeded
        await refusal(stage.attempt(), CallReason.SUSPENDED)

    run(main())


def test_a_generation_on_its_way_out_is_left_alone() -> None:
    """When the lifecycle does not do what the policy says, the guard does not either."""
    stage = Stage(in_service=False, trap="quarantine")
    stage.fail(CallReason.TRAP)
    assert [fate for fate, _ in stage.fates] == [Fate.QUARANTINE]
    assert not stage.guard.impeded


def test_each_transition_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Suspension, trial, recovery and quarantine are one line each, calls that are not made are none."""

    async def main() -> None:
        stage = Stage(memory="quarantine")
        stage.fail(*[CallReason.TRAP] * 3, backtrace="inner\nouter")
        for _ in range(50):
            await refusal(stage.attempt())
        stage.now += 0.5
        await refusal(stage.guard.attempt(stage.trap, EXPORT, ()))
        stage.now += 1.0
        await stage.attempt()
        stage.fail(CallReason.MEMORY, backtrace="grow")

    with caplog.at_level(logging.INFO, "wasmpuck.plugins.guard"):
        run(main())
    lines = [record for record in caplog.records if record.name == "wasmpuck.plugins.guard"]
    assert [(record.levelname, record.getMessage().removeprefix("plugin x ")) for record in lines] == [
        ("WARNING", f"is not called for 0.5 s: 3 of its last calls failed (last trap in {EXPORT}: it had trap)"),
        ("INFO", "is tried with one call"),
        ("WARNING", f"is not called for 1.0 s: the call that tried it failed (last trap in {EXPORT}: it crashed)"),
        ("INFO", "is tried with one call"),
        ("INFO", "answers again and is in use"),
        ("ERROR", f"is in quarantine and will not be called again (memory in {EXPORT}: it had memory)"),
    ]
    assert [vars(record).get("backtrace") for record in lines] == ["inner < outer", None, None, None, None, "grow"]
