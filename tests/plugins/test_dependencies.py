"""Plugins that need others."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from plugins.house import FAILING, House, in_house, what
from plugins.scripting import fake_runtime, script
from runtime.guests import Guest
from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.plugins import Plugin
from wasmpuck.plugins.dependencies import circle


def put(house: House, name: str, version: str = "1.0.0", guest: Guest | None = None, **needs: str) -> None:
    """A plugin that depends on others."""
    made = guest or Guest()
    made = Guest(name=name, version=version, results=made.results)
    house.put(made, dependencies=needs)


NAMES = st.sampled_from("abcde")


@given(st.dictionaries(NAMES, st.sets(NAMES, max_size=3)))
def test_a_circle_is_a_way_back(needs: dict[str, Any]) -> None:
    """What is found leads from one plugin to the next that it needs and back; nothing is found exactly if none does."""
    for name in needs:
        way = circle(name, needs)
        reached: set[str] = set()
        rest = list(needs[name])
        while rest:
            each = rest.pop()
            if each not in reached:
                reached.add(each)
                rest += needs.get(each, ())
        assert bool(way) is (name in reached)
        if way:
            assert way[0] == way[-1] == name
            assert all(after in needs[before] for before, after in itertools.pairwise(way))


@in_house
async def test_what_is_needed_is_loaded_first(house: House) -> None:
    """Names and `loadOrder` notwithstanding, a plugin comes after those that it depends on."""
    put(house, "a", b=">=1, <2")
    put(house, "b", c="*")
    put(house, "c")
    async with house.open(plugins='loadOrder = ["a"]') as lifecycle:
        outcomes = await lifecycle.start()
        assert [outcome.name for outcome in outcomes] == ["c", "b", "a"]
        assert what(outcomes) == dict.fromkeys("abc", "published")


@in_house
async def test_without_what_it_needs_a_plugin_is_refused(house: House) -> None:
    """Absent, too old or refused itself: each is said, with the versions; what is in order is loaded."""
    put(house, "a", missing="*", old=">=2", broken="*")
    put(house, "old", "1.5.0")
    put(house, "broken", guest=FAILING)
    async with house.open() as lifecycle:
        outcomes = {outcome.name: outcome for outcome in await lifecycle.start()}
        assert outcomes["a"].reason == (
            "dependency-missing: a 1.0.0 needs broken *, which is not in service; missing *, which is not in service; "
            "old >=2.0.0, and 1.5.0 is in service"
        )
        assert house.serving == {"old": "1.5.0"}


@in_house
async def test_it_is_tried_again_when_what_it_needs_has_come(house: House) -> None:
    """A plugin that waits for another is loaded with it, though its own file has not changed."""
    put(house, "a", b="*")
    async with house.open() as lifecycle:
        assert what(await lifecycle.start()) == {"a": "refused"}
        put(house, "b")
        assert (await lifecycle.swap("b")).what == "published"
        assert house.serving == {"a": "1.0.0", "b": "1.0.0"}


@in_house
async def test_circles_are_refused_by_name(house: House) -> None:
    """Plugins that need each other are refused with the way from one to the next; others are not concerned."""
    put(house, "a", b="*")
    put(house, "b", c="*")
    put(house, "c", a="*")
    put(house, "d")
    async with house.open() as lifecycle:
        outcomes = {outcome.name: outcome for outcome in await lifecycle.start()}
        assert outcomes["a"].reason == "dependency-missing: a needs itself: a → b → c → a"
        assert outcomes["b"].reason == "dependency-missing: b needs itself: b → c → a → b"
        assert outcomes["c"].reason == "dependency-missing: c needs itself: c → a → b → c"
        assert house.serving == {"d": "1.0.0"}


@in_house
async def test_a_swap_that_closes_a_circle_is_refused(house: House) -> None:
    """A new version that needs what needs it does not replace the one in service."""
    put(house, "a")
    put(house, "b", a="*")
    async with house.open() as lifecycle:
        await lifecycle.start()
        put(house, "a", "1.1.0", b="*")
        assert (await lifecycle.swap("a")).reason == "dependency-missing: a needs itself: a → b → a"
        assert house.serving == {"a": "1.0.0", "b": "1.0.0"}


@in_house
async def test_a_version_that_others_cannot_use_is_refused(house: House) -> None:
    """A swap to a version that no longer fits a dependant keeps the old one and names the dependant; together with a
    fitting version of that one it succeeds.
    """
    put(house, "base", "1.0.0")
    put(house, "user", base=">=1, <2")
    async with house.open() as lifecycle:
        await lifecycle.start()
        old = house["base"]
        put(house, "base", "2.0.0")
        outcome = await lifecycle.swap("base")
        assert outcome.reason == (
            "dependency-missing: base 2.0.0 does not fit user 1.0.0, which needs base >=1.0.0, <2.0.0"
        )
        assert house["base"] is old
        assert house.row("base")["reason"] == outcome.reason
        put(house, "user", "2.0.0", base=">=2")
        assert what(await lifecycle.reload()) == {"base": "published", "user": "published"}
        assert house.serving == {"base": "2.0.0", "user": "2.0.0"}


@in_house
async def test_what_goes_takes_along_what_needs_it(house: House) -> None:
    """A plugin that is disabled or whose file is removed leaves with all that cannot be without it, and they come back
    with it.
    """
    put(house, "base")
    put(house, "middle", base="*")
    put(house, "top", middle="*")
    put(house, "other")
    async with house.open() as lifecycle:
        await lifecycle.start()
        outcomes = {outcome.name: outcome for outcome in await house.reload("[plugins.base]\nenabled = false")}
        assert outcomes["base"].what == "disabled"
        assert outcomes["middle"].reason == ("dependency-missing: middle 1.0.0 needs base *, which is not in service")
        assert outcomes["top"].what == "refused"
        assert house.serving == {"other": "1.0.0"}
        assert what(await house.reload()) == {
            "base": "published", "middle": "published", "top": "published", "other": "unchanged",
        }  # fmt: skip
        (house.folder / "base.wasm").unlink()
        await lifecycle.reload()
        assert house.serving == {"other": "1.0.0"}


@in_house
async def test_a_plugin_that_must_be_there_closes_the_server_with_what_it_needs(house: House) -> None:
    """Taking away what a `closed` plugin needs takes that one away: requests are refused, and the reason is told."""
    put(house, "base")
    put(house, "user", base="*")
    closed = '[plugins.user]\nfailure = "closed"\n'
    async with house.open(closed) as lifecycle:
        await lifecycle.start()
        await house.reload(closed + "[plugins.base]\nenabled = false")
        assert house.registry.current.absent == {
            "user": "dependency-missing: user 1.0.0 needs base *, which is not in service"
        }
        await house.reload(closed)
        assert house.registry.current.absent == {}


@in_house
async def test_a_dependency_and_a_runtime_hold_each_other(house: House) -> None:
    """A script that is held back by its dependency holds back the update of its runtime."""
    house.shelve(fake_runtime())
    house.write("a.wasm", script("a", dependencies={"base": "<2"}))
    house.write("b.wasm", script("b"))
    put(house, "base")
    async with house.open() as lifecycle:
        await lifecycle.start()
        before = dict(house.registry.current.plugins)
        house.shelve(fake_runtime("0.1.1"))
        put(house, "base", "2.0.0")
        outcomes = what(await lifecycle.reload())
        assert outcomes == {"a": "refused", "b": "refused", "base": "refused"}
        assert dict(house.registry.current.plugins) == before


@in_house
async def test_services_have_to_be_those_of_the_manifest(house: House) -> None:
    """A plugin offers what its manifest says, no more and no less; a difference shows both lists."""
    offers = {"services.describe-services": [{"kind": "lookup", "topics": ["t"], "description": "d"}]}
    guest = Guest(worlds=("lifecycle", "services"), results=offers)
    house.put(guest, services=("audit",))
    async with house.open() as lifecycle:
        (outcome,) = await lifecycle.start()
        assert outcome.reason == (
            "exports-missing: probe: the manifest offers the services [audit], the plugin describes [lookup]"
        )
        house.put(guest, services=("lookup",))
        assert (await lifecycle.swap("probe")).what == "published"


@in_house
async def test_what_stays_after_all_keeps_what_it_has(house: House) -> None:
    """A generation that fits beside a new version, but not beside the old one that stays, is taken back."""

    def vet(plugin: Plugin, others: Iterable[Plugin]) -> None:
        if any(other.version == plugin.version for other in others):
            raise ArtifactRefused(Refusal.INITIALIZATION_FAILED, f"{plugin.name} wants what another has")

    put(house, "base", "1.0.0")
    put(house, "user", "3.0.0", base="<2")
    async with house.open() as lifecycle:
        lifecycle.workshop.vet = vet
        await lifecycle.start()
        put(house, "base", "2.0.0")
        put(house, "newcomer", "1.0.0")
        outcomes = {outcome.name: outcome for outcome in await lifecycle.reload()}
        assert outcomes["base"].reason.startswith("dependency-missing: base 2.0.0 does not fit user 3.0.0")
        assert outcomes["newcomer"].reason == "initialization-failed: newcomer wants what another has"
        assert house.serving == {"base": "1.0.0", "user": "3.0.0"}
