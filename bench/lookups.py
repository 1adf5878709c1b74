"""HKP lookups a second: the real server with the demonstration certificates, with and without plugins."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import guests
from bench.measure import Effort, Result, by_turns, compare
from bench.postgres import PostgresServer, postgres
from bench.servers import Client, Server, load_client, server
from wasmpuck.demo import CERTIFICATES, KEYRING
from wasmpuck.openpgp import Certificate
from wasmpuck.openpgp.splitter import pieces_of_armor

__all__ = ["measure"]

_REUSE = guests.Reuse(requests=100, milliseconds=1000)
_THREE = ("first-asked", "second-asked", "third-asked")

_HEAD = """
[server]
profile = "demonstration"
logLevel = "warning"

[storage]
seed = ["{certificates}"]
{storage}

[plugins]
enabled = {enabled}
directory = "plugins"
keyring = "{keyring}"
watchInterval = "0s"
loadTimeout = "2m"

[plugins.security]
allowDemonstrationKeys = true
maxCPUPercent = 10_000
"""

# `lease = 0`: the limiter is asked about every request.
_RATELIMIT = """
[plugins.ratelimit-window]
grants = ["clock", "log", "metrics", "storage", "tasks"]
failure = "closed"
config.window = 3600
config.lease = 0
config.limits = { default = 1_000_000 }
"""

_ADMISSION = """
[plugins.admission-policy]
grants = ["clock", "log", "metrics"]
failure = "closed"
limits = { fuel = 1_000_000_000, deadline = "2s" }
"""


@dataclass(frozen=True, slots=True)
class Variant:
    """A server: its plugins as signed artifacts, and their part of the configuration.

    runtimes: published language runtimes that the scripts among them need.
    asked: the plugins that have to be asked about every request; whether they were is checked after the load.
    """

    plugins: dict[str, bytes]
    tables: str = ""
    asked: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()


def _variants() -> dict[str, Variant]:
    ratelimit = {"ratelimit-window": guests.demonstration("ratelimit-window")}
    both = {**ratelimit, "admission-policy": guests.demonstration("admission-policy")}
    return {
        "lookup.one": Variant({name: guests.middleware(name) for name in _THREE[:1]}, asked=_THREE[:1]),
        "lookup.three": Variant({name: guests.middleware(name) for name in _THREE}, asked=_THREE),
        "lookup.reuse": Variant({name: guests.middleware(name, _REUSE) for name in _THREE}),
        "lookup.ratelimit": Variant(ratelimit, _RATELIMIT, tuple(ratelimit)),
        "lookup.both": Variant(both, _RATELIMIT + _ADMISSION, tuple(ratelimit), ("python",)),
    }


def _paths() -> list[str]:
    """A lookup of each demonstration certificate by its fingerprint, as gpg asks for it."""
    lines = CERTIFICATES.read_bytes().splitlines(keepends=True)
    found = [Certificate.parse(piece.data) for piece in pieces_of_armor(lines, 1 << 20)]
    return [f"/pks/lookup?op=get&options=mr&search=0x{certificate.fingerprint}" for certificate in found]


async def measure(wanted: frozenset[str], effort: Effort) -> list[Result]:
    """The figures of this group that are wanted. All servers run; one at a time is under load."""
    variants = _variants()
    chosen = {name: variants[name] for name in variants if name in wanted}
    results = await _compared(chosen, effort) if chosen else []
    if "lookup.postgres" in wanted:
        async with postgres() as database_server:
            results += await _compared({"lookup.postgres": variants["lookup.one"]}, effort, database_server)
    return results


async def _compared(
    variants: Mapping[str, Variant], effort: Effort, databases: PostgresServer | None = None
) -> list[Result]:
    """Each against a server without plugins; on databases of a PostgreSQL server if one is given, else on SQLite."""
    chosen = {"none": Variant({}), **variants}
    seconds = 0.4 if effort.quick else 1.0
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        servers = []
        for name, variant in chosen.items():
            url = databases.url(await databases.database(name)) if databases is not None else ""
            servers.append(await _started(stack, folder / name, name, variant, url))
        client = await stack.enter_async_context(load_client(_paths()))
        loads = [_Load(client, each, chosen[each.name], seconds) for each in servers]
        taken = await by_turns(effort.runs(15), *(load.run for load in loads))
        for load in loads:
            await load.check()
    return [
        compare(name, "1/s", values, taken[0]) for name, values in zip(chosen, taken, strict=True) if name != "none"
    ]


async def _started(stack: AsyncExitStack, folder: Path, name: str, variant: Variant, url: str) -> Server:
    plugins = folder / "plugins"
    (plugins / "runtimes").mkdir(parents=True)
    for runtime in variant.runtimes:
        (plugins / "runtimes" / f"{runtime}.wasm").write_bytes(guests.demonstration(f"runtimes/{runtime}"))
    for plugin, artifact in variant.plugins.items():
        (plugins / f"{plugin}.wasm").write_bytes(artifact)
    storage = f'url = "{url}"' if url else ""
    enabled = str(bool(variant.plugins)).lower()
    head = _HEAD.format(certificates=CERTIFICATES, storage=storage, keyring=KEYRING, enabled=enabled)
    return await stack.enter_async_context(server(folder, name, head + variant.tables))


class _Load:
    """Load on one server, and how many requests it has answered."""

    def __init__(self, client: Client, target: Server, variant: Variant, seconds: float) -> None:
        self._client = client
        self._target = target
        self._variant = variant
        self._seconds = seconds
        self._answered = 0

    async def run(self) -> float:
        load = await self._client.load(self._target, self._seconds)
        self._answered += load.requests
        return load.requests / load.seconds

    async def check(self) -> None:
        """Raises RuntimeError when a plugin was not asked about every request: then the figure means nothing."""
        for plugin in self._variant.asked:
            calls = await asyncio.to_thread(self._target.calls, plugin, "middleware.on-request")
            if calls < self._answered:
                raise RuntimeError(f"{plugin} was asked {calls:.0f} times about {self._answered} requests")
