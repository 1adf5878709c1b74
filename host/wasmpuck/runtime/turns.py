"""The queue of the calls that wait for an instance."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeAlias

from wasmpuck.errors import CallFailed
from wasmpuck.runtime.instance import Instance

__all__ = ["Found", "Room", "Turns"]


class Room(Enum):
    """What a waiting call gets if not an instance: room to make one, or the news that the pool is closed."""

    KEPT = auto()
    CLOSED = auto()


#: What ends a turn.
Found: TypeAlias = Instance | Room


class Turns(deque["asyncio.Future[Found]"]):
    """Calls that wait, the longest waiting first. False when none does: a pool asks that after every call.

    Args:
        pass_on: takes what came for a call whose caller had gone.
    """

    def __init__(self, pass_on: Callable[[Found], None]) -> None:
        super().__init__()
        self._pass_on = pass_on

    async def take(self, seconds: float) -> Found:
        """Waits for an instance, or for room that is kept for this call.

        Raises:
            TimeoutError: nothing came within `seconds`.
            CallFailed: see `cancel`.
        """
        turn: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self.append(turn)
        try:
            async with asyncio.timeout(seconds):
                return await turn
        except BaseException:
            if turn in self:
                self.remove(turn)
            elif turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on(turn.result())
            raise

    def give(self, found: Found) -> bool:
        """Ends the turn of the longest waiting call; whether there was one."""
        while self:
            turn = self.popleft()
            if not turn.done():
                turn.set_result(found)
                return True
        return False

    def close(self) -> None:
        """Tells all that the pool is closed."""
        while self.give(Room.CLOSED):
            pass

    def cancel(self, failure: Callable[[], CallFailed]) -> int:
        """Ends all turns with a failure of their own; how many those were."""
        ended = 0
        while self:
            turn = self.popleft()
            if not turn.done():
                turn.set_exception(failure())
                ended += 1
        return ended
