"""A new version of a language runtime: all its plugins go over to it, or none."""

from __future__ import annotations

from plugins.house import House, in_house, what
from plugins.scripting import fake_runtime, script
from runtime.guests import Guest, until
from wasmpuck.config import parse
from wasmpuck.plugins import State


def runtimes(house: House) -> dict[str, str]:
    """The runtime that each plugin in service runs on."""
    serving = house.registry.current.plugins
    return {name: plugin.runtime.title if plugin.runtime else "" for name, plugin in serving.items()}


@in_house
async def test_all_plugins_go_over_at_once(house: House) -> None:
    """A reload finds the changed runtime: one snapshot has every script on it, components are left alone, and the old
    code is given back.
    """
    house.shelve(fake_runtime())
    house.put(Guest())
    for name in ("a", "b", "c"):
        house.write(f"{name}.wasm", script(name))
    async with house.open() as lifecycle:
        await lifecycle.start()
        before = dict(house.registry.current.plugins)
        published = house.views
        house.shelve(fake_runtime("0.1.1"))
        outcomes = what(await lifecycle.reload())
        assert outcomes == {"a": "published", "b": "published", "c": "published", "probe": "unchanged"}
        assert house.views == published + 1
        assert runtimes(house) == {"a": "fake 0.1.1", "b": "fake 0.1.1", "c": "fake 0.1.1", "probe": ""}
        for name in ("a", "b", "c"):
            await before[name].retired.wait()
        assert [shared.title for shared in lifecycle.workshop.codes] == ["fake 0.1.1"]


@in_house
async def test_none_goes_over_when_one_cannot(house: House) -> None:
    """Every script stays on the old runtime, with the reason and the name of the one that could not; all follow as soon
    as that one can.
    """
    house.shelve(fake_runtime())
    house.write("a.wasm", script("a"))
    house.write("b.wasm", script("b", "Bad word"))
    house.write("c.wasm", script("c"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        before = dict(house.registry.current.plugins)
        house.shelve(fake_runtime("0.1.1", refused="B"))
        outcomes = {outcome.name: outcome for outcome in await lifecycle.reload()}
        assert {outcome.what for outcome in outcomes.values()} == {"refused"}
        assert outcomes["b"].reason.startswith("script-failed: b 1.0.0: plugin.txt:3:7: SyntaxError")
        for name in ("a", "c"):
            assert outcomes[name].reason.startswith("runtime-update: the plugins of fake 0.1.0 go over to fake 0.1.1 (")
            assert ") together or not at all, and b cannot: script-failed: b 1.0.0: " in outcomes[name].reason
            assert outcomes[name].hint == "repair or remove b, or put the runtime before back"
        assert dict(house.registry.current.plugins) == before
        assert all(plugin.state is State.RUNNING for plugin in before.values())
        assert [shared.title for shared in lifecycle.workshop.codes] == ["fake 0.1.0"]
        house.write("b.wasm", script("b", "good word", version="1.0.1"))
        outcome = await lifecycle.swap("b")
        assert (outcome.what, outcome.version) == ("published", "1.0.1")
        assert set(runtimes(house).values()) == {"fake 0.1.1"}


@in_house
async def test_a_new_script_does_not_hold_the_others_up(house: House) -> None:
    """Only plugins in service have to go over together; one that comes with the runtime may fail by itself."""
    house.shelve(fake_runtime())
    house.write("a.wasm", script("a"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        house.shelve(fake_runtime("0.1.1"))
        house.write("z.wasm", script("z", "Fails"))
        assert what(await lifecycle.reload()) == {"a": "published", "z": "refused"}
        assert runtimes(house) == {"a": "fake 0.1.1"}


@in_house
async def test_a_swap_takes_the_others_along(house: House) -> None:
    """An operator who swaps one plugin after the runtime has changed does not leave its sisters behind."""
    house.shelve(fake_runtime())
    house.write("a.wasm", script("a"))
    house.write("b.wasm", script("b"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        house.shelve(fake_runtime("0.1.1"))
        assert (await lifecycle.swap("a")).what == "published"
        assert runtimes(house) == {"a": "fake 0.1.1", "b": "fake 0.1.1"}


@in_house
async def test_the_folder_of_runtimes_is_watched(house: House) -> None:
    """A changed file is noticed without being asked; one that goes leaves the plugins on the code that they have."""
    house.shelve(fake_runtime())
    house.write("a.wasm", script("a"))
    async with house.open() as lifecycle:
        lifecycle.configuration = parse(house.text().replace('"0s"', '"0.02s"'))
        await lifecycle.start()
        house.shelve(fake_runtime("0.1.1"))
        await until(lambda: runtimes(house) == {"a": "fake 0.1.1"})
        (house.runtimes / "fake.wasm").unlink()
        await until(lambda: house.row("a")["reason"])
        assert house.row("a")["reason"].startswith("runtime-missing: a 1.0.0 needs the language runtime fake 0.1.0")
        assert runtimes(house) == {"a": "fake 0.1.1"}


@in_house
async def test_series_of_a_runtime_lie_side_by_side(house: House) -> None:
    """Each script gets the newest version of the series that it was made for."""
    house.shelve(fake_runtime("0.1.0"), "fake-0.1.0")
    house.shelve(fake_runtime("0.1.3"), "fake-0.1.3")
    house.shelve(fake_runtime("0.2.0"), "fake-0.2.0")
    house.write("a.wasm", script("a"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        assert runtimes(house) == {"a": "fake 0.1.3"}
