"""Look-ups while 1,900 slow clients hold connections, against the same look-ups without them.

A third of the slow ones send their request's head byte by byte, a third an upload's body, a third leave a large answer
unread. In the end every one of them has to get its answer: none was refused.
"""

from __future__ import annotations

import asyncio
import os
import resource
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

from bench.measure import Effort, Result, by_turns, compare
from bench.reading import loaded, targets_in
from bench.servers import Client, Server, load_client, processors, server
from e2e.crowd import Crowd

__all__ = ["measure"]

_CONNECTIONS, _QUICK = 2_000, 100
"""Open connections, and how many of them ask one question after the other."""

_CONFIGURATION = """
[server]
logLevel = "warning"

[http]
connectionsPerClient = 0
headerTimeout = "5m"
bodyTimeout = "5m"
writeTimeout = "5m"

[plugins]
enabled = false
"""


async def measure(wanted: frozenset[str], effort: Effort) -> list[Result]:
    """The figure `connections.2000`. Raises RuntimeError when a connection was refused or left without an answer."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {processors()[1]})  # the crowd is on the clients' side
    seconds = 0.5 if effort.quick else 1.0
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        targets = await asyncio.to_thread(targets_in, await asyncio.to_thread(loaded, folder))
        busy = await stack.enter_async_context(server(folder, "crowded", _CONFIGURATION))
        client = await stack.enter_async_context(load_client([targets.median], _QUICK))

        async def alone() -> float:
            return await _rate(client, busy, seconds)

        async def crowded() -> float:
            crowd = Crowd(busy.port, targets.largest)
            each, rest = divmod(_CONNECTIONS - _QUICK, 3)
            await crowd.gather(each, each, each + rest)
            try:
                await _settled(busy, targets.median)
                rate = await _rate(client, busy, seconds)
                if crowd.gone:
                    raise RuntimeError(f"the server turned {crowd.gone} slow clients away")
            finally:
                found = Counter(await crowd.disperse())
            if found != {200: 2 * each + rest, 400: each}:
                raise RuntimeError(f"slow clients got these statuses: {dict(found)}")
            return rate

        taken = await by_turns(effort.runs(9), crowded, alone)
        return [compare("connections.2000", "1/s", *taken)]


async def _settled(target: Server, path: str) -> None:
    """Returns when the server has done what it can for the crowd: it answers at once, three times in a row."""
    prompt = 0
    while prompt < 3:
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        await reader.read(1)
        writer.close()
        prompt = prompt + 1 if time.perf_counter() - began < 0.1 else 0
        await asyncio.sleep(0.2)


async def _rate(client: Client, target: Server, seconds: float) -> float:
    load = await client.load(target, seconds)
    return load.requests / load.seconds
