"""The load generator: a program of its own, so that it does not share an interpreter with what it measures.

Started as ``python -m bench.client``. Reads orders from standard input, one JSON object a line: `port`, `paths` (to
ask for in turn), `connections` and `seconds`. Answers each with a line: `requests` answered, `seconds` that they took,
`failures` (anything but 200). A connection asks for the next path as soon as the last answer is complete, and stays
open for later orders.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import cycle

__all__ = ["main"]

_END = b"\r\n\r\n"
_LENGTH = b"Content-Length: "


class _Connection(asyncio.Protocol):
    """One client that always has one request under way."""

    def __init__(self) -> None:
        self.transport: asyncio.WriteTransport | None = None
        self._buffer = bytearray()
        self._requests: Iterator[bytes] = iter(())
        self._ends = 0.0
        self._idle: asyncio.Future[None] | None = None
        self.answered = 0
        self.failures = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self._idle is not None and not self._idle.done():
            self._idle.set_exception(exc or ConnectionError("the server closed a connection"))

    async def drive(self, requests: Iterator[bytes], ends: float) -> None:
        """Asks until the time `ends` (of `time.perf_counter`), then waits for the last answer."""
        if self.transport is None:
            raise ConnectionError("the connection is closed")
        self.answered = self.failures = 0
        self._requests, self._ends = requests, ends
        self._idle = asyncio.get_running_loop().create_future()
        self.transport.write(next(requests))
        await self._idle

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        head = buffer.find(_END)
        if head < 0:
            return
        at = buffer.find(_LENGTH, 0, head)
        length = int(buffer[at + len(_LENGTH) : buffer.index(b"\r", at)]) if at >= 0 else 0
        size = head + len(_END) + length
        if len(buffer) < size:
            return
        if buffer[9:12] != b"200":
            self.failures += 1
        del buffer[:size]
        self.answered += 1
        if time.perf_counter() < self._ends and self.transport is not None:
            self.transport.write(next(self._requests))
        elif self._idle is not None:
            self._idle.set_result(None)


async def main() -> None:
    """Serves orders until standard input ends."""
    loop = asyncio.get_running_loop()
    pools: dict[int, list[_Connection]] = {}
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        port = order["port"]
        connections = pools.setdefault(port, [])
        connections[:] = [each for each in connections if each.transport is not None]
        while len(connections) < order["connections"]:
            _, made = await loop.create_connection(_Connection, "127.0.0.1", port)
            connections.append(made)
        requests = cycle([f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in order["paths"]])
        started = time.perf_counter()
        await asyncio.gather(*(each.drive(requests, started + order["seconds"]) for each in connections))
        answer = {
            "requests": sum(each.answered for each in connections),
            "seconds": time.perf_counter() - started,
            "failures": sum(each.failures for each in connections),
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
