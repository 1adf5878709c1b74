"""Short reads on the event loop's own thread, for as long as they are short.

Handing a read to another thread and taking its answer back costs four times what SQLite needs to find a row that is in
memory, since both threads want the interpreter at once. So a read of few rows is done where it is asked for. A read
that took long, and during which this thread had to fetch blocks from a disk, is a strike; one that other processes kept
from the processor is none. After several strikes there is a pause, in which readers with threads of their own do the
work, so that a slow disk keeps the loop for a small part of the time at most.

    prompt ──three strikes──► pausing 1 s ──time is over──► prompt ──a strike soon──► pausing 2 s … 64 s
"""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

__all__ = ["PromptReader"]

_SLOW = 0.004
"""Seconds; reading the largest certificate of debian-keyring takes 0.0002."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 64.0
_MOST_STRIKES = 3.0
_FORGIVEN = 0.02
"""Of a strike, by each short read."""

_Answer = TypeVar("_Answer")


def _blocks_read() -> int:
    """Blocks that this thread has waited for so far."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_inblock


class PromptReader:
    """A connection for reading that belongs to the thread that opens it.

    `clock` counts seconds, `blocks` what this thread has fetched from disks.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.perf_counter, blocks: Callable[[], int] = _blocks_read
    ) -> None:
        self._path = path
        self._clock = clock
        self._blocks = blocks
        self._fetched = 0
        self._connection: sqlite3.Connection | None = None
        self._pause = _FIRST_PAUSE
        self._resumes = 0.0
        self._strikes = 0.0

    def open(self) -> None:
        """Connects to a database that is there. Does nothing if that fails: other readers say what is wrong."""
        with suppress(sqlite3.Error):
            # It waits for no lock: who has to wait does so on another thread.
            self._connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, cached_statements=32)
            self._connection.execute("PRAGMA query_only = ON")

    def close(self) -> None:
        """Disconnects. Closing twice does nothing."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def read(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer | None:
        """What `work` returns, or None where another reader has to do it: in a pause, and if SQLite fails.

        `work` reads few rows, all of them, and does not return None.
        """
        began = self._clock()
        connection = self._connection
        if connection is None or began < self._resumes:
            return None
        try:
            answer = work(connection)
        except sqlite3.Error:
            self._rest(began)
            return None
        ended = self._clock()
        if ended - began > _SLOW and self._waited():
            self._strikes += 1
            if self._strikes >= _MOST_STRIKES:
                self._rest(ended)
        elif self._strikes:
            self._strikes = max(0.0, self._strikes - _FORGIVEN)
            if not self._strikes:
                self._pause = _FIRST_PAUSE
        return answer

    def _waited(self) -> bool:
        """Whether blocks were fetched since this was asked last, so that only slow reads pay for asking."""
        before, self._fetched = self._fetched, self._blocks()
        return self._fetched != before

    def _rest(self, now: float) -> None:
        """Pauses; one slow read soon afterwards is enough for the next pause."""
        self._resumes = now + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self._strikes = _MOST_STRIKES - 1
