"""Processes for what needs the processor, so that parsing an upload never holds up the loop."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from wasmpuck.errors import Unprocessable

__all__ = ["Workers"]

_Answer = TypeVar("_Answer")

_AT_ONCE = 16 * 1024
"""Bytes: what reads so few takes the loop 5 ms at most, and going to another process and back takes half of one."""


class Workers:
    """A pool of processes for pure functions. Lives as long as the server; close it.

    A process that dies (out of memory, say) takes what was running down with it: all of it is tried once more, in new
    processes, and refused with `Unprocessable` if that fails as well. Processes start with the first work.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = count or os.cpu_count() or 1
        self._pool: ProcessPoolExecutor | None = None

    async def run(self, function: Callable[..., _Answer], *arguments: object) -> _Answer:
        """The function's answer; function and arguments must be picklable."""
        for _ in range(2):
            pool = self._pool or self._start()
            try:
                return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
            except BrokenProcessPool:
                if self._pool is pool:
                    self._pool = None
                    pool.shutdown(wait=False)
        raise Unprocessable(
            "Processing this upload took more than the server allows.", hint="Send fewer or smaller certificates."
        )

    async def read(self, function: Callable[[bytes], _Answer], data: bytes) -> _Answer:
        """The function's answer about data that somebody sent: made here if that is quick, else by a process."""
        return function(data) if len(data) <= _AT_ONCE else await self.run(function, data)

    async def close(self) -> None:
        """Waits for what is running, then ends the processes."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown)

    def _start(self) -> ProcessPoolExecutor:
        # Not fork: the server has threads, and a copy of a process with threads may hang.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(self.count, mp_context=context, initializer=_begin)
        return self._pool


def _begin() -> None:
    """Ctrl-C is for the server, which then ends its workers; a server that is killed takes them along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    # The pool's queue does not tell that the server is gone: each worker holds both of its ends.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
