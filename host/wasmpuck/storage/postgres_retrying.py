"""Operations on PostgreSQL that are tried again, and transactions that are done once though they are tried again.

Theory of operation. A serialization failure or a deadlock did nothing: the transaction is run again. A lost connection
before COMMIT was sent did nothing either. When it is lost behind that, nobody knows what happened. Therefore each
transaction leaves a random mark in the same commit, and one that follows such a loss begins by leaving the same mark:
that waits for the lost one if it still runs, and fails if it was done, whose answer then holds.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from .postgres_connecting import Connection, ConnectionPool, trouble_of, unavailable

__all__ = ["Isolation", "Retrying"]

Isolation = str
"""`read committed` or `serializable`."""

_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.5
_WORTH_HALVING = 2.0
_MARK_BYTES = 16
_MARKS_KEPT = 3_600.0
_SWEEP_EVERY = 1_000
_Answer = TypeVar("_Answer")


@dataclass(slots=True)
class Attempt:
    """One go at a transaction: its connection and the mark that it leaves; `left` says whether it has."""

    connection: Connection
    mark: bytes
    left: bool = False


@dataclass(slots=True)
class Retrying:
    """Runs operations until they succeed or `retry_for` seconds have passed since they began.

    Errors: `StorageUnavailable` when the time is over, or at once where trying again is of no use.
    """

    pool: ConnectionPool
    isolation: Isolation = "read committed"
    retry_for: float = 20.0
    transactions: int = 0
    retries: int = 0

    async def read(self, work: Callable[[Connection], Awaitable[_Answer]]) -> _Answer:
        """Runs a function that changes nothing, outside a transaction."""

        async def once() -> _Answer:
            async with self.pool.connection() as connection:
                return await work(connection)

        return await self._persist(once)

    async def transact(
        self, work: Callable[[Attempt], Awaitable[_Answer]], prelude: str = "", *, repeatable: bool = False
    ) -> _Answer:
        """Runs a function as one transaction: all of it, once, or nothing.

        `prelude` are statements that are sent together with BEGIN. The function may run several times; what it
        changes outside of the database must not matter. `repeatable`: doing it twice is the same as doing it once,
        and it sees what others committed before each of its statements; no mark is left then.
        """
        mark = secrets.token_bytes(_MARK_BYTES)
        begin = f"BEGIN ISOLATION LEVEL {'READ COMMITTED' if repeatable else self.isolation.upper()}; {prelude}"
        sent: list[_Answer] = []  # the answer of the attempt whose commit was sent

        async def once() -> _Answer:
            async with self.pool.connection() as connection:
                try:
                    await connection.execute(begin)
                    attempt = Attempt(connection, mark, left=repeatable)
                    if sent and not repeatable and not await leave(attempt):
                        await connection.execute("ROLLBACK")
                        return sent[-1]
                    answer = await work(attempt)
                    if not attempt.left:
                        await leave(attempt)
                except Exception as error:
                    trouble = trouble_of(error)
                    if not connection.is_closed() and (trouble is None or not trouble.lost):
                        await connection.execute("ROLLBACK")
                    raise
                sent.append(answer)
                try:
                    await connection.execute("COMMIT")
                except BaseException as error:
                    trouble = trouble_of(error)
                    if trouble is not None and trouble.certain:
                        sent.pop()
                    raise
                return answer

        answer = await self._persist(once)
        self.transactions += 1
        if self.transactions % _SWEEP_EVERY == 0:
            await self._sweep()
        return answer

    async def _sweep(self) -> None:
        async def forget(connection: Connection) -> None:
            await connection.execute("DELETE FROM commits WHERE time < $1", time.time() - _MARKS_KEPT)

        await self.read(forget)

    async def _persist(self, once: Callable[[], Awaitable[_Answer]]) -> _Answer:
        end = time.monotonic() + self.retry_for
        pause = _FIRST_PAUSE
        last: BaseException | None = None
        while True:
            try:
                rest = end - time.monotonic()
                # A server that went away without a word is waited for only half of the time that is left.
                async with asyncio.timeout(max(0.0, rest if rest < _WORTH_HALVING else rest / 2)):
                    return await once()
            except Exception as error:
                trouble = trouble_of(error)
                if trouble is None:
                    raise
                rest = end - time.monotonic()
                last = last if isinstance(error, TimeoutError) and last is not None else error
                if not trouble.again or rest <= 0:
                    raise unavailable(self.pool.url, last) from error
            self.retries += 1
            await asyncio.sleep(min(rest, pause * random.uniform(0.5, 1.5)))
            pause = min(2 * pause, _LONGEST_PAUSE)


async def leave(attempt: Attempt) -> bool:
    """Leaves the mark in the open transaction; False if another attempt of it was committed."""
    status: str = await attempt.connection.execute(
        "INSERT INTO commits VALUES ($1, $2) ON CONFLICT DO NOTHING", attempt.mark, time.time()
    )
    attempt.left = True
    return status.endswith(" 1")
