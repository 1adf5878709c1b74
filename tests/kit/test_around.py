"""What a stand puts around a plugin: certificates, a language runtime, secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kit.conftest import Kit
from kit.guests import stand_of
from kit.test_replaying import record, replay
from plugins.scripting import IMPORTS, fake_runtime, script
from runtime.guests import Guest, doing, run
from wasmpuck.kit.circumstances import Circumstances
from wasmpuck.kit.errors import UnusableFile
from wasmpuck.kit.stand import Stand

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
ALICE, BOB = VECTORS / "alice.asc", VECTORS / "bob.asc"

#: Adds the number of certificates to `n` in storage.
COUNTS = Guest(
    imports={"keys": ["count"], "storage": ["increment"]},
    bodies={
        "lifecycle.health": doing(
            "(call $keys.count (i32.const 512)) (call $storage.increment (i32.const 32) (i32.const 1)"
            " (f64.load (i32.const 520)) (i32.const 0) (i32.const 0) (i32.const 600))"
        )
    },
    extra='(data (i32.const 32) "n")',
)


def test_certificates_come_from_files(tmp_path: Path) -> None:
    """The capability `keys` finds what the files hold; what it answers is recorded and replayed."""

    async def acts(stand: Stand) -> None:
        await stand.call("lifecycle.health")

    async def main() -> None:
        async with stand_of(COUNTS, Circumstances(keys=(ALICE, BOB))) as stand:
            assert stand.storage == {"n": 2.0}  # the health before service
        async with stand_of(COUNTS) as stand:
            assert stand.storage == {"n": 0.0}
        transcript = await record(COUNTS, tmp_path / "t", acts)
        health = [call for call in transcript.calls if call.name == "lifecycle.health"][-1]
        assert health.host[0]["result"] == {"ok": {"total": 0.0, "hour": 0.0, "day": 0.0}}
        assert await replay(COUNTS, transcript) == []

    run(main())


@pytest.mark.parametrize(("text", "words"), [(None, "cannot be read"), ("no certificate", "")])
def test_a_file_without_certificates_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    """It is named."""
    path = tmp_path / "keys.asc"
    if text is not None:
        path.write_text(text)

    async def main() -> None:
        async with stand_of(COUNTS, Circumstances(keys=(path,))):
            pass

    with pytest.raises(UnusableFile, match=f"keys.asc.*{words}"):
        run(main())


def runtimes(kit: Kit) -> Path:
    """A folder with the tests' runtime."""
    folder = kit.folder / "runtimes"
    folder.mkdir()
    (folder / "fake.wasm").write_bytes(fake_runtime().artifact(kind="runtime", imports=tuple(IMPORTS)))
    return folder


def test_scripts_run_on_their_runtime(kit: Kit) -> None:
    """Calls, inspection, recording, replaying and profiling treat a script as any plugin."""
    folder = runtimes(kit)
    path = kit.folder / "helper.wasm"
    path.write_bytes(script("helper", "M first", imports=("log",)))
    assert json.loads(kit.ok("call", path, "task-handler.run", '"x"', "--runtimes", folder)) == "done"
    told = kit.json("inspect", path, "--runtimes", folder, "--json")
    assert set(told["imports"]) == {"log"}
    assert set(told["exports"]) == {"lifecycle", "task-handler"}
    (kit.folder / "acts.json").write_text('[{"call": "task-handler.run", "arguments": ["x"]}]')
    kit.ok("record", path, "acts.json", "-o", "t.jsonl", "--runtimes", folder)
    assert "M first" not in (kit.folder / "t.jsonl").read_text()
    assert kit.json("replay", path, "t.jsonl", "--runtimes", folder, "--json")["same"] is True
    told = kit.json("profile", path, "task-handler.run", '"x"', "--runtimes", folder, "--samples", 5, "--json")
    assert sum(stack["samples"] for stack in told["stacks"]) == 5
    kit.ok("test", path, "--runtimes", folder)


def test_a_denied_import_of_a_script_is_replayed_too(kit: Kit) -> None:
    """What a script must not call ends its call, in the replay as it did."""
    folder = runtimes(kit)
    path = kit.folder / "helper.wasm"
    path.write_bytes(script("helper", "C"))
    done = kit("call", path, "task-handler.run", '"x"', "--runtimes", folder)
    assert done.exit_code == 1
    assert "task-handler.run failed (denied-import)" in done.stderr
    (kit.folder / "acts.json").write_text('[{"call": "task-handler.run", "arguments": ["x"]}]')
    kit.ok("record", path, "acts.json", "-o", "t.jsonl", "--runtimes", folder)
    assert '"reason":"denied-import"' in (kit.folder / "t.jsonl").read_text()
    assert kit.json("replay", path, "t.jsonl", "--runtimes", folder, "--json")["same"] is True


def test_a_script_without_its_runtime_is_refused(kit: Kit) -> None:
    """The refusal names the folder that was looked into."""
    path = kit.folder / "helper.wasm"
    path.write_bytes(script("helper"))
    (kit.folder / "empty").mkdir()
    done = kit("call", path, "lifecycle.health", "--runtimes", kit.folder / "empty")
    assert done.exit_code == 1
    assert "there is no fake.wasm in" in done.stderr


def test_what_a_plugin_depends_on_is_not_missed() -> None:
    """A plugin is tried alone: its dependencies are not loaded, and it comes into service without them."""

    async def main() -> None:
        async with stand_of(Guest(), dependencies={"other": ">=1"}) as stand:
            assert await stand.call("lifecycle.health") == "healthy"

    run(main())


def test_secrets_and_files_come_from_options(kit: Kit) -> None:
    """Half an option is wrong usage."""
    artifact = kit.put(Guest())
    kit.ok("call", artifact, "lifecycle.health", "--secret", "token=x", "--file", "list=acts.json")
    assert kit("call", artifact, "lifecycle.health", "--secret", "token").exit_code == 2


@pytest.mark.parametrize("option", ["--peers", "--neighbours"])
def test_tables_come_from_files(kit: Kit, option: str) -> None:
    """A table that does not hold is refused with an example."""
    artifact, table = kit.put(Guest()), kit.folder / "table.json"
    table.write_text('[{"url": "*"}]' if option == "--peers" else '[{"name": "geo"}]')
    kit.ok("call", artifact, "lifecycle.health", option, table)
    for text in ("{", "7", '["x"]', '[{"nome": "geo"}]'):
        table.write_text(text)
        done = kit("call", artifact, "lifecycle.health", option, table)
        assert done.exit_code == 3
        assert "hint: write [{" in done.stderr
