"""Swaps and reloads: what replaces a generation, and what does not."""

from __future__ import annotations

import asyncio

import pytest

from plugins.house import FAILING, GRANTED, House, in_house, what
from runtime.guests import Guest, doing, run
from wasmpuck.errors import NotFound
from wasmpuck.plugins import State
from wasmpuck.runtime.values import Case


@in_house
async def test_a_swap_replaces_a_generation(house: House) -> None:
    """A new version goes into service by one assignment, the old generation is retired, numbers count up."""
    house.put(Guest())
    async with house.open() as lifecycle:
        await lifecycle.start()
        old = house["probe"]
        house.put(Guest(version="1.1.0"))
        outcome = await lifecycle.swap("probe")
        assert (outcome.what, outcome.version, outcome.generation) == ("published", "1.1.0", 2)
        assert house.serving == {"probe": "1.1.0"}
        await old.retired.wait()
        assert old.state is State.UNLOAD
        assert 'wasmpuck_plugin_swaps_total{outcome="published",plugin="probe"} 2.0' in house.page()


@in_house
async def test_a_swap_of_the_same_is_a_swap(house: House) -> None:
    """An operator who asks for a swap gets a fresh generation, though nothing has changed."""
    house.put(Guest())
    async with house.open() as lifecycle:
        await lifecycle.start()
        assert (await lifecycle.swap("probe")).generation == 2


@in_house
async def test_a_swap_that_fails_keeps_the_old_generation(house: House) -> None:
    """The old generation goes on serving, untouched, and the report says why there is no new one."""
    house.put(Guest())
    async with house.open() as lifecycle:
        await lifecycle.start()
        old = house["probe"]
        for bad in (
            Guest(version="1.1.0", results=FAILING.results),
            Guest(version="1.1.0", imports={"log": ["write"]}),
        ):
            house.put(bad)
            outcome = await lifecycle.swap("probe")
            assert outcome.what == "refused"
            assert house["probe"] is old
            assert await old.call("lifecycle.health") == Case("healthy")
        row = house.row("probe")
        assert (row["version"], row["state"]) == ("1.0.0", "running")
        assert row["reason"].startswith("imports-not-granted: probe needs log")
        assert 'wasmpuck_plugin_swaps_total{outcome="failed",plugin="probe"} 2.0' in house.page()
        house.put(Guest(version="1.2.0"))
        await lifecycle.swap("probe")
        assert house.row("probe")["reason"] == ""


@in_house
async def test_an_older_version_is_refused(house: House) -> None:
    """What ran before sets the floor, also after a restart; the same version may come again."""
    house.put(Guest(version="2.0.0"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        house.put(Guest(version="1.9.9"))
        outcome = await lifecycle.swap("probe")
        assert outcome.reason.startswith("older-version: probe 1.9.9 is older than 2.0.0")
        assert house.serving == {"probe": "2.0.0"}
    async with house.open() as lifecycle:
        assert what(await lifecycle.start()) == {"probe": "refused"}
        house.put(Guest(version="2.0.0"))
        assert (await lifecycle.swap("probe")).what == "published"


@in_house
async def test_a_version_that_never_ran_sets_no_floor(house: House) -> None:
    """A refused version does not keep a lower one from being loaded."""
    house.put(Guest(version="9.0.0", results=FAILING.results))
    async with house.open() as lifecycle:
        await lifecycle.start()
        house.put(Guest(version="1.0.0"))
        assert (await lifecycle.swap("probe")).what == "published"


@in_house
async def test_what_is_not_there_cannot_be_swapped(house: House) -> None:
    """An unknown name is an error of the caller; the name of a removed file takes the plugin out of service."""
    house.put(Guest())
    async with house.open() as lifecycle:
        await lifecycle.start()
        with pytest.raises(NotFound, match="there is no plugin other"):
            await lifecycle.swap("other")
        (house.folder / "probe.wasm").unlink()
        assert (await lifecycle.swap("probe")).what == "disabled"
        assert house.serving == {}
        with pytest.raises(NotFound):
            await lifecycle.swap("probe")


@in_house
async def test_plugins_do_not_hold_each_other_up(house: House) -> None:
    """A swap of one plugin leaves the generation of the other where it is."""
    house.put(Guest(name="a"))
    house.put(Guest(name="b"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        other = house["b"]
        await lifecycle.swap("a")
        assert house["b"] is other
        assert (house["a"].generation, other.state) == (2, State.RUNNING)


@in_house
async def test_swaps_at_the_same_time_follow_each_other(house: House) -> None:
    """Changes are made one at a time, and none is lost."""
    house.put(Guest(name="a"))
    house.put(Guest(name="b"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        await asyncio.gather(*(lifecycle.swap(name) for name in ("a", "b", "a", "b")))
        assert (house["a"].generation, house["b"].generation) == (3, 3)


@in_house
async def test_a_request_ends_on_the_generation_that_it_began_with(house: House) -> None:
    """While a request holds its snapshot the old generation answers, after that it is retired."""
    house.put(Guest())
    async with house.open() as lifecycle:
        await lifecycle.start()
        with house.registry.lease() as snapshot:
            old = snapshot.plugins["probe"]
            await lifecycle.swap("probe")
            assert house["probe"] is not old
            for _ in range(5):
                await asyncio.sleep(0)
                assert await old.call("lifecycle.health") == Case("healthy")
            assert old.state is State.RUNNING
        await old.retired.wait()


@in_house
async def test_draining_has_a_limit(house: House) -> None:
    """A request that does not end in time loses its generation; its further calls are refused."""
    house.put(Guest())
    async with house.open(plugins='drainTimeout = "10ms"') as lifecycle:
        await lifecycle.start()
        with house.registry.lease() as snapshot:
            await lifecycle.swap("probe")
            await snapshot.plugins["probe"].retired.wait()
            assert snapshot.plugins["probe"].state is State.UNLOAD


@in_house
async def test_a_preparation_that_takes_too_long_is_given_up(house: House) -> None:
    """`loadTimeout` ends it, the old generation stays."""
    house.put(Guest())
    async with house.open(
        "[plugins.probe]\nlimits = { startupFuel = 1000000000000, startupDeadline = '1m' }\n",
        plugins='loadTimeout = "100ms"',
    ) as lifecycle:
        await lifecycle.start()
        house.put(Guest(version="2.0.0", bodies={"lifecycle.start": doing("(loop $l br $l)", "lifecycle.start")}))
        outcome = await lifecycle.swap("probe")
        assert outcome.reason == "initialization-failed: preparing it took longer than 0.1 s"
        assert house.serving == {"probe": "1.0.0"}


@in_house
async def test_what_has_not_changed_is_left_alone(house: House) -> None:
    """A reload without a difference changes no generation and prepares no view."""
    house.put(Guest(name="a"))
    house.put(Guest(name="b"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        before = dict(house.registry.current.plugins)
        assert what(await house.reload()) == {"a": "unchanged", "b": "unchanged"}
        assert dict(house.registry.current.plugins) == before
        assert house.views == 1
        house.put(Guest(name="a"))  # the same bytes in another file
        assert what(await house.reload()) == {"a": "unchanged", "b": "unchanged"}


@pytest.mark.parametrize(
    "table",
    ['failure = "closed"', "priority = 3", "limits.fuel = 60000000", "config.x = 1", 'grants = ["log"]'],
)
def test_changed_settings_swap(house: House, table: str) -> None:
    """Every key of a plugin's table that changes makes a new generation, of that plugin alone."""

    async def main() -> None:
        house.put(Guest(name="a"))
        house.put(Guest(name="b"))
        async with house.open() as lifecycle:
            await lifecycle.start()
            assert what(await house.reload(f"[plugins.a]\n{table}\n")) == {"a": "published", "b": "unchanged"}
            assert (house["a"].generation, house["b"].generation) == (2, 1)

    run(main())


@in_house
async def test_settings_that_the_plugin_refuses_keep_the_old_ones(house: House) -> None:
    """A configuration that a plugin does not accept leaves it running with the old one, and says so."""
    check = "(if (i32.ne (local.get 1) (i32.const 2)) (then unreachable))"  # takes no settings but {}
    strict = Guest(bodies={"lifecycle.validate-config": doing(check, "lifecycle.validate-config")})
    house.put(strict)
    async with house.open() as lifecycle:
        await lifecycle.start()
        assert what(await house.reload("[plugins.probe]\nconfig.level = 7\n")) == {"probe": "refused"}
        assert house["probe"].generation == 1
        assert house["probe"].settings.settings_json == "{}"
        assert house.row("probe")["reason"].startswith("initialization-failed")


@in_house
async def test_a_grant_that_comes_later(house: House) -> None:
    """A plugin that was refused for want of a grant is loaded when it is given, and goes when it is taken."""
    house.put(GRANTED)
    async with house.open() as lifecycle:
        assert what(await lifecycle.start()) == {"probe": "refused"}
        assert what(await house.reload('[plugins.probe]\ngrants = ["clock"]\n')) == {"probe": "published"}
        assert what(await house.reload("[plugins.probe]\nenabled = false\n")) == {"probe": "disabled"}
        assert house.serving == {}
        assert house.row("probe")["state"] == "disabled"


@in_house
async def test_switching_plugins_off(house: House) -> None:
    """`enabled = false` for all takes every plugin out of service, and `true` brings them back."""
    house.put(Guest(name="a"))
    house.put(Guest(name="b"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        old = dict(house.registry.current.plugins)
        await house.reload(plugins="enabled = false")
        assert house.serving == {}
        for plugin in old.values():
            await plugin.retired.wait()
        await house.reload()
        assert house.serving == {"a": "1.0.0", "b": "1.0.0"}


@in_house
async def test_a_removed_key_counts_no_more(house: House) -> None:
    """The keyring is read at each change: what its key has signed is refused afterwards, what runs goes on running."""
    house.put(Guest())
    async with house.open() as lifecycle:
        await lifecycle.start()
        (house.keyring / "tests.toml").unlink()
        outcome = await lifecycle.swap("probe")
        assert outcome.reason.startswith("unknown-signer")
        assert house["probe"].generation == 1


@in_house
async def test_a_file_that_is_gone(house: House) -> None:
    """A reload takes its plugin out of service, unless it must be there; a refused file that is gone is forgotten."""
    house.put(Guest(name="a"))
    house.put(Guest(name="b"))
    house.write("c.wasm", b"")
    table = '[plugins.b]\nfailure = "closed"\n'
    async with house.open(table) as lifecycle:
        await lifecycle.start()
        for name in ("a", "b", "c"):
            (house.folder / f"{name}.wasm").unlink()
        outcomes = await house.reload(table)
        assert what(outcomes) == {"a": "disabled", "b": "refused"}
        assert house.serving == {"b": "1.0.0"}
        assert [row["name"] for row in lifecycle.report()] == ["b"]
