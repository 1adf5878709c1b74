from __future__ import annotations

import asyncio
import os
import signal

import pytest

from wasmpuck.errors import Unprocessable
from wasmpuck.keyserver import Workers


def test_a_process_that_dies_is_replaced() -> None:
    """Work that kills its process twice is refused in words, and the next work is done."""

    async def run() -> None:
        workers = Workers(1)
        assert await workers.run(abs, -1) == 1
        with pytest.raises(Unprocessable, match="more than the server allows"):
            await workers.run(os._exit, 9)
        assert await workers.run(abs, -2) == 2
        await workers.close()
        await workers.close()

    asyncio.run(run())


def test_work_that_a_neighbour_interrupts_is_done_again() -> None:
    """A process that is killed from outside costs nobody an answer."""

    async def run() -> None:
        workers = Workers(1)
        process = await workers.run(os.getpid)
        os.kill(process, signal.SIGKILL)
        assert await workers.run(abs, -1) == 1
        assert await workers.run(os.getpid) != process
        await workers.close()

    asyncio.run(run())


def test_errors_of_the_work_reach_the_caller() -> None:
    """An exception crosses the process border as it is."""

    async def run() -> None:
        workers = Workers(1)
        with pytest.raises(ZeroDivisionError):
            await workers.run(divmod, 1, 0)
        await workers.close()

    asyncio.run(run())


def _where(data: bytes) -> int:
    return os.getpid()


def test_only_small_input_is_read_on_the_spot() -> None:
    """What somebody sends cannot keep the server itself busy by its size."""

    async def run() -> None:
        workers = Workers(1)
        assert await workers.read(_where, bytes(16 * 1024)) == os.getpid()
        assert await workers.read(_where, bytes(16 * 1024 + 1)) != os.getpid()
        await workers.close()

    asyncio.run(run())
