"""Host functions: what they cost, how they fail, and that nothing but a value or a recorded failure leaves them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from runtime.guests import BUDGET, Guest, Rig, doing, run, until
from wasmpuck.config import PluginLimits
from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.runtime.host import BYTE_FUEL, CALL_FUEL, weigh
from wasmpuck.runtime.limits import CallBudget, call_budget
from wasmpuck.runtime.values import Case, Some

HEALTH = "lifecycle.health"
NOW = "call $clock.now drop"


class Clock:
    """A clock whose `now` does what a test wants."""

    functions = frozenset({"now", "monotonic"})

    def __init__(self, action: Callable[[], Any]) -> None:
        self._action = action

    def now(self) -> Any:
        return self._action()


class SlowClock(Clock):
    """The same as a coroutine: the guest waits."""

    async def now(self) -> Any:
        await asyncio.sleep(0)
        return self._action()


def guest(code: str, extra: str = "") -> Guest:
    return Guest(imports={"clock": ["now"]}, bodies={HEALTH: doing(code)}, extra=extra)


def raising(error: BaseException) -> Callable[[], Any]:
    def action() -> Any:
        raise error

    return action


@pytest.mark.parametrize("kind", [Clock, SlowClock])
def test_a_value_reaches_the_guest(kind: type[Clock]) -> None:
    """What a host function returns is what the guest gets, at once or after waiting."""
    code = "(if (f64.ne (call $clock.now) (f64.const 42.5)) (then unreachable))"

    async def main() -> None:
        async with Rig(guest(code), {"clock": kind(lambda: 42.5)}) as rig:
            instance = await rig.instance()
            for _ in range(3):
                assert await rig.call(instance, HEALTH) == Case("healthy")
            assert instance.host_calls == 1
            assert rig.linker.host_calls == {"clock.now": 3}

    run(main())


ERRORS = [
    ValueError("out of luck"),
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    asyncio.CancelledError(),
    RecursionError(),
    MemoryError(),
    StopIteration(7),
]


@pytest.mark.parametrize("kind", [Clock, SlowClock])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_no_exception_leaves_a_host_function(kind: type[Clock], error: BaseException) -> None:
    """Whatever is raised becomes the call's failure, with the exception as its cause, and the server goes on."""

    async def main() -> None:
        async with Rig(guest(NOW), {"clock": kind(raising(error))}) as rig:
            failure = await rig.failure(HEALTH, budget=CallBudget(deadline=20))
            assert failure.reason is CallReason.HOST_ERROR
            cause: BaseException | None = failure.__cause__
            if isinstance(error, StopIteration) and kind is SlowClock:  # PEP 479: a coroutine cannot raise it
                assert isinstance(cause, RuntimeError)
                cause = cause.__cause__
            assert cause is error
            assert failure.message.startswith("clock.now failed: ")

    run(main())


def test_a_failed_call_of_the_host_is_passed_on() -> None:
    """A `CallFailed` raised by a capability keeps its own reason."""
    error = CallFailed(CallReason.MEMORY, "not for you")

    async def main() -> None:
        async with Rig(guest(NOW), {"clock": Clock(raising(error))}) as rig:
            failure = await rig.failure(HEALTH)
            assert failure is error
            assert failure.backtrace

    run(main())


@pytest.mark.parametrize("kind", [Clock, SlowClock])
@pytest.mark.parametrize("value", ["text", None, (1.0,)])
def test_a_wrong_value_of_the_host_is_named(kind: type[Clock], value: Any) -> None:
    """A capability that returns what does not fit ends the call, and the guest never sees the value."""

    async def main() -> None:
        async with Rig(guest(NOW + " unreachable"), {"clock": kind(lambda: value)}) as rig:
            failure = await rig.failure(HEALTH)
            assert failure.reason is CallReason.BAD_VALUE
            assert "clock.now" in failure.message

    run(main())


def test_the_first_failure_counts() -> None:
    """A guest cannot go on after a failed host call, so the failure is the host's and not a later trap."""

    async def main() -> None:
        async with Rig(guest(NOW + " unreachable"), {"clock": Clock(raising(ValueError("first")))}) as rig:
            assert "first" in (await rig.failure(HEALTH)).message

    run(main())


def _loop(times: int) -> str:
    return f"""(local $n i32) (loop $l {NOW}
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $n) (i32.const {times}))))"""


def test_host_calls_cost_fuel() -> None:
    """Each host call costs the guest a fixed amount of fuel besides what its own instructions cost."""

    async def used(times: int) -> int:
        async with Rig(guest(_loop(times)), {"clock": Clock(lambda: 1.0)}) as rig:
            instance = await rig.instance()
            await rig.call(instance, HEALTH)
            assert instance.host_calls == times
            return instance.fuel_used

    one, many = run(used(1)), run(used(1001))
    assert 1000 * CALL_FUEL <= many - one <= 1000 * (CALL_FUEL + 20)


def test_bytes_cost_fuel() -> None:
    """Text that a guest passes and receives is charged by the byte."""

    async def used(size: int) -> tuple[int, int]:
        code = f"(call $log.write (i32.const 0) (i32.const 0) (i32.const {size}) (i32.const 0) (i32.const 0))"
        probe = Guest(imports={"log": ["write"]}, bodies={HEALTH: doing(code)})
        async with Rig(probe, {"log": _Log()}) as rig:
            instance = await rig.instance()
            await rig.call(instance, HEALTH)
            return instance.fuel_used, instance.host_bytes

    (small, none), (large, some) = run(used(0)), run(used(5000))
    assert (none, some) == (5, 5005)  # the level is text, too
    assert large - small == 5000 * BYTE_FUEL


class _Random:
    functions = frozenset({"bytes"})

    def bytes(self, count: int) -> bytes:
        return b"x" * count


class _SlowRandom(_Random):
    async def bytes(self, count: int) -> bytes:  # type: ignore[override]  # a capability may wait
        return b"x" * count


@pytest.mark.parametrize("capability", [_Random(), _SlowRandom()])
def test_bytes_that_the_host_gives_cost_fuel(capability: Any) -> None:
    """What a host function returns is charged by the byte, whether the guest had to wait for it or not."""

    async def used(size: int) -> tuple[int, int]:
        probe = Guest(
            imports={"random": ["bytes"]},
            bodies={HEALTH: doing(f"(call $random.bytes (i32.const {size}) (i32.const 40))")},
        )
        async with Rig(probe, {"random": capability}) as rig:
            instance = await rig.instance()
            await rig.call(instance, HEALTH)
            return instance.fuel_used, instance.host_bytes

    (small, one), (large, some) = run(used(1)), run(used(5001))
    assert (one, some) == (1, 5001)
    assert large - small == 5000 * BYTE_FUEL


class _Log:
    functions = frozenset({"write"})

    def write(self, level: str, message: str, fields: list[Any]) -> None:
        pass


def test_the_price_of_host_calls_ends_a_call() -> None:
    """A guest that only calls the host runs out of fuel, and the report says that it used all of it."""

    async def main() -> None:
        async with Rig(guest(_loop(1_000_000)), {"clock": Clock(lambda: 1.0)}) as rig:
            budget = CallBudget(fuel=1_000_000, host_calls=10**9)
            failure = await rig.failure(HEALTH, budget=budget)
            assert failure.reason is CallReason.FUEL
            assert rig.instances[-1].fuel_used == 1_000_000
            assert 400 <= rig.instances[-1].host_calls <= 600

    run(main())


def test_the_number_of_host_calls_is_limited() -> None:
    """One call more than granted ends the guest's call with a hint to the limit; as many as granted do not."""

    async def main() -> None:
        async with Rig(guest(_loop(50)), {"clock": Clock(lambda: 1.0)}) as rig:
            instance = await rig.instance()
            assert await rig.call(instance, HEALTH, budget=CallBudget(host_calls=50)) == Case("healthy")
            failure = await rig.failure(HEALTH, budget=CallBudget(host_calls=49))
            assert failure.reason is CallReason.FUEL
            assert failure.message == "more than 49 host calls in one call"
            assert failure.hint == "raise limits.hostCalls for this plugin"

    run(main())


def test_the_counts_begin_anew_with_each_call() -> None:
    """A budget is a call's: what earlier calls used is not held against the next."""

    async def main() -> None:
        async with Rig(guest(_loop(50)), {"clock": Clock(lambda: 1.0)}) as rig:
            instance = await rig.instance()
            for _ in range(3):
                await rig.call(instance, HEALTH, budget=CallBudget(fuel=200_000, host_calls=50))
                assert instance.host_calls == 50
                assert 100_000 < instance.fuel_used < 110_000

    run(main())


def test_several_waits_in_one_call() -> None:
    """A guest may wait again and again; each wait goes through the event loop and the call ends well."""
    other = []

    async def bystander() -> None:
        for number in range(20):
            other.append(number)
            await asyncio.sleep(0)

    async def main() -> None:
        async with Rig(guest(_loop(20)), {"clock": SlowClock(lambda: 1.0)}) as rig:
            instance = await rig.instance()
            task = asyncio.create_task(bystander())
            assert await rig.call(instance, HEALTH) == Case("healthy")
            assert len(other) == 20
            await task

    run(main())


def test_many_guests_wait_side_by_side() -> None:
    """Calls on different instances overlap while they wait, and each gets its own answer."""
    gate: list[asyncio.Future[float]] = []

    class Gate:
        functions = frozenset({"now"})

        async def now(self) -> float:
            future = asyncio.get_running_loop().create_future()
            gate.append(future)
            return float(await future)

    code = "(if (f64.ne (call $clock.now) (f64.const 7)) (then unreachable))"

    async def main() -> None:
        async with Rig(guest(code), {"clock": Gate()}) as rig:
            instances = [await rig.instance(watch_memory=False) for _ in range(50)]
            calls = [asyncio.create_task(rig.call(each, HEALTH)) for each in instances]
            await until(lambda: len(gate) == 50)
            for index, future in reversed(list(enumerate(gate))):
                future.set_result(8.0 if index == 13 else 7.0)
            answers = await asyncio.gather(*calls, return_exceptions=True)
        failed = [index for index, answer in enumerate(answers) if answer != Case("healthy")]
        assert len(failed) == 1
        assert isinstance(answers[failed[0]], CallFailed)

    run(main())


def test_a_host_function_may_call_another_guest() -> None:
    """While one guest waits, its host function may run another; both keep their own accounts."""

    async def main() -> None:
        async with Rig(guest(_loop(3)), {"clock": Clock(lambda: 2.0)}) as inner:
            callee = await inner.instance()

            class Relay:
                functions = frozenset({"now"})

                async def now(self) -> float:
                    await inner.call(callee, HEALTH)
                    return 1.0

            async with Rig(guest(_loop(2)), {"clock": Relay()}) as outer:
                caller = await outer.instance()
                assert await outer.call(caller, HEALTH) == Case("healthy")
                assert (caller.host_calls, callee.host_calls) == (2, 3)

    run(main())


@pytest.mark.parametrize(
    ("value", "size"),
    [("text", 4), (b"abc", 3), (1, 0), (None, 0), (["ab", "c"], 35), (("a", ["b"]), 18), (Some("xy"), 2), ([], 0)],
)
def test_values_are_weighed(value: Any, size: int) -> None:
    """Text and bytes count by length, a list's elements by sixteen more."""
    assert weigh(value) == size


def test_a_function_that_is_closed_is_gone() -> None:
    """After the linker is closed no number leads to its functions any more."""

    async def main() -> None:
        async with Rig(guest(NOW), {"clock": Clock(lambda: 1.0)}) as rig:
            assert rig.linker.host_calls == {"clock.now": 0}
            rig.linker.close()
            assert rig.linker.host_calls == {}

    run(main())


def test_the_budget_of_these_tests_is_the_default() -> None:
    """The defaults are those of the configuration."""
    assert call_budget(PluginLimits()) == BUDGET
