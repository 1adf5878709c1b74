"""Warm instances: how many there are, who gets one, and when they are replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self

import pytest

from runtime.guests import LIMITS, Guest, Rig, doing, refusal, run, until
from wasmpuck.errors import ArtifactRefused, CallFailed, CallReason, Refusal
from wasmpuck.runtime.accounting import Account, RateBucket
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import CallBudget, PoolSettings, StoreLimits
from wasmpuck.runtime.pool import Pool as RealPool
from wasmpuck.runtime.values import Case, Ok

HEALTH = "lifecycle.health"
WAIT = "lifecycle.start"
TRAP = "lifecycle.self-test"
SPIN = "lifecycle.describe"
#: Answers `health` with its own count of calls, waits in `start`, traps in `self-test`, spins in `describe`.
GUEST = Guest(
    imports={"clock": ["now"]},
    bodies={
        HEALTH: "(global.set $calls (i32.add (global.get $calls) (i32.const 1))) "
        "(i32.store (i32.const 40) (i32.const 1)) (i32.store (i32.const 44) (i32.const 60)) "
        "(i32.store (i32.const 48) (i32.const 1)) "
        "(i32.store (i32.const 60) (i32.add (i32.const 48) (global.get $calls))) i32.const 40",
        WAIT: doing("call $clock.now drop", WAIT),
        TRAP: doing("unreachable", TRAP),
        SPIN: doing("(loop $l br $l)", SPIN),
    },
    extra="(global $calls (mut i32) (i32.const 0))",
)


class Gate:
    """Lets waiting guests through one by one, in the order in which they came."""

    functions = frozenset({"now"})

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []

    async def now(self) -> float:
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            await turn
        finally:
            if turn in self.waiting:
                self.waiting.remove(turn)
        return 1.0

    def open(self, place: int = 0) -> None:
        self.waiting.pop(place).set_result(None)


class Pool(RealPool):
    """A pool that lets a test act in the very moment in which a waiting call is given its turn."""

    on_turn: Callable[[], object] | None = None

    def _wake(self, instance: Instance | None) -> bool:
        given = super()._wake(instance)
        if given and self.on_turn is not None:
            act, self.on_turn = self.on_turn, None
            act()
        return given


class Stand(Rig):
    """A pool over a guest. `made` counts instances, `hold` delays their making, `refuse` lets it fail."""

    def __init__(self, guest: Guest = GUEST, *, share: float = 100.0, **settings: Any) -> None:
        self.gate = Gate()
        super().__init__(guest, {"clock": self.gate})
        self.settings = PoolSettings(**({"size": 2, "queue": 3, "queue_wait": 30.0} | settings))
        self.account = Account("probe")
        self.processor = RateBucket(share, 0.0)
        self.hold = asyncio.Event()
        self.hold.set()
        self.refuse = False
        self.limits = LIMITS

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.pool = Pool(
            "probe",
            self._make,
            self.compiled.exports,
            self.settings,
            budget=CallBudget(deadline=30, host_deadline=30),
            account=self.account,
            processor=self.processor,
        )
        return self

    async def _make(self) -> Instance:
        await self.hold.wait()
        if self.refuse:
            raise ArtifactRefused(Refusal.INITIALIZATION_FAILED, "no more of these")
        return await self.instance(self.limits)

    def start(self, export: str = WAIT) -> asyncio.Task[Any]:
        return asyncio.create_task(self.pool.call(export))

    async def __aexit__(self, *_: object) -> None:
        self.pool.close()
        await super().__aexit__()


def serving(test: Any) -> Any:
    """Runs a test that is a coroutine function of a stand with default settings."""

    def wrapped() -> None:
        async def main() -> None:
            async with Stand() as stand:
                await test(stand)

        run(main())

    wrapped.__doc__ = test.__doc__
    return wrapped


def count(answer: Any) -> int:
    """The number of calls that the instance says it has served."""
    return int(answer.value)


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
            await stand.pool.call(HEALTH)
            failure = await refusal(stand.pool.call(HEALTH), CallReason.OVERLOADED)
            assert failure.message == "probe has used its share of processor time"
            assert "maxCPUPercent" in failure.hint
            assert await stand.pool.call("lifecycle.init", "{}", budget=CallBudget()) == Ok()
            assert stand.account.exports[HEALTH].outcomes == {CallReason.OK: 1, CallReason.OVERLOADED: 1}

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


class TestRateBucket:
    """Shares over time, with a clock that the test moves."""

    def test_a_burst_and_then_the_rate(self) -> None:
        """Ten seconds' worth at once, then as much as comes in."""
        bucket = RateBucket(2, 0.0)
        assert [bucket.take(1, 0.0) for _ in range(21)] == [True] * 20 + [False]
        assert [bucket.take(1, 1.0) for _ in range(3)] == [True, True, False]
        assert [bucket.take(1, 1000.0) for _ in range(21)] == [True] * 20 + [False]

    def test_debt_is_paid_off(self) -> None:
        """What was spent beyond the level has to come in before the debt is over."""
        bucket = RateBucket(0.5, 0.0)
        bucket.spend(6.0, 0.0)
        assert bucket.empty
        assert bucket.in_debt(1.9)
        assert not bucket.in_debt(2.0)
        bucket.spend(0.0, 3.0)
        assert not bucket.empty

    def test_nothing_is_granted_by_a_rate_of_zero(self) -> None:
        """A rate of zero never gives anything."""
        bucket = RateBucket(0, 0.0)
        assert not bucket.take(1, 1e9)


def test_a_case() -> None:
    """The guest of these tests answers with a case that carries its count."""

    async def main() -> None:
        async with Stand() as stand:
            assert await stand.pool.call(HEALTH) == Case("degraded", "1")

    run(main())
