"""Plugins are replaced while clients are served, and nobody notices.

Beside the two demonstration plugins runs a witness (`zoo.witness`): it shows with every answer which of its generations
saw the request and which the answer, and complains when it is called after its shutdown.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import aiohttp
import pysequoia
import pytest

from e2e.processes import PLUGINS, PUBLISHERS, ROOT, ServerProcess, copy_code, eventually
from wasmpuck.demo import CERTIFICATES
from wasmpuck_signing import Manifest, PrivateKey, pack
from zoo.keeper import artifact, trust
from zoo.witness import witness

CLIENTS = 50
SECONDS = 20.0
SWAPS = 10
LIMITS = (500_000, 1_000_000)
"""The two limits that the rate limiter's configurations alternate between: an answer shows which one judged it."""

NAMES = ("ratelimit-window", "admission-policy", "witness")

ADA = "9995B6768320D1AB5DCC81476B225DA53FCD128E"


def _configuration(server: ServerProcess, limit: int, user_ids: int, edition: int) -> str:
    """Plugins that close what they cannot judge, so that a single failed call would show as a failed answer."""
    limits = ", ".join(f"{operation} = {limit}" for operation in ("get", "index", "vindex", "add", "default"))
    return f"""\
[http]
connectionsPerClient = 0

[server]
profile = "demonstration"

[storage]
seed = ["{CERTIFICATES}"]

[plugins]
directory = "{server.plugins}"
keyring = "{server.publishers}"
loadTimeout = "2m"
watchInterval = "200ms"

[plugins.security]
allowDemonstrationKeys = true
maxCPUPercent = 1000

[plugins.ratelimit-window]
grants = ["clock", "log", "metrics", "storage", "tasks"]
failure = "closed"
limits = {{ deadline = "10s", queueWait = "10s", queue = 1000 }}
config.window = 60
config.limits = {{ {limits} }}

[plugins.admission-policy]
grants = ["clock", "log", "metrics"]
failure = "closed"
limits = {{ deadline = "20s", queueWait = "20s", queue = 1000, fuel = 1_000_000_000, instances = 2 }}
config.maxUserIds = {user_ids}
config.domains = {{ deny = ["spam.example"] }}

[plugins.witness]
grants = ["storage"]
failure = "closed"
limits = {{ deadline = "10s", queueWait = "10s", queue = 1000 }}
config.edition = {edition}
"""


def _certificate(address: str) -> str:
    return str(pysequoia.Tsk.generate(user_id=f"Somebody <{address}>").extract_certificate())


@dataclass
class _Seen:
    """What the clients saw."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    limits: Counter[int] = field(default_factory=Counter)
    editions: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class _Crowd:
    """Fifty clients that look up and upload until they are told to stop."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen = _Seen()
        self.stop = asyncio.Event()
        self._number = count()
        self._good: Iterator[str] = iter([_certificate(f"user{number}@example.org") for number in range(300)])
        self._bad = [_certificate(f"user{number}@spam.example") for number in range(20)]

    async def run(self) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
            await asyncio.gather(*(self._client(session) for _ in range(CLIENTS)))

    async def _client(self, session: aiohttp.ClientSession) -> None:
        while not self.stop.is_set():
            number = next(self._number)
            try:
                await self._one(session, number)
            except aiohttp.ClientError as error:
                self.seen.wrong.append(f"request {number}: {error!r}")

    async def _one(self, session: aiohttp.ClientSession, number: int) -> None:
        what = number % 20
        if what == 0 and (fresh := next(self._good, None)) is not None:
            await self._expect(session, "add", 200, data={"keytext": fresh})
        elif what == 10:
            await self._expect(session, "refused", 403, data={"keytext": self._bad[number // 20 % len(self._bad)]})
        elif what == 5:
            await self._expect(session, "missing", 404, op="get", search="0x" + "0" * 40)
        elif what % 2:
            await self._expect(session, "index", 200, op="index", options="mr", search="ada@example.org")
        else:
            await self._expect(session, "get", 200, op="get", options="mr", search=f"0x{ADA}")

    async def _expect(
        self,
        session: aiohttp.ClientSession,
        what: str,
        status: int,
        data: dict[str, str] | None = None,
        **query: str,
    ) -> None:
        request = (
            session.get(f"{self.url}/pks/lookup", params=query)
            if data is None
            else session.post(f"{self.url}/pks/add", data=data)
        )
        async with request as answer:
            text = await answer.text()
            self.seen.statuses[what, answer.status] += 1
            if answer.status != status:
                self.seen.wrong.append(f"{what}: {answer.status} {text[:200]}")
            limit = int(answer.headers.get("ratelimit-limit", "0"))
            policy = answer.headers.get("ratelimit-policy", "")
            self.seen.limits[limit] += 1
            if limit not in LIMITS or not policy.startswith(f"{limit};"):
                self.seen.wrong.append(f"{what}: mixed or missing headers {limit} and {policy!r}")
            asked, answered = answer.headers.get("x-asked", ""), answer.headers.get("x-answered", "")
            self.seen.editions[asked] += 1
            if not asked or asked != answered or "x-late" in answer.headers:
                self.seen.wrong.append(
                    f"{what}: asked {asked}, answered {answered}, late {answer.headers.get('x-late')}"
                )
            if what == "index" and ADA not in text:
                self.seen.wrong.append(f"index without the certificate: {text[:200]}")


class _Operator:
    """Replaces each plugin ten times: by an admin call, by SIGHUP after a changed configuration, by a changed file."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self._key = PrivateKey.load(ROOT / "plugins-src" / "demonstration-key" / "demonstration.pem")

    def _generation(self, name: str) -> int:
        return int(self.server.rows()[name]["generation"])

    def replace_file(self, name: str, number: int) -> None:
        """Publishes the same component with another manifest: other bytes under the same name and version."""
        path = self.server.plugins / f"{name}.wasm"
        artifact = path.read_bytes()
        manifest = replace(Manifest.of(artifact), description=f"Edition {number}.")
        fresh = path.with_suffix(".part")
        fresh.write_bytes(pack(artifact, manifest, self._key))
        fresh.replace(path)

    def reconfigure(self, limit: int, user_ids: int, edition: int) -> None:
        self.server.config.write_text(_configuration(self.server, limit, user_ids, edition))
        assert self.server.process is not None
        self.server.process.send_signal(signal.SIGHUP)

    def work(self) -> None:
        limit, user_ids = LIMITS[0], 50
        for number in range(1, SWAPS + 1):
            for name in NAMES:
                before = self._generation(name)
                way = 1 if name == "witness" else number % 3
                if name == "admission-policy" and way == 2 and number > 2:
                    way = 0  # a changed file of a Python plugin is compiled anew, which takes long: once is enough
                match way:
                    case 0:
                        answer = self.server.swap(name)
                        assert answer.status == 200, answer.text
                    case 1:
                        if name == "ratelimit-window":
                            limit = LIMITS[1] if limit == LIMITS[0] else LIMITS[0]
                        elif name == "admission-policy":
                            user_ids += 1
                        edition = number if name == "witness" else number - 1
                        self.reconfigure(limit, user_ids, edition)
                    case 2:
                        self.replace_file(name, number)

                def replaced(name: str = name, before: int = before) -> bool:
                    return self._generation(name) == before + 1

                eventually(replaced, f"{name} generation {before} is replaced")


@pytest.fixture
def server(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[ServerProcess]:
    """A server with the witness and copies of both demonstration plugins, which the test may replace.

    What was compiled by an earlier run is used again: the Python plugin takes some twenty seconds.
    """
    server = ServerProcess(tmp_path)
    assert pytestconfig.cache is not None
    compiled = pytestconfig.cache.mkdir("compiled-plugins")
    copy_code(compiled, server.data)
    for name in ("ratelimit-window", "admission-policy"):
        (server.plugins / f"{name}.wasm").write_bytes((PLUGINS / f"{name}.wasm").read_bytes())
    (server.plugins / "runtimes").mkdir()
    (server.plugins / "runtimes" / "python.wasm").write_bytes((PLUGINS / "runtimes" / "python.wasm").read_bytes())
    (server.plugins / "witness.wasm").write_bytes(artifact(witness()))
    trust(server.publishers)
    for each in PUBLISHERS.glob("*.toml"):
        (server.publishers / each.name).write_bytes(each.read_bytes())
    server.config.write_text(_configuration(server, LIMITS[0], 50, 0))
    try:
        server.start()
        yield server
        server.stop()
        shutil.rmtree(compiled / "code", ignore_errors=True)
        copy_code(server.data, compiled)
    finally:
        server.kill()


def test_swaps_under_load_are_not_seen_by_any_client(server: ServerProcess) -> None:
    """Fifty clients meet no failed or mixed answer while each plugin is replaced ten times."""
    crowd = _Crowd(server.url)
    operator = _Operator(server)

    async def scene() -> None:
        clients = asyncio.create_task(crowd.run())
        began = time.monotonic()
        try:
            await asyncio.to_thread(operator.work)
            await asyncio.sleep(max(0.0, SECONDS - (time.monotonic() - began)))
        finally:
            crowd.stop.set()
            await clients

    asyncio.run(scene())
    seen = crowd.seen
    assert seen.wrong == []
    assert set(seen.limits) == set(LIMITS)
    assert {what for what, _ in seen.statuses} == {"add", "refused", "missing", "index", "get"}

    assert set(seen.editions) == {f'{{"edition":{number}}}' for number in range(SWAPS + 1)}

    for name in NAMES:
        row = server.rows()[name]
        assert (row["generation"], row["state"]) == (SWAPS + 1, "running")
        everyone = {str(number) for number in range(1, SWAPS + 1)}

        def all_retired(name: str = name, everyone: set[str] = everyone) -> bool:
            return everyone == set(re.findall(rf"plugin {name} generation (\d+) is retired", server.log))

        eventually(all_retired, f"every old generation of {name} is retired")
    # A call on a retired generation would have been refused, and counted as something else than ok.
    assert set(server.calls("ratelimit-window")) == {"ok"}
    assert set(server.calls("admission-policy", "admission.judge")) == {"ok"}
    assert set(server.calls("witness", "middleware.on-response")) == {"ok"}
    assert server.sample("wasmpuck_plugin_swaps_total", outcome="failed") == 0
