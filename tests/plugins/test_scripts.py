"""Scripts on a shared language runtime, in the real machinery."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.house import House, in_house, what
from plugins.scripting import fake_runtime, script
from runtime.guests import Guest, QuickCompiler
from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.plugins import State
from wasmpuck.runtime.cache import SealedCode
from wasmpuck_signing import PrivateKey, pack


@in_house
async def test_a_script_goes_into_service(house: House) -> None:
    """A script is loaded on its runtime, and says who it is, what it is and what it runs on."""
    house.shelve(fake_runtime())
    house.write("a.wasm", script("a", "More"))
    async with house.open() as lifecycle:
        assert what(await lifecycle.start()) == {"a": "published"}
        row = house.row("a")
        assert (row["kind"], row["runtime"], row["worlds"]) == ("script", "fake 0.1.0", ["lifecycle", "task-handler"])
        assert row["imports"] == []
        await house["a"].call("task-handler.run", "now")


@in_house
async def test_scripts_share_the_code_of_their_runtime(house: House) -> None:
    """Ten scripts need the runtime's code once: mapped, read and prepared once, given back with the last of them."""
    mapped: list[SealedCode] = []
    really = QuickCompiler._map

    def watched(self: QuickCompiler, sealed: SealedCode) -> Any:
        mapped.append(sealed)
        return really(self, sealed)

    house.shelve(fake_runtime())
    names = [f"s{number}" for number in range(10)]
    for name in names:
        house.write(f"{name}.wasm", script(name))
    async with house.open() as lifecycle:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(QuickCompiler, "_map", watched)
            assert what(await lifecycle.start()) == dict.fromkeys(names, "published")
        assert len(mapped) == 1
        codes = {house[name].compiled.address for name in names}
        exports = {id(house[name].compiled.exports["lifecycle.health"]) for name in names}
        assert (len(codes), len(exports)) == (1, 1)
        (shared,) = lifecycle.workshop.codes
        assert (shared.users, shared.language) == (10, "Fake 1.0")
        assert shared.artifact.component == b""
        for name in names[1:]:
            (house.folder / f"{name}.wasm").unlink()
        leaving = [house[name] for name in names[1:]]
        await lifecycle.reload()
        for plugin in leaving:
            await plugin.retired.wait()
        assert shared.users == 1
        last = house["s0"]
        (house.folder / "s0.wasm").unlink()
        await lifecycle.reload()
        await last.retired.wait()
        assert list(lifecycle.workshop.codes) == []


@in_house
async def test_a_script_that_cannot_be_executed_is_refused(house: House) -> None:
    """The refusal has the file, the line, the column, the error as the language names it, and the traceback."""
    house.shelve(fake_runtime())
    house.write("a.wasm", script("a", "Fails"))
    async with house.open() as lifecycle:
        (outcome,) = await lifecycle.start()
        assert outcome.reason == (
            "script-failed: a 1.0.0: plugin.txt:3:7: SyntaxError: no such word\nTraceback:\n  plugin.txt, line 3"
        )
        assert list(lifecycle.workshop.codes) == []


@in_house
async def test_a_script_that_breaks_its_runtime_is_refused(house: House) -> None:
    """A trap while a script is loaded is a refusal like that of a component."""
    house.shelve(fake_runtime())
    house.write("a.wasm", script("a", "Trap"))
    async with house.open() as lifecycle:
        (outcome,) = await lifecycle.start()
        assert outcome.reason.startswith("initialization-failed: a 1.0.0 failed before it went into service")


@in_house
async def test_what_a_script_implements_has_to_be_what_its_manifest_says(house: House) -> None:
    """A script with more or less than its manifest promises is refused with both lists."""
    house.shelve(fake_runtime())
    house.write("a.wasm", script("a", "More", worlds=("lifecycle",)))
    house.write("b.wasm", script("b", "less", worlds=("lifecycle", "task-handler")))
    house.write("c.wasm", script("c", "else", worlds=("lifecycle", "routes")))
    async with house.open() as lifecycle:
        reasons = {outcome.name: outcome.reason for outcome in await lifecycle.start()}
        assert reasons["a"] == (
            "exports-missing: a: the manifest promises [lifecycle], the script implements [lifecycle, task-handler]"
        )
        assert reasons["b"] == (
            "exports-missing: b: the manifest promises [lifecycle, task-handler], the script implements [lifecycle]"
        )
        assert reasons["c"] == (
            "exports-missing: c: the manifest promises [lifecycle, routes], with the runtime fake 0.1.0 a script can "
            "export [lifecycle, task-handler]"
        )


@in_house
async def test_a_script_needs_the_grants_that_its_manifest_asks_for(house: House) -> None:
    """Imports that are asked for and not granted, or that no runtime has, are refused with both lists."""
    house.shelve(fake_runtime())
    house.write("a.wasm", script("a", imports=("clock", "log")))
    house.write("b.wasm", script("b", imports=("storage",)))
    async with house.open('[plugins.a]\ngrants = ["log"]\n[plugins.b]\ngrants = ["storage"]') as lifecycle:
        reasons = {outcome.name: outcome.reason for outcome in await lifecycle.start()}
        assert reasons["a"] == (
            "imports-not-granted: a needs clock, which it is not granted: it imports [clock, log] and is granted [log]"
        )
        assert reasons["b"] == (
            "imports-differ: b: the manifest asks for [storage], the runtime fake 0.1.0 imports [clock, log]"
        )


@in_house
async def test_an_import_that_a_script_does_not_have_ends_the_call(house: House) -> None:
    """The runtime imports more than the script asks for; calling that is a failure of a class of its own. A grant that
    the manifest does not ask for changes nothing.
    """
    house.shelve(fake_runtime())
    house.write("a.wasm", script("a", "Clock"))
    house.write("b.wasm", script("b", "Clock", imports=("clock",)))
    text = (
        '[plugins.a]\ngrants = ["clock"]\nfailures = { denied-import = "quarantine" }\n[plugins.b]\ngrants = ["clock"]'
    )
    async with house.open(text) as lifecycle:
        await lifecycle.start()
        await house["b"].call("task-handler.run", "now")
        with pytest.raises(CallFailed, match=r"a called clock\.now, which it was not granted") as caught:
            await house["a"].call("task-handler.run", "now")
        assert caught.value.reason is CallReason.DENIED_IMPORT
        assert house["a"].state is State.QUARANTINED


@in_house
async def test_a_script_without_its_runtime_waits_for_it(house: House) -> None:
    """What is missing is named with the folder; when a runtime comes that fits, the next change loads the script."""
    house.write("a.wasm", script("a"))
    async with house.open() as lifecycle:
        (outcome,) = await lifecycle.start()
        assert outcome.reason == (
            "runtime-missing: a 1.0.0 needs the language runtime fake 0.1.0 or a newer one of that series: "
            f"there is no fake.wasm in {house.runtimes}"
        )
        house.shelve(fake_runtime("0.2.0"))
        (outcome,) = await lifecycle.reload()
        assert "fake 0.2.0 does not fit" in outcome.reason
        house.shelve(fake_runtime("0.1.5"), "fake-0.1.5")
        assert what(await lifecycle.reload()) == {"a": "published"}
        assert house.row("a")["runtime"] == "fake 0.1.5"


@in_house
async def test_a_runtime_has_to_be_trusted(house: House) -> None:
    """A runtime that nobody of the keyring signed executes nothing, and neither does what is none."""
    stranger = PrivateKey.from_seed(b"s" * 32, "stranger")
    house.runtimes.mkdir()
    manifest = fake_runtime().verified(kind="runtime").manifest
    foreign = pack(fake_runtime().binary(), manifest, stranger)
    house.write("runtimes/fake.wasm", foreign)
    house.write("a.wasm", script("a"))
    async with house.open() as lifecycle:
        (outcome,) = await lifecycle.start()
        assert "fake.wasm: unknown-signer: " in outcome.reason
        house.write("runtimes/fake.wasm", Guest(name="fake", version="0.1.0").artifact())
        (outcome,) = await lifecycle.reload()
        assert "fake.wasm is a component, not a runtime" in outcome.reason
        house.write("runtimes/fake.wasm", Guest(name="fake", version="0.1.0").artifact(kind="runtime"))
        (outcome,) = await lifecycle.reload()
        assert outcome.reason.startswith("exports-missing: fake 0.1.0 is no language runtime: it exports [lifecycle]")


@in_house
async def test_a_runtime_among_the_plugins_is_refused(house: House) -> None:
    """A runtime is no plugin."""
    house.write("fake.wasm", fake_runtime().artifact(kind="runtime"))
    async with house.open() as lifecycle:
        (outcome,) = await lifecycle.start()
        assert outcome.reason == "bad-manifest: fake.wasm is a language runtime, not a plugin"


@in_house
async def test_an_older_runtime_is_not_used_again(house: House) -> None:
    """What ran before sets the floor for its series, also after a restart."""
    house.shelve(fake_runtime("0.1.2"))
    house.write("a.wasm", script("a"))
    async with house.open() as lifecycle:
        assert what(await lifecycle.start()) == {"a": "published"}
    house.shelve(fake_runtime("0.1.1"))
    async with house.open() as lifecycle:
        (outcome,) = await lifecycle.start()
        assert "fake.wasm: older-version: fake 0.1.1 is older than 0.1.2" in outcome.reason


@in_house
async def test_the_runtimes_are_listed(house: House) -> None:
    """Each file has a row: who uses it, that nobody does, or why nobody can; also what is in use and gone."""
    house.shelve(fake_runtime())
    house.shelve(fake_runtime("0.1.0", name="other"))
    house.write("runtimes/broken.wasm", b"no")
    house.write("a.wasm", script("a"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        rows = {row["name"]: row for row in await lifecycle.runtimes()}
        assert (rows["fake"]["state"], rows["fake"]["plugins"], rows["fake"]["language"]) == (
            "in use",
            ["a"],
            "Fake 1.0",
        )
        assert (rows["fake"]["version"], rows["fake"]["signer"], rows["fake"]["file"]) == (
            "0.1.0",
            "tests",
            "fake.wasm",
        )
        assert (rows["other"]["state"], rows["other"]["plugins"]) == ("ready", [])
        assert rows["broken"]["state"] == "refused"
        assert rows["broken"]["reason"].startswith("not-a-component: ")
        (house.runtimes / "fake.wasm").unlink()
        rows = {row["name"]: row for row in await lifecycle.runtimes()}
        assert (rows["fake"]["state"], rows["fake"]["file"]) == ("in use", "")


@in_house
async def test_settings_are_completed_and_checked(house: House) -> None:
    """A script is told its settings with the schema's defaults; what does not fit is refused before it is asked."""
    schema = {"properties": {"text": {"type": "string", "default": "hello"}, "most": {"type": "integer", "minimum": 1}}}
    house.shelve(fake_runtime())
    house.write("a.wasm", script("a", "Values", configuration=schema))
    async with house.open("[plugins.a.config]\nmost = 3") as lifecycle:
        (outcome,) = await lifecycle.start()
        assert outcome.reason == (
            'configuration-rejected: a does not accept its settings: all: {"most":3,"text":"hello"}'
        )
        (outcome,) = await house.reload("[plugins.a.config]\nmost = 0")
        assert outcome.reason == (
            "configuration-rejected: a does not accept its settings: most: has to be at least 1, not 0"
        )


@in_house
async def test_a_fresh_generation_keeps_its_runtime(house: House) -> None:
    """A plugin that is loaded anew after a failure stays on the code that it ran on."""
    house.shelve(fake_runtime())
    house.write("a.wasm", script("a"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        old = house["a"]
        house.shelve(fake_runtime("0.1.1"))
        assert (await lifecycle.renew(old)).what == "published"
        assert house.row("a")["runtime"] == "fake 0.1.0"
        await old.retired.wait()
        assert house["a"].runtime is not None
        assert house["a"].runtime.users == 1
