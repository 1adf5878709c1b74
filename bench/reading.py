"""HKP look-ups a second against a bare handler that reads the same row from the same database.

Both run on one processor, the load generator on the other. The database is Debian's developers' keyring.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Effort, Result, by_turns, compare
from bench.servers import Client, Server, bare_server, load_client, server

__all__ = ["Targets", "loaded", "measure", "targets_in"]

_KEYRING = Path("/usr/share/keyrings/debian-keyring.gpg")
_CONFIGURATION = """
[server]
logLevel = "warning"

[plugins]
enabled = false
"""
_NO_CACHE = "\n[http]\narmorCacheBytes = 0\n"


@dataclass(frozen=True, slots=True)
class Targets:
    """Paths of look-ups by fingerprint, and the fingerprint of the median certificate."""

    median: str
    largest: str
    fingerprint: str


def loaded(folder: Path) -> Path:
    """A data folder with the keyring's certificates; returns the database."""
    if not _KEYRING.exists():
        raise RuntimeError(f"{_KEYRING} is missing: install the package debian-keyring")
    (folder / "load.toml").write_text(_CONFIGURATION)
    command = [sys.executable, "-m", "wasmpuck", "load", "--config", str(folder / "load.toml")]
    subprocess.run([*command, "--data", str(folder / "data"), str(_KEYRING)], check=True, capture_output=True)
    return folder / "data" / "keys.sqlite"


def targets_in(database: Path) -> Targets:
    """Of the certificates in a database."""
    connection = sqlite3.connect(database)
    try:
        rows = connection.execute("SELECT hex(fingerprint) FROM certificates ORDER BY length(data)").fetchall()
    finally:
        connection.close()
    path = "/pks/lookup?op=get&options=mr&search=0x"
    return Targets(path + rows[len(rows) // 2][0].lower(), path + rows[-1][0].lower(), rows[len(rows) // 2][0])


async def _address(client: Client, target: Server, fingerprint: str) -> str:
    """The path of a listing by an address of the median certificate."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    query = f"/pks/lookup?op=index&options=json&search=0x{fingerprint}"
    writer.write(f"GET {query} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    names = [each["keywords"] for each in json.loads(answer.partition(b"\r\n\r\n")[2])[0]["userIDs"]]
    address = next(name.rpartition("<")[2].rstrip(">") for name in names if "@" in name)
    return f"/pks/lookup?op=index&options=mr&search={address}"


async def measure(wanted: frozenset[str], effort: Effort) -> list[Result]:
    """The figures of this group that are wanted. All servers run; one at a time is under load."""
    seconds = 0.4 if effort.quick else 1.0
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        database = await asyncio.to_thread(loaded, folder)
        targets = await asyncio.to_thread(targets_in, database)
        ours = await stack.enter_async_context(server(folder, "ours", _CONFIGURATION))
        bare = await stack.enter_async_context(bare_server("bare", database))
        client = await stack.enter_async_context(load_client([targets.median]))

        def rate(target: Server, path: str) -> Callable[[], Awaitable[float]]:
            async def run() -> float:
                load = await client.load(target, seconds, [path])
                return load.requests / load.seconds

            return run

        figures = {
            "lookup.median": targets.median,
            "lookup.largest": targets.largest,
            "index.email": await _address(client, ours, targets.fingerprint),
        }
        results: list[Result] = []
        for figure, path in figures.items():
            if figure in wanted:
                taken = await by_turns(effort.runs(15), rate(ours, path), rate(bare, path))
                results.append(compare(figure, "1/s", *taken))
        firsts = {f"{figure}.first": path for figure, path in figures.items() if f"{figure}.first" in wanted}
        if firsts:
            other = folder / "other"
            (other / "data").mkdir(parents=True)
            await asyncio.to_thread(loaded, other)
            cold = await stack.enter_async_context(server(other, "cold", _CONFIGURATION + _NO_CACHE))
            for figure, path in firsts.items():
                taken = await by_turns(effort.runs(15), rate(cold, path), rate(bare, path))
                results.append(compare(figure, "1/s", *taken))
    return results
