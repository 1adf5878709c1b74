"""A TCP proxy that loses connections: at random, or at the moment that hurts most."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

__all__ = ["Cutter", "proxied"]

_COMMIT = b"COMMIT\0"
_CHUNK = 1 << 16


@dataclass(slots=True)
class Cutter:
    """Decides where connections are lost. Chances are per message of the client, from 0 to 1.

    Half of the losses come before the server gets the message, half after, so that its answer is lost. `planned`
    are losses at the next commits, before (True) or after (False) the server gets them.
    """

    anywhere: float = 0.0
    at_commit: float = 0.0
    chances: random.Random = field(default_factory=lambda: random.Random(1))
    planned: list[bool] = field(default_factory=list)
    before: int = 0
    after: int = 0

    def cuts(self, message: bytes) -> bool | None:
        """Whether this is lost before (True) or after (False) the server gets it; None if it is not."""
        commit = _COMMIT in message
        if commit and self.planned:
            early = self.planned.pop(0)
        elif self.chances.random() < (self.at_commit if commit else self.anywhere):
            early = self.chances.random() < 0.5
        else:
            return None
        self.before += early
        self.after += not early
        return early


@asynccontextmanager
async def proxied(cutter: Cutter, port: int) -> AsyncIterator[int]:
    """A port on loopback that leads to `port` on loopback."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        try:
            await _relay(cutter, port, reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _relay(cutter: Cutter, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    there, onward = await asyncio.open_connection("127.0.0.1", port)
    answers = asyncio.create_task(_copy(there, writer))
    try:
        while message := await reader.read(_CHUNK):
            early = cutter.cuts(message)
            if early is None:
                onward.write(message)
                await onward.drain()
                continue
            if not early:
                # Answers are lost from here on, but the server reads the message before it notices the end.
                answers.cancel()
                onward.write(message)
                await onward.drain()
                onward.close()
            writer.transport.abort()
            return
    finally:
        answers.cancel()
        await asyncio.gather(answers, return_exceptions=True)
        onward.close()
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while message := await reader.read(_CHUNK):
            writer.write(message)
            await writer.drain()
    except OSError:  # the server reset it
        writer.transport.abort()
    writer.close()
