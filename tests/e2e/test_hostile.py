"""Hostile plugins beside an honest one that matters: what clients, the log and the metrics see of it.

Each kind of hostility by itself is in `tests/zoo`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from e2e.client import Answer, lookup
from e2e.processes import PLUGINS, PUBLISHERS, ServerProcess, eventually, running
from zoo import burners, flooders
from zoo.guest import Guest
from zoo.keeper import artifact, trust
from zoo.registry import INHABITANTS, Inhabitant
from zoo.text import ON_REQUEST, counted

SIX = {
    "endless-loop": "the guest used up its fuel",
    "memory-bomb": "the guest ran out of memory",
    "deep-recursion": "the guest's calls nested too deeply",
    "unreachable": "the guest gave up (unreachable instruction)",
    "log-flood": "log lines above the rate were dropped",
    "storage-flood": "quota-exceeded",
}
"""Six ways to attack a server, and the words in which its log tells each."""

WINGS = (burners, flooders)

CONFIGURATION = """\
[server]
profile = "demonstration"

[plugins]
directory = "plugins"
keyring = "publishers"
watchInterval = "0s"

[plugins.security]
allowDemonstrationKeys = true
maxCPUPercent = 10_000

[plugins.ratelimit-window]
grants = ["clock", "log", "metrics", "storage", "tasks"]
failure = "closed"
limits = { deadline = "30s", queueWait = "30s" }
config.window = 60
config.limits = { default = 1_000_000 }
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with the demonstration's rate limiter, which fails closed."""
    prepared = ServerProcess(tmp_path)
    trust(prepared.publishers)
    for each in PUBLISHERS.glob("*.toml"):
        (prepared.publishers / each.name).write_bytes(each.read_bytes())
    (prepared.plugins / "ratelimit-window.wasm").write_bytes((PLUGINS / "ratelimit-window.wasm").read_bytes())
    with running(prepared.folder, CONFIGURATION) as server:
        yield server


def _admit(server: ServerProcess, guest: Guest, table: str, configuration: str = CONFIGURATION) -> None:
    (server.plugins / f"{guest.name}.wasm").write_bytes(artifact(guest))
    server.config.write_text(f"{configuration}\n[plugins.{guest.name}]\n{table}\n")
    assert server.reload()[guest.name]["what"] == "published"


def _ask(server: ServerProcess) -> Answer:
    return lookup(server.url, "index", "nobody@example.org")


def _table(inhabitant: Inhabitant) -> str:
    granted = ", ".join(f'"{name}"' for name in inhabitant.build().imports)
    return f"[plugins.{inhabitant.name}]\ngrants = [{granted}]\nlimits = {{ {inhabitant.limits} }}\n"


def test_six_attacks_at_once(server: ServerProcess) -> None:
    """Six hostile plugins are told apart in log and metrics, while the honest one judges every request."""
    usual = server.memory()
    six = [INHABITANTS[name] for name in SIX]
    for each in six:
        (server.plugins / f"{each.name}.wasm").write_bytes(artifact(each.build()))
    server.config.write_text("\n".join([CONFIGURATION, *map(_table, six)]))
    assert {outcome["what"] for outcome in server.reload().values()} == {"published", "unchanged"}

    statuses: Counter[int] = Counter()
    unjudged = 0

    def seen() -> bool:
        nonlocal unjudged
        with ThreadPoolExecutor(8) as clients:
            for answer in clients.map(lambda _: _ask(server), range(16)):
                statuses[answer.status] += 1
                unjudged += answer.headers.get("ratelimit-limit") != "1000000"
        return all(words in server.log for words in SIX.values())

    eventually(seen, "every attack is told in the log")
    assert set(statuses) == {404}
    assert unjudged == 0
    assert set(server.calls("ratelimit-window")) == {"ok"}
    for each in six:
        assert server.calls(each.name)[str(each.ends)] >= 1
    assert server.sample("wasmpuck_plugin_dropped_log_lines_total", plugin="log-flood") > 0
    assert server.sample("wasmpuck_plugin_storage_bytes", plugin="storage-flood") <= 100_000

    for each in six:
        (server.plugins / f"{each.name}.wasm").unlink()
    server.config.write_text(CONFIGURATION)
    server.reload()
    eventually(lambda: all(f"plugin {name} generation 1 is retired" in server.log for name in SIX), "all are retired")
    assert server.memory() < usual + (48 << 20)
    assert _ask(server).status == 404


def test_a_plugin_that_must_answer(server: ServerProcess) -> None:
    """With `failure = "closed"` a request that a plugin failed to judge is refused, and passes once it is replaced."""
    _admit(server, Guest("guard", bodies={ON_REQUEST: "(unreachable)"}), 'failure = "closed"')
    answer = _ask(server)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "guard" in answer.text
    assert server.calls("guard")["unreachable"] >= 1
    (server.plugins / "guard.wasm").write_bytes(artifact(Guest("guard", version="1.0.1")))
    assert server.reload()["guard"]["what"] == "published"
    assert _ask(server).status == 404


def test_a_plugin_that_spends_all_its_processor_time(server: ServerProcess) -> None:
    """A plugin that stays just below the limits of a call is paused for what it costs in the long run."""
    frugal = CONFIGURATION.replace("maxCPUPercent = 10_000", "maxCPUPercent = 1")
    spendthrift = Guest("spendthrift")
    spendthrift.bodies[ON_REQUEST] = counted(spendthrift, 4_500_000, "")
    _admit(server, spendthrift, 'limits = { deadline = "30s" }', frugal)

    def paused() -> bool:
        assert _ask(server).status == 404
        return "overloaded" in server.calls("spendthrift")

    eventually(paused, "it is paused")
    assert "spendthrift has used its share of processor time" in server.log
    (server.plugins / "spendthrift.wasm").write_bytes(artifact(Guest("spendthrift", version="1.0.1")))
    assert server.reload()["spendthrift"]["what"] == "published"
    server.config.write_text(server.config.read_text().replace("maxCPUPercent = 1\n", "maxCPUPercent = 10_000\n"))
    server.reload()
    before = server.calls("spendthrift")["ok"]

    def in_use() -> bool:
        assert _ask(server).status == 404
        return server.calls("spendthrift")["ok"] > before

    eventually(in_use, "its successor is used")
