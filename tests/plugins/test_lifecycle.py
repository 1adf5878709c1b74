"""Loading, swapping and retiring in a folder of artifacts, with the real verification, database and registry."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from runtime.guests import Guest, QuickCompiler, doing, engine, keyring_text, run, until
from wasmpuck.config import parse
from wasmpuck.errors import NotFound, Refusal, StartRefused
from wasmpuck.plugins import Lifecycle, Outcome, Plugin, Registry, Snapshot, State
from wasmpuck.plugins.series import PluginCollector
from wasmpuck.runtime.cache import CodeCache
from wasmpuck.runtime.capabilities import Namespaces
from wasmpuck.runtime.values import Case, Err
from wasmpuck.storage import SQLitePluginStore
from wasmpuck.worlds import admission, middleware

FAILING = Guest(results={"lifecycle.self-test": Err(Case("other", "it does not work here"))})
GRANTED = Guest(imports={"clock": ["now"]})


class House:
    """A folder of artifacts and the lifecycle over it. `views` counts how often the worlds were prepared."""

    def __init__(self, path: Path) -> None:
        self.folder = path / "plugins"
        self.folder.mkdir()
        self.keyring = path / "publishers"
        self.keyring.mkdir()
        (self.keyring / "tests.toml").write_text(keyring_text())
        self.path = path
        self.views = 0
        self.registry = Registry()

    def put(self, guest: Guest, **manifest: Any) -> Path:
        """Puts an artifact into the folder under its name, complete at once."""
        return self.write(f"{guest.name}.wasm", guest.artifact(**manifest))

    def write(self, name: str, data: bytes) -> Path:
        part, path = self.folder / ".part", self.folder / name
        part.write_bytes(data)
        part.replace(path)
        return path

    def text(self, tables: str = "", plugins: str = "") -> str:
        head = f'[plugins]\ndirectory = "{self.folder}"\nkeyring = "{self.keyring}"'
        return f'{head}\nwatchInterval = "0s"\n{plugins}\n{tables}'

    def _prepare(self, snapshot: Snapshot) -> None:
        self.views += 1
        middleware.prepare(snapshot)
        admission.prepare(snapshot)

    @contextlib.asynccontextmanager
    async def open(self, tables: str = "", plugins: str = "") -> AsyncIterator[Lifecycle]:
        """The lifecycle, not yet started; stopped at the end."""
        store = SQLitePluginStore(self.path / "plugins.sqlite")
        await store.open()
        namespaces = Namespaces(store, wall=time.time)
        cache = CodeCache(self.path / "code", self.path / "code.key", engine().fingerprint())
        self.lifecycle = Lifecycle(
            parse(self.text(tables, plugins)),
            QuickCompiler(engine(), cache),
            store,
            namespaces,
            self.registry,
            self._prepare,
        )
        try:
            yield self.lifecycle
        finally:
            await self.lifecycle.stop()
            await namespaces.close()
            await store.close()

    async def reload(self, tables: str = "", plugins: str = "") -> list[Outcome]:
        """With a new configuration."""
        return await self.lifecycle.reload(parse(self.text(tables, plugins)))

    def __getitem__(self, name: str) -> Plugin:
        return self.registry.current.plugins[name]

    @property
    def serving(self) -> dict[str, str]:
        """Versions in service by name."""
        return {name: plugin.version for name, plugin in self.registry.current.plugins.items()}

    def row(self, name: str) -> dict[str, Any]:
        return next(row for row in self.lifecycle.report() if row["name"] == name)

    def page(self) -> str:
        """The plugins' part of the metrics page."""
        collected = CollectorRegistry()
        collected.register(PluginCollector(self.lifecycle))
        return generate_latest(collected).decode()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def in_house(test: Callable[[House], Coroutine[Any, Any, None]]) -> Callable[[House], None]:
    """A test that is a coroutine function of a house."""

    def wrapped(house: House) -> None:
        run(test(house))

    wrapped.__doc__ = test.__doc__
    return wrapped


def what(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.name: outcome.what for outcome in outcomes}


# --- start ---------------------------------------------------------------------------------------


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
        lifecycle._compiler = Broken(engine())
        await lifecycle.start()
        assert house.serving == {"b": "1.0.0"}
        assert "a defect of the server" in house.row("a")["reason"]


# --- swap ----------------------------------------------------------------------------------------


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


# --- reload --------------------------------------------------------------------------------------


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


# --- the watched folder --------------------------------------------------------------------------


async def looked_at(condition: Callable[[], object]) -> None:
    """Waits for the watcher."""
    while not condition():  # noqa: ASYNC110 - the watcher sets no event
        await asyncio.sleep(0.005)


def watched(house: House) -> str:
    """The text of a configuration whose folder is watched."""
    return house.text().replace('watchInterval = "0s"', 'watchInterval = "20ms"')


@contextlib.asynccontextmanager
async def watching(house: House, *guests: Guest) -> AsyncIterator[Lifecycle]:
    for guest in guests:
        house.put(guest)
    async with house.open() as lifecycle:
        lifecycle.configuration = parse(watched(house))
        await lifecycle.start()
        yield lifecycle


@in_house
async def test_changed_files_are_noticed(house: House) -> None:
    """A new file is loaded, a changed one swapped, a removed one taken out of service, without being asked."""
    async with watching(house, Guest(name="a")):
        house.put(Guest(name="b"))
        await looked_at(lambda: "b" in house.serving)
        house.put(Guest(name="a", version="1.1.0"))
        await looked_at(lambda: house.serving["a"] == "1.1.0")
        (house.folder / "b.wasm").unlink()
        await looked_at(lambda: "b" not in house.serving)
        assert house["a"].generation == 2


@in_house
async def test_a_bad_file_is_looked_at_once(house: House) -> None:
    """What is refused is not tried again until it changes."""
    async with watching(house, Guest(name="a")) as lifecycle:
        house.put(Guest(name="a", version="1.1.0", results=FAILING.results))
        await looked_at(lambda: lifecycle.refusals[Refusal.SELF_TEST_FAILED])
        await asyncio.sleep(0.2)
        assert lifecycle.refusals[Refusal.SELF_TEST_FAILED] == 1
        assert house.serving == {"a": "1.0.0"}
        house.put(Guest(name="a", version="1.1.1"))
        await looked_at(lambda: house.serving["a"] == "1.1.1")


@in_house
async def test_a_half_written_file_is_not_loaded(house: House) -> None:
    """A file that grows is left alone until it has stayed the same for one interval."""
    data = Guest(name="slow").artifact()
    async with watching(house) as lifecycle:
        path = house.folder / "slow.wasm"
        step = len(data) // 40 + 1
        with path.open("wb") as file:
            for start in range(0, len(data), step):
                file.write(data[start : start + step])
                file.flush()
                os.utime(path, ns=(0, start))  # a file system with a coarse clock would not tell
                await asyncio.sleep(0.005)
        await looked_at(lambda: "slow" in house.serving)
        assert not lifecycle.refusals


@in_house
async def test_the_watch_outlives_a_defect(house: House) -> None:
    """An unexpected error in one round does not end the watching."""
    async with watching(house) as lifecycle:
        broken = True
        policy = lifecycle._policy

        def failing() -> Any:
            if broken:
                raise ZeroDivisionError
            return policy()

        lifecycle._policy = failing  # type: ignore[method-assign]  # the defect
        house.put(Guest(name="a"))
        await asyncio.sleep(0.1)
        assert house.serving == {}
        broken = False
        await looked_at(lambda: "a" in house.serving)


# --- stop ----------------------------------------------------------------------------------------


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
