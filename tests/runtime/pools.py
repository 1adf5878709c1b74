"""A pool over a guest that waits, traps, spins and counts its calls, and what a test can do to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self

from runtime.guests import LIMITS, Guest, Rig, doing, run
from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.runtime.accounting import Account, RateBucket
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import CallBudget, PoolSettings
from wasmpuck.runtime.pool import Pool as RealPool
from wasmpuck.runtime.turns import Found, Turns

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


class WatchedTurns(Turns):
    """Lets a test act in the very moment in which a waiting call is given its turn."""

    act: Callable[[], object] | None = None

    def give(self, found: Found) -> bool:
        given = super().give(found)
        if given and self.act is not None:
            act, self.act = self.act, None
            act()
        return given


class Pool(RealPool):
    """A pool whose turns are watched."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._waiting: WatchedTurns = WatchedTurns(self._pass_on)

    @property
    def on_turn(self) -> Callable[[], object] | None:
        return self._waiting.act

    @on_turn.setter
    def on_turn(self, act: Callable[[], object]) -> None:
        self._waiting.act = act


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
