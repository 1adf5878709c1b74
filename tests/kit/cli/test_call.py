"""`hockeypuck-plugin call`, `inspect`, and the group itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kit.conftest import Kit
from kit.guests import NEXT, REQUEST, busy, diligent
from runtime.guests import Guest, doing


def test_a_call_prints_the_result_and_what_it_cost(kit: Kit, cache: Path) -> None:
    """The result is on standard output, log and fuel on standard error; the code is kept in the user's cache."""
    done = kit("call", kit.put(diligent()), "middleware.on-request", json.dumps(REQUEST))
    assert (done.exit_code, json.loads(done.stdout)) == (0, NEXT)
    assert done.stderr.splitlines()[0] == "info asked"
    assert "of 50,000,000" in done.stderr.splitlines()[1]
    assert list((cache / "wasmpuck" / "code").glob("*.code"))
    assert (cache / "wasmpuck" / "code.key").stat().st_mode & 0o077 == 0


def test_arguments_come_from_files_and_from_standard_input(kit: Kit) -> None:
    """`@FILE` and `-` stand for JSON."""
    artifact = kit.put(diligent())
    (kit.folder / "ask.json").write_text(json.dumps(REQUEST))
    assert json.loads(kit.ok("call", artifact, "middleware.on-request", "@ask.json")) == NEXT
    assert json.loads(kit.ok("call", artifact, "middleware.on-request", "-", stdin=json.dumps(REQUEST))) == NEXT


def test_json_output_tells_everything(kit: Kit) -> None:
    """With `--json`, storage after due tasks, log, metrics and events come along."""
    told = kit.json(
        "call", kit.put(diligent()), "middleware.on-request", json.dumps(REQUEST), "--advance", 61, "--json"
    )
    assert told["result"] == NEXT
    assert told["storage"] == {"count": 1.0, "ticked": "yes"}
    assert told["log"] == [{"level": "info", "message": "asked", "fields": {}, "source": "plugin"}]
    assert told["published"][0]["topic"] == "probe.asked"
    assert 0 < told["fuel"] < told["budget"]


def test_a_failed_call_ends_with_1_and_its_frames(kit: Kit) -> None:
    """Reason and backtrace are shown; with `--json` as data."""
    artifact = kit.put(busy(1_000_000))
    done = kit("call", artifact, "lifecycle.health", "--limit", "fuel=10000")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "lifecycle.health failed (fuel): the guest used up its fuel" in done.stderr
    assert "heavy" in done.stderr
    assert "hint: raise limits.fuel" in done.stderr
    told = kit("call", artifact, "lifecycle.health", "--limit", "fuel=10000", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["failure"]["reason"] == "fuel"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("lifecycle.helth",), 2, "the contract has no function lifecycle.helth"),
        (("middleware.on-request",), 2, "one argument, func(request: record"),
        (("middleware.on-request", "{"), 2, "argument 1 is no JSON"),
        (("middleware.on-request", '{"client": 1}'), 2, "request.client: a text is needed, not 1"),
        (("middleware.on-request", "@nowhere.json"), 3, "nowhere.json cannot be read"),
        (("lifecycle.health", "--limit", "fule=1"), 2, "did you mean fuel?"),
        (("lifecycle.health", "--limit", "deadline=7"), 2, "--limit deadline:"),
        (("lifecycle.health", "--now", "noon"), 2, "noon is no time"),
        (("lifecycle.health", "--settings", "[]"), 2, "--settings: an object is needed"),
        (("lifecycle.health", "--grant", "log"), 1, "needs clock, events, random, storage, tasks"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(kit: Kit, arguments: tuple[str, ...], code: int, words: str) -> None:
    """Usage, files and refusals are told apart."""
    done = kit("call", kit.put(diligent()), *arguments)
    assert (done.exit_code, done.stdout) == (code, ""), done.output
    assert words in done.stderr


def test_a_bare_component_takes_the_manifest_beside_it(kit: Kit) -> None:
    """A build without manifest is run with the nearest plugin.toml; without one the message says what to do."""
    build = kit.folder / "target" / "release" / "thing.wasm"
    build.parent.mkdir(parents=True)
    build.write_bytes(busy().binary())
    done = kit("call", build, "lifecycle.health")
    assert done.exit_code == 3
    assert "--manifest plugin.toml" in done.stderr
    (kit.folder / "plugin.toml").write_text(
        '[plugin]\nname = "probe"\nversion = "1.0.0"\ndescription = "d"\nlicense = "MIT"\nworlds = ["lifecycle"]\n'
    )
    assert json.loads(kit.ok("call", build, "lifecycle.health")) == "healthy"
    (kit.folder / "plugin.toml").write_text("[plugin]\n")
    assert kit("call", build, "lifecycle.health").exit_code == 3


def test_a_plugin_that_does_not_come_into_service_is_refused(kit: Kit) -> None:
    """The refusal's own sentence is shown, with exit code 1."""
    guest = Guest(bodies={"lifecycle.health": doing("unreachable")})
    done = kit("call", kit.put(guest), "lifecycle.health")
    assert done.exit_code == 1
    assert "failed before it went into service (unreachable)" in done.stderr


def test_inspect_shows_types_and_sizes(kit: Kit) -> None:
    """Manifest, signatures, imports and exports as WIT writes them, sizes by section."""
    artifact = kit.put(diligent())
    shown = kit.ok("inspect", artifact)
    for line in (
        "name        probe",
        "import      clock",
        "  now: func() -> f64",
        "export      middleware",
        "  health: func() -> variant { healthy, degraded(string), failing(string) }",
    ):
        assert line in shown.splitlines()
    told = kit.json("inspect", artifact, "--json")
    assert set(told["imports"]) == set(diligent().imports)
    assert set(told["exports"]) == set(diligent().worlds)
    assert sum(told["sizes"].values()) == told["bytes"] - 8
    assert told["problems"] == []


def test_inspect_shows_what_it_can_of_a_broken_artifact(kit: Kit) -> None:
    """What the runtime refuses is one of the problems; a file that is no component is refused."""
    artifact = kit.put(busy(), imports=("log",))
    told = kit.json("inspect", artifact, "--json")
    assert told["manifest"]["imports"] == ["log"]
    assert set(told["exports"]) == {"lifecycle"}
    (kit.folder / "text.wasm").write_text("hello")
    assert kit("inspect", "text.wasm").exit_code == 1
    assert kit("inspect", "missing.wasm").exit_code == 1


def test_the_signing_commands_belong_to_the_group(kit: Kit) -> None:
    """Keys are made and plugins signed and verified by the same command."""
    kit.ok("keygen", "author.pem")
    help_text = kit.ok("--help")
    for name in ("keygen", "sign", "verify", "inspect", "call"):
        assert f"\n  {name} " in help_text
    assert "Exit codes:" in help_text
