"""One instance: its calls as awaitables, and every way in which they can end early."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any

import pytest

from runtime.guests import BUDGET, Guest, Rig, doing, engine, refusal, run, until
from wasmpuck.errors import CallReason
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import CallBudget, StoreLimits
from wasmpuck.runtime.marshal import BadValue
from wasmpuck.runtime.values import Case, Ok

HEALTH = "lifecycle.health"
SPIN = "(loop $l br $l)"
#: Spins in `health`, waits in `start`, answers at once in `self-test`.
MIXED = Guest(
    imports={"clock": ["now"]},
    bodies={HEALTH: doing(SPIN), "lifecycle.start": doing("call $clock.now drop", "lifecycle.start")},
)
LONG = CallBudget(fuel=10**12, deadline=30, host_deadline=30)


class Never:
    """A clock that waits until it is told to go on, and knows who gave up waiting."""

    functions = frozenset({"now"})

    def __init__(self) -> None:
        self.waiting = 0
        self.given_up = 0
        self.release = asyncio.Event()

    async def now(self) -> float:
        self.waiting += 1
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return 1.0


def test_a_call_describes_itself() -> None:
    """After a call the instance knows its fuel, host calls and time; without waiting all of it is the guest's."""

    async def main() -> None:
        async with Rig(MIXED, {"clock": Never()}) as rig:
            instance = await rig.instance()
            assert await rig.call(instance, "lifecycle.self-test") == Ok()
            assert 0 < instance.fuel_used < 100
            assert instance.host_calls == 0
            assert 0 < instance.seconds == instance.guest_seconds
            assert instance.calls == 1

    run(main())


def test_the_same_call_uses_the_same_fuel() -> None:
    """Fuel does not depend on the instance or on earlier calls."""

    async def main() -> None:
        async with Rig(MIXED, {"clock": Never()}) as rig:
            used = set()
            for _ in range(3):
                instance = await rig.instance()
                for _ in range(3):
                    await rig.call(instance, "lifecycle.validate-config", '{"a":1}')
                    used.add(instance.fuel_used)
            assert len(used) == 1

    run(main())


def test_a_waiting_guest_spends_no_guest_time() -> None:
    """Time in which a guest waits for the host is its call's, but not its own."""

    async def main() -> None:
        clock = Never()
        async with Rig(MIXED, {"clock": clock}) as rig:
            instance = await rig.instance()
            call = asyncio.create_task(rig.call(instance, "lifecycle.start", budget=LONG))
            await until(lambda: clock.waiting)
            await asyncio.sleep(0.05)
            clock.release.set()
            await call
            assert instance.seconds >= 0.05
            assert instance.guest_seconds < instance.seconds - 0.04

    run(main())


def test_a_busy_guest_hands_the_loop_back() -> None:
    """While one guest spins, other coroutines get many turns."""

    async def main() -> None:
        turns = 0

        async def bystander() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with Rig(MIXED, {"clock": Never()}) as rig:
            other = asyncio.create_task(bystander())
            budget = CallBudget(fuel=50 * engine().settings.slice_fuel, deadline=30)
            failure = await rig.failure(HEALTH, budget=budget)
            other.cancel()
            await asyncio.gather(other, return_exceptions=True)
            assert failure.reason is CallReason.FUEL
            assert turns >= 45

    run(main())


def test_the_deadline_ends_a_wait() -> None:
    """A guest that waits in a host function ends at its deadline, and the host function is cancelled."""

    async def main() -> None:
        clock = Never()
        async with Rig(MIXED, {"clock": clock}) as rig:
            failure = await rig.failure("lifecycle.start", budget=CallBudget(deadline=0.05, host_deadline=30))
            assert failure.reason is CallReason.DEADLINE
            assert failure.message == "the call took longer than 0.05 s in clock.now"
            await until(lambda: clock.given_up)

    run(main())


def test_a_host_call_has_a_deadline_of_its_own() -> None:
    """A single host call that takes too long ends the call before the call's own deadline."""

    async def main() -> None:
        clock = Never()
        async with Rig(MIXED, {"clock": clock}) as rig:
            failure = await rig.failure("lifecycle.start", budget=CallBudget(deadline=30, host_deadline=0.05))
            assert failure.reason is CallReason.DEADLINE
            assert failure.message == "clock.now took longer than 0.05 s"
            assert "limits.hostDeadline" in failure.hint
            await until(lambda: clock.given_up)

    run(main())


@pytest.mark.parametrize("export", [HEALTH, "lifecycle.start"])
def test_a_cancelled_call_leaves_nothing_behind(export: str) -> None:
    """Cancelled while it spins or waits, a call ends at once, its host function too, and the instance is spent."""

    async def main() -> None:
        clock = Never()
        async with Rig(MIXED, {"clock": clock}) as rig:
            instance = await rig.instance()
            call = asyncio.create_task(rig.call(instance, export, budget=LONG))
            for _ in range(5):
                await asyncio.sleep(0)
            assert not call.done()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert not instance.usable
            await until(lambda: clock.given_up == clock.waiting)

    run(main())


def test_five_hundred_cancelled_calls() -> None:
    """Cancelling is cheap and complete: no host call is left over, and the next call works."""

    async def main() -> None:
        clock = Never()
        async with Rig(MIXED, {"clock": clock}) as rig:
            for _ in range(10):
                instances = [await rig.instance(watch_memory=False) for _ in range(50)]
                calls = [asyncio.create_task(rig.call(each, "lifecycle.start", budget=LONG)) for each in instances]
                await asyncio.sleep(0)
                for call in calls:
                    call.cancel()
                await asyncio.gather(*calls, return_exceptions=True)
                for each in instances:
                    each.close()
            await until(lambda: clock.given_up == clock.waiting)
            clock.release.set()
            assert await rig.call(await rig.instance(), "lifecycle.start") == Ok()

    run(main())


@pytest.mark.parametrize("export", [HEALTH, "lifecycle.start"])
def test_a_loop_that_stops_in_the_middle_of_a_call(export: str) -> None:
    """A loop that is stopped and closed while a guest spins or waits neither crashes nor leaves a warning."""

    async def open_rig(rig: Rig) -> Instance:
        await rig.__aenter__()
        return await rig.instance()

    loop = asyncio.new_event_loop()
    rig = Rig(MIXED, {"clock": Never()})
    instance = loop.run_until_complete(open_rig(rig))
    call = loop.create_task(rig.call(instance, export, budget=LONG))
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    assert not call.done()
    call.cancel()
    loop.run_until_complete(asyncio.gather(call, return_exceptions=True))
    loop.run_until_complete(rig.__aexit__())
    loop.close()
    gc.collect()


@pytest.mark.parametrize("export", [HEALTH, "lifecycle.start"])
def test_a_call_that_outlives_its_loop(export: str) -> None:
    """A call that nobody cancelled before its loop was closed can still be given up, and gives back what it holds."""

    async def main(rig: Rig) -> Coroutine[Any, Any, Any]:
        await rig.__aenter__()
        instance = await rig.instance()
        call = rig.call(instance, export, budget=LONG)
        call.send(None)  # until it waits for the first time
        return call

    loop = asyncio.new_event_loop()
    rig = Rig(MIXED, {"clock": Never()})
    call = loop.run_until_complete(main(rig))
    for task in asyncio.all_tasks(loop):  # the host function that the guest waits for
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    call.close()
    assert not rig.instances[0].usable
    rig.instances[0].close()
    rig.linker.close()
    rig.compiled.close()


def test_a_call_after_close_is_refused() -> None:
    """A closed instance is not entered."""

    async def main() -> None:
        async with Rig(MIXED, {"clock": Never()}) as rig:
            instance = await rig.instance()
            instance.close()
            instance.close()
            failure = await refusal(rig.call(instance, "lifecycle.self-test"), CallReason.HOST_ERROR)
            assert failure.message == "lifecycle.self-test was called on an instance that is not usable"

    run(main())


def test_a_call_before_instantiation_is_refused() -> None:
    """An instance that was never instantiated is not entered either."""

    async def main() -> None:
        async with Rig(MIXED, {"clock": Never()}) as rig:
            instance = Instance(engine(), StoreLimits(), len(rig.compiled.exports))
            await refusal(rig.call(instance, "lifecycle.self-test"), CallReason.HOST_ERROR)
            instance.close()

    run(main())


def test_a_spent_instance_is_not_entered_again() -> None:
    """After a trap every further call is refused, also by another export."""

    async def main() -> None:
        async with Rig(Guest(bodies={HEALTH: doing("unreachable")})) as rig:
            instance = await rig.instance()
            await refusal(rig.call(instance, HEALTH), CallReason.UNREACHABLE)
            await refusal(rig.call(instance, "lifecycle.self-test"), CallReason.HOST_ERROR)

    run(main())


def test_calls_must_not_overlap() -> None:
    """A second call on an instance that waits is refused, and the first one ends well."""

    async def main() -> None:
        clock = Never()
        async with Rig(MIXED, {"clock": clock}) as rig:
            instance = await rig.instance()
            call = asyncio.create_task(rig.call(instance, "lifecycle.start", budget=LONG))
            await until(lambda: clock.waiting)
            await refusal(rig.call(instance, "lifecycle.self-test"), CallReason.HOST_ERROR)
            clock.release.set()
            assert await call == Ok()

    run(main())


def test_a_bad_argument_does_not_spend_the_instance() -> None:
    """What cannot be packed never reaches the guest, and the instance serves on."""

    async def main() -> None:
        async with Rig(MIXED, {"clock": Never()}) as rig:
            instance = await rig.instance()
            for argument in (7, "\ud800", None):
                with pytest.raises(BadValue, match=r"lifecycle\.init: "):
                    await rig.call(instance, "lifecycle.init", argument)
            assert await rig.call(instance, "lifecycle.init", "{}") == Ok()

    run(main())


def test_an_instance_knows_its_memory() -> None:
    """Memory is what the guest has grown, and closing gives it back."""

    async def main() -> None:
        grower = Guest(bodies={HEALTH: doing("(memory.grow (i32.const 30)) drop")})
        async with Rig(grower) as rig:
            instance = await rig.instance()
            assert instance.memory == 2 << 16
            assert await rig.call(instance, HEALTH) == Case("healthy")
            assert instance.memory == 32 << 16
            instance.close()
            assert instance.memory == 0

    run(main())


def test_large_values_cross() -> None:
    """A megabyte of text reaches the guest, whose memory grows for it, call after call."""

    async def main() -> None:
        async with Rig(MIXED, {"clock": Never()}) as rig:
            instance = await rig.instance()
            for size in (1, 1 << 20, 10, 1 << 20):
                assert await rig.call(instance, "lifecycle.validate-config", "é" * size) == []
            assert (1 << 21) < instance.memory < (1 << 22)

    run(main())


def test_the_default_budget_is_enough_for_little() -> None:
    """The budget of the tests is what the configuration gives by default."""
    assert (BUDGET.fuel, BUDGET.deadline, BUDGET.host_calls) == (50_000_000, 1.0, 10_000)


def test_instances_that_start_together_know_their_own_memory() -> None:
    """Each counts its own linear memory, though the others' came into being while it started."""
    next_number = "(local.tee $n (i32.add (local.get $n) (i32.const 1)))"
    count = f"(local $n i32) (loop $l (br_if $l (i32.lt_u {next_number} (i32.const 300000))))"
    slow = Guest(extra=f"(func $begin {count}) (start $begin)")

    async def main() -> None:
        async with Rig(slow) as rig:
            instances = await asyncio.gather(*(rig.instance() for _ in range(4)))
            assert [instance.memory for instance in instances] == [2 << 16] * 4
            assert len({address for instance in instances for address in instance.memories}) == 4

    run(main())
