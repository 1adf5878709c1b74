"""`hockeypuck-plugin record` and `replay`: on a stand, and a plugin of a server."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from kit.conftest import Kit
from kit.guests import REQUEST, diligent
from runtime.guests import keyring_text

ACTS = [
    {"call": "middleware.on-request", "arguments": [REQUEST]},
    {"advance": 61},
    {"deliver": "key.inserted", "payload": "{}"},
    {"call": "lifecycle.health"},
]


def acts(kit: Kit, what: object = ACTS) -> Path:
    path = kit.folder / "acts.json"
    path.write_text(json.dumps(what))
    return path


def test_what_was_recorded_is_replayed(kit: Kit) -> None:
    """A recording of the same artifact replays without differences, a changed artifact shows them and ends with 1."""
    artifact = kit.put(diligent())
    done = kit("record", artifact, acts(kit), "-o", "t.jsonl", "--seed", 1)
    assert done.exit_code == 0, done.output
    assert "calls in t.jsonl" in done.stderr
    calls = len((kit.folder / "t.jsonl").read_text().splitlines()) - 1
    assert kit.ok("replay", artifact, "t.jsonl") == f"{calls} calls, 0 differences\n"
    changed = kit("replay", kit.put(diligent(greeting="hello"), "changed"), "t.jsonl")
    assert changed.exit_code == 1
    assert "middleware.on-request on instance 1: host call 1 differs" in changed.stdout
    assert '+      "hello",' in changed.stdout
    assert changed.stdout.endswith("1 differences; the artifact is another than the recorded one\n")
    told = kit("replay", kit.folder / "changed.wasm", "t.jsonl", "--json")
    assert (told.exit_code, json.loads(told.stdout)["same"]) == (1, False)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({}, "an array is needed"),
        ([{"call": "lifecycle.helth"}], "act 1: the contract has no function"),
        ([{"advance": 1}, {"advance": -1}], "act 2: call, deliver or advance is needed"),
        ([{"call": "lifecycle.health", "arguments": [1]}], "act 1: lifecycle.health: 0 arguments"),
        (["x"], "act 1: an object is needed"),
    ],
)
def test_acts_that_do_not_hold_are_refused_by_number(kit: Kit, what: object, words: str) -> None:
    """The message says which act and why."""
    done = kit("record", kit.put(diligent()), acts(kit, what), "-o", "t.jsonl")
    assert done.exit_code == 3
    assert words in done.stderr


@pytest.mark.parametrize("arguments", [(), ("x.wasm",), ("--plugin", "x"), ("--config", "x", "y.wasm")])
def test_record_wants_one_of_two_ways(kit: Kit, arguments: tuple[str, ...]) -> None:
    """Neither or half of a way is wrong usage."""
    done = kit("record", *arguments, "-o", "t.jsonl")
    assert done.exit_code == 2
    assert "Give ARTIFACT and ACTS" in done.stderr


def test_a_plugin_of_a_server_is_recorded(kit: Kit) -> None:
    """The server of a configuration serves requests; what its plugin did is replayed without differences."""
    (kit.folder / "plugins").mkdir()
    (kit.folder / "publishers").mkdir()
    (kit.folder / "publishers" / "tests.toml").write_text(keyring_text())
    guest = diligent()
    artifact = kit.folder / "plugins" / "probe.wasm"
    artifact.write_bytes(guest.artifact())
    (kit.folder / "wasmpuck.toml").write_text(
        f"""[server]
bind = "127.0.0.1:0"
adminBind = "127.0.0.1:0"
dataDir = "data"
[plugins]
directory = "plugins"
keyring = "publishers"
[plugins.probe]
grants = {json.dumps(list(guest.imports))}
"""
    )
    command = [sys.executable, "-c", "from wasmpuck.kit.cli import main; main()"]
    command += ["record", "--config", "wasmpuck.toml", "--plugin", "probe", "-o", "t.jsonl", "--for", "60"]
    with subprocess.Popen(command, cwd=kit.folder, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[1].removeprefix("hkp=")
        try:
            for _ in range(3):
                with pytest.raises(urllib.error.HTTPError, match="404"):
                    urllib.request.urlopen(f"{url}/pks/lookup?op=get&search=nobody%40example.org")
        finally:
            server.terminate()
    assert server.returncode == 0
    told = kit.json("replay", artifact, "t.jsonl", "--json")
    assert told["same"] is True
    names = [json.loads(line)["call"] for line in (kit.folder / "t.jsonl").read_text().splitlines()[1:]]
    assert names.count("middleware.on-request") == 3
