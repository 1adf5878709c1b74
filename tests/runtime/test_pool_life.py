"""Instances of a pool: when they are replaced, what they cost, and how they go."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runtime.guests import Guest, doing, refusal, run, until
from runtime.pools import HEALTH, SPIN, TRAP, Stand, count, serving
from wasmpuck.errors import ArtifactRefused, CallFailed, CallReason
from wasmpuck.runtime.limits import CallBudget, StoreLimits
from wasmpuck.runtime.values import Ok


@serving
async def test_an_instance_that_failed_is_replaced(stand: Stand) -> None:
    """After a trap the instance is gone with its memory, and the next call gets a fresh one."""
    assert count(await stand.pool.call(HEALTH)) == 1
    await refusal(stand.pool.call(TRAP), CallReason.UNREACHABLE)
    await until(lambda: stand.pool.instances == 1)  # the floor is filled again
    assert count(await stand.pool.call(HEALTH)) == 1
    assert (stand.account.instances_made, stand.account.instances_discarded) == (2, 1)
    assert stand.instances[0].memory == 0


@serving
async def test_a_failure_makes_room_for_a_waiting_call(stand: Stand) -> None:
    """When an instance is discarded, the longest waiting call gets the room to make one."""
    blocked = [stand.start(), stand.start()]
    await until(lambda: len(stand.gate.waiting) == 2)
    waiting = stand.start(HEALTH)
    await until(lambda: stand.pool.waiting == 1)
    blocked[0].cancel()
    assert count(await waiting) == 1
    stand.gate.open(-1)
    await asyncio.gather(*blocked, return_exceptions=True)


def test_an_instance_retires_after_its_calls() -> None:
    """An instance serves as many calls as it may, then a fresh one follows, without counting as discarded."""

    async def main() -> None:
        async with Stand(retire_after=3) as stand:
            counts = [count(await stand.pool.call(HEALTH)) for _ in range(7)]
            assert counts == [1, 2, 3, 1, 2, 3, 1]
            assert stand.account.instances_discarded == 0

    run(main())


def test_an_instance_that_has_nearly_filled_its_memory_retires() -> None:
    """Memory is looked at now and then; above three quarters of the limit the instance is replaced."""
    grower = Guest(bodies={HEALTH: doing("(memory.grow (i32.const 11)) drop")})

    async def main() -> None:
        async with Stand(grower, memory=1 << 20) as stand:
            stand.limits = StoreLimits(memory=1 << 20)
            for _ in range(512):
                await stand.pool.call(HEALTH)
            await until(lambda: stand.account.instances_made == 2)
            assert stand.account.most_memory == 13 << 16
            assert not stand.instances[0].usable

    run(main())


def test_fresh_instances() -> None:
    """In the mode fresh every call has an instance of its own that is closed afterwards."""

    async def main() -> None:
        async with Stand(mode="fresh") as stand:
            assert [count(await stand.pool.call(HEALTH)) for _ in range(3)] == [1, 1, 1]
            assert stand.pool.instances == 0
            assert stand.account.instances_made == 3

    run(main())


def test_a_pinned_instance() -> None:
    """In the mode pinned there is one instance, which no number of calls retires."""

    async def main() -> None:
        async with Stand(mode="pinned", size=4, retire_after=2) as stand:
            calls = [asyncio.create_task(stand.pool.call(HEALTH)) for _ in range(4)]
            assert sorted([count(answer) for answer in await asyncio.gather(*calls)]) == [1, 2, 3, 4]
            assert stand.account.instances_made == 1

    run(main())


def test_the_floor_is_kept() -> None:
    """As many instances as the floor says are made at first, and again when one was lost."""

    async def main() -> None:
        async with Stand(size=3, floor=3) as stand:
            await stand.pool.warm()
            assert stand.pool.instances == 3
            await refusal(stand.pool.call(TRAP), CallReason.UNREACHABLE)
            assert stand.pool.instances == 2
            await until(lambda: stand.pool.instances == 3)

    run(main())


@serving
async def test_what_cannot_be_made_is_reported_to_the_caller(stand: Stand) -> None:
    """A failure to make an instance reaches the call that needed it, and the next one that waits tries for itself."""
    stand.refuse = True
    stand.hold.clear()
    calls = [stand.start(HEALTH) for _ in range(4)]
    await asyncio.sleep(0)
    stand.hold.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [ArtifactRefused] * 4
    stand.refuse = False
    assert count(await stand.pool.call(HEALTH)) == 1


@serving
async def test_costs_are_written_down(stand: Stand) -> None:
    """Every end of a call is counted by reason, with its fuel and time."""
    await stand.pool.call(HEALTH)
    used = stand.account.exports[HEALTH].fuel
    assert used > 0
    await stand.pool.call(HEALTH)
    with pytest.raises(CallFailed):
        await stand.pool.call(TRAP)
    await refusal(stand.pool.call(SPIN, budget=CallBudget(fuel=100_000)), CallReason.FUEL)
    late = asyncio.create_task(stand.pool.call(SPIN, budget=CallBudget(fuel=10**12, deadline=30)))
    await asyncio.sleep(0.01)
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
    outcomes = {name: dict(statistics.outcomes) for name, statistics in stand.account.exports.items()}
    assert outcomes[HEALTH] == {CallReason.OK: 2}
    assert outcomes[TRAP] == {CallReason.UNREACHABLE: 1}
    assert outcomes[SPIN] == {CallReason.FUEL: 1, CallReason.CANCELLED: 1}
    assert stand.account.exports[HEALTH].fuel == 2 * used
    assert stand.account.exports[SPIN].most_fuel > 100_000
    assert sum(stand.account.exports[SPIN].buckets) == stand.account.exports[SPIN].calls == 2


@serving
async def test_a_bad_argument_costs_nothing(stand: Stand) -> None:
    """What never reached the guest is counted as a bad value, without the cost of the call before it."""
    await stand.pool.call("lifecycle.init", "{}")
    spent = stand.account.exports["lifecycle.init"].fuel
    await refusal(stand.pool.call("lifecycle.init", 7), CallReason.BAD_VALUE)
    statistics = stand.account.exports["lifecycle.init"]
    assert statistics.outcomes == {CallReason.OK: 1, CallReason.BAD_VALUE: 1}
    assert statistics.fuel == spent
    assert stand.account.instances_made == 1


def test_a_plugin_without_processor_time_is_refused() -> None:
    """Above its share a plugin is overloaded, whatever it is asked, except for the calls of its life cycle."""

    async def main() -> None:
        async with Stand(share=0.0) as stand:
            with pytest.raises(CallFailed, match="fuel"):
                await stand.pool.call(SPIN)
            failure = await refusal(stand.pool.call(HEALTH), CallReason.OVERLOADED)
            assert failure.message == "probe has used its share of processor time"
            assert "maxCPUPercent" in failure.hint
            assert await stand.pool.call("lifecycle.init", "{}", budget=CallBudget()) == Ok()
            assert stand.account.exports[HEALTH].outcomes == {CallReason.OVERLOADED: 1}

    run(main())


@serving
async def test_a_closed_pool_refuses(stand: Stand) -> None:
    """After close no call is taken, those that wait are refused, and idle instances are gone."""
    await stand.pool.call(HEALTH)
    stand.pool.close()
    assert stand.pool.instances == 0
    failure = await refusal(stand.pool.call(HEALTH), CallReason.OVERLOADED)
    assert failure.message == "probe is out of service"


@serving
async def test_a_pool_is_closed_around_its_calls(stand: Stand) -> None:
    """Calls under way end well, waiting ones are refused, and the last instance that goes tells of it."""
    told: list[str] = []
    calls = [stand.start() for _ in range(4)]
    await until(lambda: len(stand.gate.waiting) == 2 and stand.pool.waiting == 2)
    stand.pool.close()
    stand.pool.when_empty = lambda: told.append("empty")
    await refusal(_result(calls[2]), CallReason.OVERLOADED)
    await refusal(_result(calls[3]), CallReason.OVERLOADED)
    stand.gate.open()
    assert await calls[0] == Ok()
    assert not told
    stand.gate.open()
    assert await calls[1] == Ok()
    assert told == ["empty"]
    assert stand.pool.instances == 0


async def _result(task: asyncio.Task[Any]) -> Any:
    return await task


@serving
async def test_a_pool_is_not_empty_while_an_instance_is_being_made(stand: Stand) -> None:
    """What is being made when the pool is closed is closed as well, before anybody is told that the pool is empty."""
    told: list[str] = []
    stand.hold.clear()
    call = stand.start(HEALTH)
    await asyncio.sleep(0)
    stand.pool.close()
    stand.pool.when_empty = lambda: told.append("empty")
    assert not told
    stand.hold.set()
    await refusal(_result(call), CallReason.OVERLOADED)
    assert told == ["empty"]
    assert stand.pool.empty
    assert not stand.instances[0].usable


@serving
async def test_an_instance_handed_over_while_the_pool_is_closed(stand: Stand) -> None:
    """A turn that came in the moment of closing, to a caller who went away, does not leave an instance behind."""
    calls = [stand.start() for _ in range(3)]
    await until(lambda: len(stand.gate.waiting) == 2 and stand.pool.waiting == 1)

    def leave() -> None:
        calls[2].cancel()
        stand.pool.close()

    stand.pool.on_turn = leave
    stand.gate.open()
    await asyncio.gather(calls[0], calls[2], return_exceptions=True)
    stand.gate.open()
    assert await calls[1] == Ok()
    assert stand.pool.empty
    assert not any(instance.usable for instance in stand.instances)


def test_a_lost_instance_is_made_up_for_only_while_the_pool_is_open() -> None:
    """Closing ends the filling up to the floor, also in the middle of it."""

    async def main() -> None:
        async with Stand(size=2, floor=2) as stand:
            await stand.pool.warm()
            stand.hold.clear()
            await refusal(stand.pool.call(TRAP), CallReason.UNREACHABLE)
            await asyncio.sleep(0)
            stand.pool.close()
            await until(lambda: stand.pool.empty)
            assert len(stand.instances) == 2

    run(main())
