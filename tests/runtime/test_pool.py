"""Warm instances: how many there are, and who gets one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runtime.guests import refusal, run, until
from runtime.pools import HEALTH, WAIT, Stand, count, serving
from wasmpuck.errors import CallReason
from wasmpuck.runtime.values import Case, Ok


@serving
async def test_one_instance_serves_calls_that_follow_each_other(stand: Stand) -> None:
    """An instance is made at the first call and used again; its own state is kept between calls."""
    assert [count(await stand.pool.call(HEALTH)) for _ in range(3)] == [1, 2, 3]
    assert (stand.pool.instances, stand.pool.busy, stand.account.instances_made) == (1, 0, 1)


@serving
async def test_calls_at_the_same_time_get_instances_up_to_the_limit(stand: Stand) -> None:
    """The second call gets a second instance, the third waits; the ceiling is never passed."""
    calls = [stand.start() for _ in range(3)]
    await until(lambda: len(stand.gate.waiting) == 2 and stand.pool.waiting == 1)
    assert (stand.pool.instances, stand.pool.busy) == (2, 2)
    for _ in range(3):
        await until(lambda: stand.gate.waiting)
        stand.gate.open()
    assert await asyncio.gather(*calls) == [Ok(), Ok(), Ok()]
    assert (stand.pool.instances, stand.pool.busy, stand.pool.waiting) == (2, 0, 0)


@serving
async def test_the_ceiling_holds_while_instances_are_being_made(stand: Stand) -> None:
    """Instances that are being made count: a burst of calls does not make more than the limit."""
    stand.hold.clear()
    calls = [stand.start(HEALTH) for _ in range(5)]
    await asyncio.sleep(0)
    assert stand.pool.waiting == 3
    stand.hold.set()
    await asyncio.gather(*calls)
    assert stand.account.instances_made == 2


@serving
async def test_a_full_queue_is_refused_at_once(stand: Stand) -> None:
    """One call more than may wait is refused as overloaded, counted as such, and the others are served."""
    calls = [stand.start() for _ in range(5)]
    await until(lambda: len(stand.gate.waiting) == 2 and stand.pool.waiting == 3)
    failure = await refusal(stand.pool.call(WAIT), CallReason.OVERLOADED)
    assert failure.message == "3 calls of lifecycle.start already wait for probe"
    assert "limits.queue" in failure.hint
    assert stand.account.exports[WAIT].outcomes == {CallReason.OVERLOADED: 1}
    for _ in calls:
        await until(lambda: stand.gate.waiting)
        stand.gate.open()
    assert await asyncio.gather(*calls) == [Ok()] * 5


@serving
async def test_waiting_calls_are_served_in_order(stand: Stand) -> None:
    """Who came first gets the next instance, whichever instance that is."""
    order: list[int] = []

    async def numbered(number: int) -> None:
        await stand.pool.call(WAIT)
        order.append(number)

    calls = [asyncio.create_task(numbered(number)) for number in range(5)]
    for _ in range(4):
        await until(lambda: len(stand.gate.waiting) == 2)
        stand.gate.open(-1)  # of the two that work, the one that began last
    await until(lambda: order == [1, 2, 3, 4])
    stand.gate.open()
    await asyncio.gather(*calls)
    assert order == [1, 2, 3, 4, 0]


def test_no_newcomer_takes_the_room_of_who_waits() -> None:
    """When an instance is lost, the room for another is the longest waiting call's, whoever asks meanwhile."""

    async def main() -> None:
        async with Stand(size=1) as stand:

            async def impatient() -> Any:
                with pytest.raises(asyncio.CancelledError):  # the task goes on
                    await stand.pool.call(WAIT)
                return await stand.pool.call(HEALTH)  # in the very moment in which its instance was lost

            first = asyncio.create_task(impatient())
            await until(lambda: stand.gate.waiting)
            second = stand.start(HEALTH)
            await until(lambda: stand.pool.waiting == 1)
            first.cancel()
            assert [count(await second), count(await first)] == [1, 2]
            assert stand.account.instances_made == 2

    run(main())


@serving
async def test_a_caller_that_goes_away_leaves_the_queue(stand: Stand) -> None:
    """A cancelled waiter is not given an instance; the one behind it is."""
    calls = [stand.start() for _ in range(4)]
    await until(lambda: len(stand.gate.waiting) == 2 and stand.pool.waiting == 2)
    calls[2].cancel()
    await asyncio.gather(calls[2], return_exceptions=True)
    assert stand.pool.waiting == 1
    for _ in range(3):
        await until(lambda: stand.gate.waiting)
        stand.gate.open()
    assert [await calls[index] for index in (0, 1, 3)] == [Ok()] * 3


@serving
async def test_a_caller_that_goes_away_in_its_turn_passes_the_instance_on(stand: Stand) -> None:
    """Cancelled in the moment in which it is given an instance, a call hands it to the next one that waits."""
    calls = [stand.start() for _ in range(4)]
    await until(lambda: len(stand.gate.waiting) == 2 and stand.pool.waiting == 2)
    stand.pool.on_turn = calls[2].cancel
    for _ in range(3):
        await until(lambda: stand.gate.waiting)
        stand.gate.open()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == ["Ok", "Ok", "CancelledError", "Ok"]
    assert (stand.pool.busy, stand.pool.instances) == (0, 2)


def test_nobody_waits_longer_than_the_limit() -> None:
    """A call that no instance comes free for is refused after its wait."""

    async def main() -> None:
        async with Stand(size=1, queue_wait=0.02) as stand:
            first = stand.start()
            await until(lambda: stand.gate.waiting)
            failure = await refusal(stand.pool.call(HEALTH), CallReason.OVERLOADED)
            assert failure.message == "no instance of probe came free within 0.02 s"
            assert stand.pool.waiting == 0
            assert stand.account.exports[HEALTH].queue_seconds >= 0.02
            stand.gate.open()
            assert await first == Ok()

    run(main())


def test_a_case() -> None:
    """The guest of these tests answers with a case that carries its count."""

    async def main() -> None:
        async with Stand() as stand:
            assert await stand.pool.call(HEALTH) == Case("degraded", "1")

    run(main())
