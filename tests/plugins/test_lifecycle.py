"""Starting and stopping with a folder of artifacts: the real verification, database and registry."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.house import FAILING, House, in_house, what
from runtime.guests import Guest, QuickCompiler, engine, until
from wasmpuck.errors import Refusal, StartRefused
from wasmpuck.plugins import State


@in_house
async def test_everything_in_the_folder_is_loaded(house: House) -> None:
    """Plugins go into service together, in one snapshot, with all their facts in the report."""
    house.put(Guest(name="a"))
    house.put(Guest(name="b", version="2.1.0", worlds=("lifecycle", "middleware")))
    async with house.open() as lifecycle:
        outcomes = await lifecycle.start()
        assert what(outcomes) == {"a": "published", "b": "published"}
        assert house.serving == {"a": "1.0.0", "b": "2.1.0"}
        assert house.views == 1
        row = house.row("b")
        assert (row["version"], row["state"], row["generation"], row["signer"]) == ("2.1.0", "running", 1, "tests")
        assert (row["worlds"], row["imports"], row["instances"]) == (["lifecycle", "middleware"], [], 1)
        assert (row["reason"], row["hint"]) == ("", "")
        assert len(row["digest"]) == 64
    assert house.serving == {}


@in_house
async def test_what_is_refused_does_not_keep_the_others_from_loading(house: House) -> None:
    """Each bad artifact has its own reason; the good one serves."""
    house.put(Guest(name="good"))
    house.put(Guest(name="picky", results=FAILING.results))
    house.put(Guest(name="asking", imports={"clock": ["now"]}))
    house.write("text.wasm", b"this is a text")
    house.write("empty.wasm", b"")
    house.write("unsigned.wasm", Guest(name="unsigned").binary())
    house.write("renamed.wasm", Guest(name="other").artifact())
    tampered = bytearray(Guest(name="tampered").artifact())
    tampered[200] ^= 1
    house.write("tampered.wasm", bytes(tampered))
    (house.folder / "link.wasm").symlink_to(house.folder / "good.wasm")
    async with house.open() as lifecycle:
        outcomes = await lifecycle.start()
        assert house.serving == {"good": "1.0.0"}
        reasons = {outcome.name: outcome.reason.partition(":")[0] for outcome in outcomes if outcome.what == "refused"}
        assert reasons == {
            "picky": "self-test-failed",
            "asking": "imports-not-granted",
            "text": "not-a-component",
            "empty": "not-a-component",
            "unsigned": "unsigned",
            "renamed": "wrong-name",
            "tampered": "tampered",
            "link": "unreadable",
        }
        assert {house.row(name)["state"] for name in reasons} == {"failed"}
        assert lifecycle.refusals[Refusal.SELF_TEST_FAILED] == 1
        assert 'wasmpuck_plugin_refusals_total{reason="self-test-failed"} 1.0' in house.page()


@in_house
async def test_a_plugin_that_must_be_there_stops_the_start(house: House) -> None:
    """With `failure = "closed"` the server does not start, the reason names the plugin, and nothing is left running."""
    house.put(FAILING)
    house.put(Guest(name="good"))
    async with house.open('[plugins.probe]\nfailure = "closed"\n') as lifecycle:
        with pytest.raises(StartRefused) as caught:
            await lifecycle.start()
        assert caught.value.exit_code == 3
        assert "probe: self-test-failed: probe 1.0.0: self-test: it does not work here" in caught.value.message
        assert house.serving == {}


@in_house
async def test_a_plugin_that_must_be_there_and_is_not(house: House) -> None:
    """A table without an artifact is reported, and stops the start if it is `closed`."""
    async with house.open("[plugins.absent]\n") as lifecycle:
        outcomes = await lifecycle.start()
        assert what(outcomes) == {"absent": "refused"}
        assert "there is no artifact absent.wasm" in house.row("absent")["reason"]
    async with house.open('[plugins.absent]\nfailure = "closed"\n') as lifecycle:
        with pytest.raises(StartRefused, match="there is no artifact"):
            await lifecycle.start()


@in_house
async def test_nothing_is_loaded_when_plugins_are_off(house: House) -> None:
    """`enabled = false`, for all or for one, and `autoLoad = false` without a table keep artifacts out."""
    house.put(Guest())
    async with house.open(plugins="enabled = false") as lifecycle:
        assert await lifecycle.start() == []
    async with house.open("[plugins.probe]\nenabled = false\n") as lifecycle:
        assert what(await lifecycle.start()) == {"probe": "disabled"}
        assert house.row("probe")["state"] == "disabled"
    async with house.open(plugins="autoLoad = false") as lifecycle:
        assert what(await lifecycle.start()) == {"probe": "disabled"}
    assert house.serving == {}


@in_house
async def test_a_defect_of_the_server_is_one_plugin_s_refusal(house: House) -> None:
    """An unexpected error while one plugin is prepared is reported as such, and the others are loaded."""
    house.put(Guest(name="a"))
    house.put(Guest(name="b"))

    class Broken(QuickCompiler):
        async def compile(self, artifact: Any) -> Any:
            if artifact.name == "a":
                raise ZeroDivisionError
            return await super().compile(artifact)

    async with house.open() as lifecycle:
        lifecycle.workshop.compiler = Broken(engine())
        await lifecycle.start()
        assert house.serving == {"b": "1.0.0"}
        assert "a defect of the server" in house.row("a")["reason"]


@in_house
async def test_stopping_waits_for_every_generation(house: House) -> None:
    """Stop returns when everything is retired, whatever was under way."""
    house.put(Guest(name="a"))
    house.put(Guest(name="b"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        plugins = list(house.registry.current.plugins.values())
        await lifecycle.swap("a")
        plugins.append(house["a"])
        await lifecycle.stop()
        assert {plugin.state for plugin in plugins} == {State.UNLOAD}
        await lifecycle.stop()


@in_house
async def test_fifty_swaps_leave_nothing_behind(house: House) -> None:
    """After many swaps there is one generation, with one instance, and every other one is unloaded."""
    house.put(Guest())
    async with house.open() as lifecycle:
        await lifecycle.start()
        seen = []
        for _ in range(50):
            seen.append(house["probe"])
            await lifecycle.swap("probe")
        await until(lambda: all(plugin.retired.is_set() for plugin in seen))
        assert all(plugin.pool.empty for plugin in seen)
        assert house["probe"].generation == 51
        assert house["probe"].data.account.instances_made == 51
