"""Clients that take their time: each holds a connection, and in the end wants its answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

__all__ = ["Crowd"]

_PAUSE = 1.0  # seconds between the bytes that a slow client sends
_PARALLEL = 100  # connections that are opened at once
_UPLOAD = 4_000  # bytes of a body that comes slowly


class Crowd:
    """Slow clients of the server at `port` of loopback.

    `large` is a path with a large answer, which slow readers do not read. Whoever lets them gather has them disperse.
    """

    def __init__(self, port: int, large: str) -> None:
        self._port = port
        self._large = large
        self._finish = asyncio.Event()
        self._tasks: list[asyncio.Task[int]] = []
        self._opened = 0
        self._gate = asyncio.Semaphore(_PARALLEL)
        self._slow: dict[asyncio.StreamWriter, int] = {}
        self._dripping: asyncio.Task[None] | None = None

    async def gather(self, headers: int, bodies: int, readers: int) -> None:
        """Opens that many connections of each kind and returns when all of them are open and have sent something.

        `headers` send their request's head byte by byte, `bodies` the body of an upload, `readers` leave a large
        answer unread. Raises ConnectionError when one is refused.
        """
        kinds: list[Callable[[], Coroutine[Any, Any, int]]] = [
            *[self._slow_headers] * headers,
            *[self._slow_body] * bodies,
            *[self._slow_reader] * readers,
        ]
        self._tasks = [asyncio.create_task(kind()) for kind in kinds]
        self._dripping = asyncio.create_task(self._drip())
        while self._opened < len(kinds):
            if self.gone:
                await self.disperse()
                raise ConnectionError("the server refused or closed a connection")
            await asyncio.sleep(0.05)

    @property
    def gone(self) -> int:
        """How many of them the server has turned away meanwhile."""
        return sum(task.done() for task in self._tasks)

    async def disperse(self) -> list[int]:
        """All of them end their requests quickly now; the statuses that they get, 0 for no answer at all."""
        if self._dripping is not None:
            self._dripping.cancel()
        self._finish.set()
        found = await asyncio.gather(*self._tasks, return_exceptions=True)
        return [status if isinstance(status, int) else 0 for status in found]

    async def _open(self, buffer: int | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        end = socket.socket()
        end.setblocking(False)
        if buffer is not None:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        async with self._gate:
            try:
                await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", self._port))
            except OSError:
                end.close()
                raise
        return await asyncio.open_connection(sock=end, limit=4096 if buffer else 1 << 16)

    async def _drip(self) -> None:
        """Has each slow sender send a byte now and then. One task for all: a crowd must not be busy."""
        while True:
            await asyncio.sleep(_PAUSE)
            for writer in self._slow:
                writer.write(b"x")
                self._slow[writer] += 1

    async def _finished(self, writer: asyncio.StreamWriter) -> int:
        """Waits until it is time to finish; how many bytes this connection has sent by then."""
        self._slow[writer] = 0
        self._opened += 1
        await self._finish.wait()
        return self._slow.pop(writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        """Reads an answer to its end, which is that of the connection."""
        try:
            status = await reader.readline()
            while await reader.read(1 << 16):
                pass
            return int(status.split()[1]) if status else 0
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _slow_headers(self) -> int:
        reader, writer = await self._open()
        writer.write(b"GET /pks/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Slow: ")
        await writer.drain()
        await self._finished(writer)
        writer.write(b"\r\n\r\n")
        return await self._answer(reader, writer)

    async def _slow_body(self) -> int:
        reader, writer = await self._open()
        head = f"POST /pks/add HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {_UPLOAD}\r\n"
        writer.write(f"{head}Content-Type: application/pgp\r\n\r\n".encode())
        await writer.drain()
        writer.write(b"x" * (_UPLOAD - await self._finished(writer)))
        return await self._answer(reader, writer)

    async def _slow_reader(self) -> int:
        reader, writer = await self._open(buffer=4096)
        writer.write(f"GET {self._large} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        self._opened += 1
        await self._finish.wait()
        return await self._answer(reader, writer)
