"""Servers and the load generator as processes, each kind on a processor of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

__all__ = ["Client", "Load", "Server", "bare_server", "load_client", "processors", "server"]

_PATIENCE = 300.0  # seconds; a Python plugin is compiled at the first start


def processors() -> tuple[int, int]:
    """The processor for servers and the one for the load generator; the same one where there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


@contextmanager
def _pinned(processor: int) -> Iterator[None]:
    """What is started inside runs on this processor only, with all its threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


async def _start(processor: int, *arguments: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with _pinned(processor):
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
        )


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@dataclass(frozen=True, slots=True)
class Server:
    """A server that accepts connections."""

    name: str
    port: int
    metrics: str

    def calls(self, plugin: str, export: str) -> float:
        """Calls of an export (`middleware.on-request`) that ended well, by the server's own metrics."""
        with urlopen(self.metrics, timeout=30) as page:
            text = page.read().decode()
        wanted = (f'plugin="{plugin}"', f'export="{export}"', 'outcome="ok"')
        lines = [line for line in text.splitlines() if line.startswith("wasmpuck_plugin_calls_total{")]
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(part in line for part in wanted))


@asynccontextmanager
async def server(folder: Path, name: str, configuration: str) -> AsyncIterator[Server]:
    """Runs `wasmpuck serve` with this configuration (TOML), its files in the folder, which exists."""
    settings = folder / "wasmpuck.toml"
    await asyncio.to_thread(settings.write_text, configuration)
    listen = ["--bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0"]
    arguments = ("wasmpuck", "serve", "--config", str(settings), "--data", str(folder / "data"), *listen)
    async with _ready(name, *arguments) as ready:
        yield ready


@asynccontextmanager
async def bare_server(name: str, database: Path) -> AsyncIterator[Server]:
    """Runs `bench.bare` on a database of certificates. It has no metrics."""
    async with _ready(name, "bench.bare", str(database)) as ready:
        yield ready


@asynccontextmanager
async def _ready(name: str, *arguments: str) -> AsyncIterator[Server]:
    process = await _start(processors()[0], *arguments)
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), _PATIENCE)).decode()
        if not line.startswith("ready "):
            raise RuntimeError(f"the server {name} did not start; its reason stands above")
        urls = dict(part.split("=", 1) for part in line.split()[1:])
        yield Server(name, int(urls["hkp"].rpartition(":")[2]), urls["metrics"])
    finally:
        await _stop(process)


@dataclass(frozen=True, slots=True)
class Load:
    """Requests answered, and the seconds that they took."""

    requests: int
    seconds: float


class Client:
    """The load generator."""

    def __init__(self, process: asyncio.subprocess.Process, paths: Sequence[str], connections: int) -> None:
        self._process = process
        self._order = {"paths": list(paths), "connections": connections}

    async def load(self, target: Server, seconds: float, paths: Sequence[str] | None = None) -> Load:
        """Asks the server as fast as it answers; for other `paths`, if they are given.

        Raises:
            RuntimeError: an answer was not 200, or a connection broke.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {**self._order, "port": target.port, "seconds": seconds}
        if paths is not None:
            order["paths"] = list(paths)
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        answer = json.loads(await self._process.stdout.readline() or "{}")
        if not answer or answer["failures"]:
            raise RuntimeError(f"{answer.get('failures', 'all')} requests to the server {target.name} failed")
        return Load(answer["requests"], answer["seconds"])


@asynccontextmanager
async def load_client(paths: Sequence[str], connections: int = 8) -> AsyncIterator[Client]:
    """Runs the load generator; `paths` are asked for in turn over this many connections."""
    process = await _start(processors()[1], "bench.client")
    try:
        yield Client(process, paths, connections)
    finally:
        await _stop(process)
