"""`tasks`: a plugin's schedule, on an event loop whose time runs as fast as it can."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from runtime.capabilities.stand import Surroundings
from wasmpuck.runtime.capabilities import Tasks
from wasmpuck.runtime.values import Case, Err, Ok


class Hurried(selectors.DefaultSelector):
    """Does not wait: the time that a loop would sleep passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.passed += timeout or 0.0
        return super().select(0)


class Stand(Surroundings):
    """Tasks under a clock that jumps. `runs` are (name, seconds since the start); `work` is what a run does."""

    def __init__(self, selector: Hurried, **limits: Any) -> None:
        super().__init__()
        self._selector = selector
        self.runs: list[tuple[str, float]] = []
        self.work: Callable[[str], Coroutine[Any, Any, None]] | None = None
        self.tasks = Tasks(self.context(**limits))

    def clock(self) -> float:
        return self.now + self._selector.passed

    async def run_task(self, name: str) -> None:
        self.runs.append((name, self._selector.passed))
        if self.work is not None:
            await self.work(name)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.runs]


def on_fast_time(test: Callable[[Stand], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Runs a test with a stand on a loop of its own."""

    def wrapped() -> None:
        selector = Hurried()

        class Loop(asyncio.SelectorEventLoop):
            def time(self) -> float:
                return selector.passed

        async def main() -> None:
            stand = Stand(selector)
            await test(stand)
            stand.tasks.close()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        loop = Loop(selector)
        try:
            loop.run_until_complete(main())
        finally:
            loop.close()

    wrapped.__doc__ = test.__doc__
    return wrapped


async def until(condition: Callable[[], object]) -> None:
    """Waits in steps of a millisecond of fast time."""
    while not condition():  # noqa: ASYNC110 - nobody sets an event for it
        await asyncio.sleep(0.001)


def every(seconds: float) -> Case:
    return Case("every", int(seconds * 1000))


@on_fast_time
async def test_nothing_runs_before_the_generation_is_in_service(stand: Stand) -> None:
    """What is scheduled waits for `arm`, and its time begins then."""
    stand.tasks.schedule("clean", every(10))
    await asyncio.sleep(100)
    assert stand.runs == []
    stand.tasks.arm()
    await until(lambda: stand.runs)
    assert 109 <= stand.runs[0][1] <= 111


@on_fast_time
async def test_a_repeated_task_runs_again_and_again(stand: Stand) -> None:
    """Intervals are spread by up to a tenth, differently each time."""
    stand.tasks.arm()
    assert stand.tasks.schedule("clean", every(10)) == Ok()
    await asyncio.sleep(2_000)
    assert 190 <= len(stand.runs) <= 210
    times = [0.0, *(when for _, when in stand.runs)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(9.49 <= gap <= 10.51 for gap in gaps)
    assert max(gaps) - min(gaps) > 0.5
    assert len({round(gap, 6) for gap in gaps}) > 150
    assert stand.tasks.names == ["clean"]


@on_fast_time
async def test_a_task_that_runs_once(stand: Stand) -> None:
    """`after` waits, `at` runs at a time of the clock, a time that is over means at once; then the name is free."""
    stand.tasks.arm()
    stand.tasks.schedule("after", Case("after", 5_000))
    stand.tasks.schedule("at", Case("at", (stand.now + 7) * 1000))
    stand.tasks.schedule("late", Case("at", 0.0))
    assert stand.tasks.names == ["after", "at", "late"]
    await asyncio.sleep(100)
    assert [(name, round(when, 2)) for name, when in stand.runs] == [("late", 0.0), ("after", 5.0), ("at", 7.0)]
    assert stand.tasks.names == []


@on_fast_time
async def test_the_same_name_replaces(stand: Stand) -> None:
    """Scheduling a name again drops the old time."""
    stand.tasks.arm()
    stand.tasks.schedule("x", Case("after", 1_000))
    stand.tasks.schedule("x", Case("after", 3_000))
    await asyncio.sleep(10)
    assert stand.names == ["x"]
    assert stand.runs[0][1] == pytest.approx(3.0, abs=0.01)


@on_fast_time
async def test_a_cancelled_task_does_not_run(stand: Stand) -> None:
    """`cancel` says whether there was one."""
    stand.tasks.arm()
    stand.tasks.schedule("x", Case("after", 1_000))
    assert stand.tasks.cancel("x") is True
    assert stand.tasks.cancel("x") is False
    await asyncio.sleep(10)
    assert stand.runs == []


@on_fast_time
async def test_a_task_never_overlaps_itself(stand: Stand) -> None:
    """A run that takes longer than the interval puts the next one off."""
    working: list[str] = []

    async def work(name: str) -> None:
        assert name not in working
        working.append(name)
        await asyncio.sleep(35)
        working.remove(name)

    stand.work = work
    stand.tasks.arm()
    stand.tasks.schedule("slow", every(10))
    await asyncio.sleep(200)
    assert 4 <= len(stand.runs) <= 5


@on_fast_time
async def test_a_task_replaced_in_the_middle_of_its_run_does_not_overlap(stand: Stand) -> None:
    """Scheduling from outside while the task runs lets the run end first."""
    working = 0
    most = 0

    async def work(name: str) -> None:
        nonlocal working, most
        working += 1
        most = max(most, working)
        await asyncio.sleep(50)
        working -= 1

    stand.work = work
    stand.tasks.arm()
    stand.tasks.schedule("x", Case("after", 1_000))
    await until(lambda: working)
    stand.tasks.schedule("x", Case("after", 1_000))
    await asyncio.sleep(200)
    assert len(stand.runs) == 2
    assert most == 1


@pytest.mark.parametrize("pause", [0, 1])
def test_a_task_may_schedule_itself(pause: int) -> None:
    """A run that schedules its own name ends well and is replaced: one run an interval, not one more each time."""

    @on_fast_time
    async def test(stand: Stand) -> None:
        ended: list[str] = []

        async def work(name: str) -> None:
            # A guest's host call comes from the task itself, or from the event loop when the guest was suspended.
            loop = asyncio.get_running_loop()
            if pause:
                done = loop.create_future()
                loop.call_soon(lambda: done.set_result(stand.tasks.schedule("x", every(10))))
                await done
            else:
                stand.tasks.schedule("x", every(10))
            await asyncio.sleep(0.001)
            ended.append(name)

        stand.work = work
        stand.tasks.arm()
        stand.tasks.schedule("x", every(10))
        await asyncio.sleep(200)
        assert 17 <= len(stand.runs) <= 21
        assert len(ended) == len(stand.runs)

    test()


@pytest.mark.parametrize("pause", [0, 1])
def test_a_task_may_cancel_itself(pause: int) -> None:
    """A run that cancels its own name ends well and does not come again."""

    @on_fast_time
    async def test(stand: Stand) -> None:
        ended: list[bool] = []

        async def work(name: str) -> None:
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            if pause:
                loop.call_soon(lambda: done.set_result(stand.tasks.cancel("x")))
            else:
                done.set_result(stand.tasks.cancel("x"))
            ended.append(await done)
            await asyncio.sleep(0.001)
            ended.append(True)

        stand.work = work
        stand.tasks.arm()
        stand.tasks.schedule("x", every(10))
        await asyncio.sleep(200)
        assert (stand.names, ended) == (["x"], [True, True])
        assert stand.tasks.names == []

    test()


@on_fast_time
async def test_a_run_once_task_may_schedule_its_next_run(stand: Stand) -> None:
    """A chain of single runs goes on, each scheduled by the one before."""

    async def work(name: str) -> None:
        if len(stand.runs) < 5:
            assert stand.tasks.schedule(name, Case("after", 1_000)) == Ok()

    stand.work = work
    stand.tasks.arm()
    stand.tasks.schedule("chain", Case("after", 1_000))
    await asyncio.sleep(100)
    assert len(stand.runs) == 5
    assert stand.tasks.names == []


@on_fast_time
async def test_closing_ends_runs_too(stand: Stand) -> None:
    """A generation that goes out of service takes its tasks along, those in the middle of a run included."""
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            ended.append(name)
            raise

    stand.work = work
    stand.tasks.arm()
    stand.tasks.schedule("a", Case("after", 1_000))
    stand.tasks.schedule("b", every(2))
    stand.tasks.schedule("c", Case("after", 60_000))
    await until(lambda: len(stand.runs) == 2)
    stand.tasks.schedule("a", Case("after", 1_000))  # the run of the old one still goes on
    stand.tasks.close()
    await until(lambda: len(ended) == 2)
    await asyncio.sleep(1_000)
    assert sorted(stand.names) == sorted(ended) == ["a", "b"]
    assert stand.tasks.schedule("late", Case("after", 1_000)) == Ok()
    await asyncio.sleep(10)
    assert len(stand.runs) == 2


@pytest.mark.covers("tasks.quota.tasksLimit", "tasks.quota.leastTaskInterval")
def test_the_quotas() -> None:
    """Names of 1 to 64 bytes, as many as granted, no interval below the least; replacing needs no room."""
    tasks = Tasks(Surroundings().context(tasks_limit=2, least_task_interval=1.5))
    for name in ("", "x" * 65, "é" * 33):
        answer = tasks.schedule(name, every(60))
        assert (type(answer), answer.value) == (Err, Case("bad-name"))
    assert tasks.schedule("fast", every(1.499)).value == Case("too-often")
    assert type(tasks.schedule("a", every(1.5))) is Ok
    assert type(tasks.schedule("é" * 32, Case("after", 0))) is Ok
    assert tasks.schedule("c", every(60)).value == Case("too-many")
    assert type(tasks.schedule("a", every(60))) is Ok
    tasks.cancel("a")
    assert type(tasks.schedule("c", every(60))) is Ok
    tasks.close()


@pytest.mark.covers("tasks.error.other")
def test_a_plugin_without_a_handler_cannot_schedule() -> None:
    """A plugin that exports no `task-handler` is told so."""

    class Idle(Surroundings):
        exports = frozenset({"lifecycle"})

    answer = Tasks(Idle().context()).schedule("a", every(60))
    assert answer == Err(Case("other", "the plugin does not export task-handler"))
