"""Files in the plugin folder that are no plugins, or not ones to trust: each is refused in its own words."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import wasmtime

from e2e.client import lookup
from e2e.processes import PLUGINS, ServerProcess, command, eventually, running
from wasmpuck_signing import PrivateKey, pack, wasm
from zoo.guest import Guest
from zoo.keeper import KEY, artifact, manifest, trust

_MIB = 1 << 20

CONFIGURATION = """\
[plugins]
directory = "plugins"
keyring = "publishers"
watchInterval = "100ms"
"""


@dataclass(frozen=True, slots=True)
class Bad:
    """Bytes for a file and the reason and words with which they have to be refused."""

    name: str
    reason: str
    words: str
    data: Callable[[str], bytes]


def _garbage(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def _flipped(name: str) -> bytes:
    data = bytearray(artifact(Guest(name)))
    data[len(data) // 2] ^= 0x10
    return bytes(data)


def _signed_garbage(name: str) -> bytes:
    """A component that is a core module of 18 MiB of noise, signed as it should be."""
    noise = _garbage(18 * _MIB)
    module = wasm.COMPONENT_HEADER + b"\x01" + wasm.encode_u32(len(noise)) + noise
    return pack(module, manifest(Guest(name)), KEY)


BAD = [
    Bad("core-module", "not-a-component", "core WebAssembly module", lambda _: bytes(wasmtime.wat2wasm("(module)"))),
    Bad("text-file", "not-a-component", "text file", lambda _: b"This plugin will follow.\n"),
    Bad("empty-file", "not-a-component", "the file is empty", lambda _: b""),
    Bad("noise", "not-a-component", "not WebAssembly", lambda _: _garbage(1000)),
    Bad("large-noise", "unreadable", "", lambda _: wasm.COMPONENT_HEADER + b"\x0d" + _garbage(18 * _MIB)),
    Bad("signed-noise", "compile-failed", "", _signed_garbage),
    Bad("too-large", "too-large", "bytes", lambda _: wasm.COMPONENT_HEADER + bytes(65 * _MIB)),
    Bad("truncated", "unreadable", "truncated", lambda _: (PLUGINS / "ratelimit-window.wasm").read_bytes()[:-100]),
    Bad("cut-header", "unreadable", "inside the header", lambda _: wasm.COMPONENT_HEADER[:5]),
    Bad("flipped-bit", "tampered", "", _flipped),
    Bad("unsigned", "unsigned", "", lambda name: pack(Guest(name).binary(), manifest(Guest(name)), None)),
    Bad(
        "stranger",
        "unknown-signer",
        "the keyring has no such key",
        lambda name: pack(Guest(name).binary(), manifest(Guest(name)), PrivateKey.from_seed(b"s" * 32, "stranger")),
    ),
    Bad(
        "expired", "expired", "2020-01-01", lambda name: artifact(Guest(name), expires=datetime(2020, 1, 1, tzinfo=UTC))
    ),
    Bad("wrong-name", "wrong-name", "calls this plugin other", lambda _: artifact(Guest("other"))),
    Bad(
        "demonstration",
        "demonstration-key",
        "private half is public",
        lambda _: (PLUGINS / "ratelimit-window.wasm").read_bytes(),
    ),
]


def _honest(server: ServerProcess, *names: str) -> None:
    for name in names:
        (server.plugins / f"{name}.wasm").write_bytes(artifact(Guest(name)))


def _listed(server: ServerProcess) -> dict[str, dict[str, object]]:
    """`wasmpuck plugins list --json` by name."""
    done = command("plugins", "list", "--json", "--data", str(server.data))
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


def _has_been_refused(server: ServerProcess, bad: Bad) -> bool:
    return f"plugin {bad.name} is not loaded ({bad.reason})" in server.log


def _check(server: ServerProcess) -> None:
    """Every bad file is listed and logged with its own reason, and the honest plugins serve."""
    rows = _listed(server)
    for bad in BAD:
        row = rows[bad.name]
        assert (row["state"], row["generation"], row["worlds"]) == ("failed", 0, []), row
        assert str(row["reason"]).startswith(f"{bad.reason}: "), row
        assert bad.words in str(row["reason"]), row
        [line] = [line for line in server.log.splitlines() if f"plugin {bad.name} is not loaded" in line]
        assert f"({bad.reason})" in line
        assert bad.words in line
    assert len({row["reason"] for row in rows.values()} - {""}) == len(BAD)
    assert [rows[name]["state"] for name in ("a-good-one", "zealous")] == ["running", "running"]
    assert lookup(server.url, "index", "nobody@example.org").status == 404
    assert server.calls("a-good-one")["ok"] >= 1


@pytest.fixture
def prepared(tmp_path: Path) -> ServerProcess:
    """A server that does not run yet, with two honest plugins that come first and last."""
    server = ServerProcess(tmp_path)
    trust(server.publishers)
    _honest(server, "a-good-one", "zealous")
    return server


@pytest.fixture
def server(prepared: ServerProcess) -> Iterator[ServerProcess]:
    """The same, running."""
    with running(prepared.folder, CONFIGURATION) as server:
        yield server


def test_at_the_start(prepared: ServerProcess) -> None:
    """Bad files that lie in the folder at the start are refused one by one, and the others are loaded."""
    for bad in BAD:
        (prepared.plugins / f"{bad.name}.wasm").write_bytes(bad.data(bad.name))
    with running(prepared.folder, CONFIGURATION) as server:
        _check(server)


def test_while_the_server_runs(server: ServerProcess) -> None:
    """Bad files that are put into the folder are refused one by one, and forgotten when they are gone."""
    for bad in BAD:
        (server.plugins / f"{bad.name}.wasm").write_bytes(bad.data(bad.name))
    eventually(lambda: all(_has_been_refused(server, bad) for bad in BAD), "all are refused")
    _check(server)
    for bad in BAD:
        (server.plugins / f"{bad.name}.wasm").unlink()
    eventually(lambda: set(server.rows()) == {"a-good-one", "zealous"}, "the bad ones are forgotten")
    assert {row["generation"] for row in server.rows().values()} == {1}


@pytest.mark.parametrize("name", ["empty-file", "flipped-bit", "unsigned"])
def test_a_bad_successor(server: ServerProcess, name: str) -> None:
    """A bad file in the place of a good one is refused, and what ran before goes on."""
    bad = next(bad for bad in BAD if bad.name == name)
    fresh = server.plugins / "fresh.part"
    fresh.write_bytes(bad.data("zealous"))
    fresh.replace(server.plugins / "zealous.wasm")
    row = eventually(lambda: (found := server.rows()["zealous"])["reason"] and found, "the file is refused")
    assert row["reason"].startswith(f"{bad.reason}: ")
    assert (row["state"], row["generation"]) == ("running", 1)
    assert f"plugin zealous is not loaded ({bad.reason})" in server.log
    assert "generation 1 (1.0.0) stays in service" in server.log
    before = server.calls("zealous")["ok"] if server.calls("zealous") else 0
    assert lookup(server.url, "index", "nobody@example.org").status == 404
    assert server.calls("zealous")["ok"] == before + 1
    assert server.sample("wasmpuck_plugin_swaps_total", plugin="zealous", outcome="failed") >= 1


def test_an_older_version(prepared: ServerProcess) -> None:
    """A version below one that ran here is refused, in the place of the newer one and after a restart alike."""
    path = prepared.plugins / "zealous.wasm"
    path.write_bytes(artifact(Guest("zealous", version="2.0.0")))
    with running(prepared.folder, CONFIGURATION) as server:
        assert server.rows()["zealous"]["version"] == "2.0.0"
        path.write_bytes(artifact(Guest("zealous", version="1.9.9")))
        row = eventually(lambda: (found := server.rows()["zealous"])["reason"] and found, "the file is refused")
        assert row["reason"] == "older-version: zealous 1.9.9 is older than 2.0.0, which ran here before"
        assert (row["state"], row["version"]) == ("running", "2.0.0")
    with running(prepared.folder, CONFIGURATION) as server:
        rows = _listed(server)
        assert rows["zealous"]["state"] == "failed"
        assert str(rows["zealous"]["reason"]).startswith("older-version: ")
        assert rows["a-good-one"]["state"] == "running"


def test_the_highest_version_counts(prepared: ServerProcess) -> None:
    """Of several versions in the folder the highest is loaded, and a still higher one takes its place."""
    for version in ("1.9.0", "1.10.0", "1.10.0-rc.1"):
        (prepared.plugins / f"many-{version}.wasm").write_bytes(artifact(Guest("many", version=version)))
    with running(prepared.folder, CONFIGURATION) as server:
        assert server.rows()["many"]["version"] == "1.10.0"
        (prepared.plugins / "many-2.0.0.wasm").write_bytes(artifact(Guest("many", version="2.0.0")))
        eventually(lambda: server.rows()["many"]["version"] == "2.0.0", "the highest version is in service")


def test_a_link(prepared: ServerProcess) -> None:
    """A symbolic link is refused, wherever it leads."""
    elsewhere = prepared.folder / "elsewhere.wasm"
    elsewhere.write_bytes(artifact(Guest("linked")))
    (prepared.plugins / "linked.wasm").symlink_to(elsewhere)
    with running(prepared.folder, CONFIGURATION) as server:
        assert server.rows()["linked"]["reason"] == "unreadable: linked.wasm is a symbolic link"


@pytest.mark.parametrize("name", ["missing", "text-file", "flipped-bit", "expired"])
def test_a_plugin_that_must_be_there(prepared: ServerProcess, name: str) -> None:
    """With `failure = "closed"` a bad or missing file stops the start with status 3 and says what to do."""
    bad = next((bad for bad in BAD if bad.name == name), None)
    if bad is not None:
        (prepared.plugins / "guard.wasm").write_bytes(bad.data("guard"))
    prepared.config.write_text(f'{CONFIGURATION}\n[plugins.guard]\nfailure = "closed"\n')
    status, out, log = prepared.refused()
    assert (status, out) == (3, "")
    last = log[log.rindex("wasmpuck: ") :]
    reason, words = (bad.reason, bad.words) if bad else ("unreadable", "there is no artifact guard.wasm")
    assert f"guard: {reason}: " in last
    assert words in last
    assert "hint: " in last
    assert "repair or disable" in last
    assert "Traceback" not in log


def test_a_file_that_goes_and_comes_back(prepared: ServerProcess) -> None:
    """A plugin with `failure = "closed"` stays in service while its file is gone; another one goes out of service."""
    closed = f'{CONFIGURATION}\n[plugins.zealous]\nfailure = "closed"\n'
    with running(prepared.folder, closed) as server:
        for name in ("a-good-one", "zealous"):
            (server.plugins / f"{name}.wasm").unlink()
        eventually(lambda: "a-good-one" not in server.rows(), "the one goes out of service")
        row = eventually(lambda: (found := server.rows()["zealous"])["reason"] and found, "the other one is missed")
        assert (row["state"], row["generation"]) == ("running", 1)
        assert row["reason"] == "unreadable: its file is gone; generation 1 stays in service"
        _honest(server, "zealous")
        eventually(lambda: not server.rows()["zealous"]["reason"], "the file is back")
        assert server.rows()["zealous"]["generation"] == 1
        assert server.log.count("its file is gone; generation 1 stays in service") == 1
