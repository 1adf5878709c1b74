"""Quarantines and restarts."""

from __future__ import annotations

from plugins.house import House, in_house
from runtime.guests import Guest, refusal
from wasmpuck.errors import CallReason
from wasmpuck.plugins import State

TABLE = '[plugins.probe]\nfailures = { trap = "quarantine" }\n'
CRASHING = Guest(worlds=("lifecycle", "middleware"), bodies={"lifecycle.shutdown": "unreachable"})


async def crash(house: House) -> None:
    """Makes the plugin in service trap."""
    await refusal(house["probe"].call("lifecycle.shutdown", "disabled"))
    assert house["probe"].state is State.QUARANTINED


@in_house
async def test_a_quarantine_outlives_the_server(house: House) -> None:
    """After a restart the plugin is in its place and in quarantine, with the reason; it is not called."""
    house.put(CRASHING)
    async with house.open(TABLE) as lifecycle:
        await lifecycle.start()
        await crash(house)
        reason = house.row("probe")["reason"]
    async with house.open(TABLE) as lifecycle:
        await lifecycle.start()
        row = house.row("probe")
        assert (row["state"], row["reason"]) == ("quarantined", reason)
        assert "unreachable in lifecycle.shutdown" in reason
        await refusal(house["probe"].call("lifecycle.health"), CallReason.SUSPENDED)
        assert (await lifecycle.reload())[0].what == "unchanged"
        assert house["probe"].state is State.QUARANTINED


@in_house
async def test_a_swap_ends_it(house: House) -> None:
    """Also for the starts after that."""
    house.put(CRASHING)
    async with house.open(TABLE) as lifecycle:
        await lifecycle.start()
        await crash(house)
    async with house.open(TABLE) as lifecycle:
        await lifecycle.start()
        assert (await lifecycle.swap("probe")).what == "published"
        assert house["probe"].state is State.RUNNING
    async with house.open(TABLE) as lifecycle:
        await lifecycle.start()
        assert house["probe"].state is State.RUNNING


@in_house
async def test_another_artifact_or_other_settings_end_it(house: House) -> None:
    """The quarantine is that of one artifact with one set of settings."""
    house.put(CRASHING)
    async with house.open(TABLE) as lifecycle:
        await lifecycle.start()
        await crash(house)
    async with house.open(TABLE + "limits = { deadline = '7s' }\n") as lifecycle:
        await lifecycle.start()
        assert house["probe"].state is State.RUNNING
        await crash(house)
    house.put(Guest(version="1.0.1", worlds=CRASHING.worlds, bodies=CRASHING.bodies))
    async with house.open(TABLE + "limits = { deadline = '7s' }\n") as lifecycle:
        await lifecycle.start()
        assert house["probe"].state is State.RUNNING


@in_house
async def test_a_plugin_that_was_swapped_meanwhile_is_not_quarantined(house: House) -> None:
    """A generation that is replaced in the same moment takes its quarantine with it."""
    house.put(CRASHING)
    async with house.open(TABLE) as lifecycle:
        await lifecycle.start()
        async with lifecycle._one_change:
            await crash(house)
        await lifecycle.swap("probe")
        assert house["probe"].state is State.RUNNING
    async with house.open(TABLE) as lifecycle:
        await lifecycle.start()
        assert house["probe"].state is State.RUNNING
