"""How plugins are, asked before service and every now and then."""

from __future__ import annotations

from plugins.house import House, in_house, what
from runtime.guests import Guest, doing, until
from wasmpuck.plugins import State
from wasmpuck.plugins.health import Condition
from wasmpuck.runtime.values import Case

SECOND = "(global $asked (mut i32) (i32.const 0))"


def later(code: str) -> Guest:
    """Healthy when it is asked first; after that it does `code`."""
    counted = f"""(global.set $asked (i32.add (global.get $asked) (i32.const 1)))
      (if (i32.gt_u (global.get $asked) (i32.const 1)) (then {code}))"""
    return Guest(extra=SECOND, bodies={"lifecycle.health": doing(counted)})


def saying(word: str, why: str) -> Guest:
    """Always of this condition."""
    return Guest(results={"lifecycle.health": Case(word, why)})


@in_house
async def test_a_plugin_that_fails_does_not_go_into_service(house: House) -> None:
    """One that says before service that it does not work is refused, with its words; the old generation serves on."""
    house.put(Guest(version="1.0.0"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        house.put(Guest(version="1.1.0", results={"lifecycle.health": Case("failing", "no disk")}))
        outcome = await lifecycle.swap("probe")
        assert outcome.what == "refused"
        assert outcome.reason == "self-test-failed: probe 1.1.0: failing: no disk"
        assert house.serving == {"probe": "1.0.0"}


@in_house
async def test_a_degraded_plugin_serves_and_is_shown(house: House) -> None:
    """Its condition and its words are in the list, the condition in the metrics."""
    house.put(saying("degraded", "slow\ndisk"))
    async with house.open() as lifecycle:
        assert what(await lifecycle.start()) == {"probe": "published"}
        assert (house.row("probe")["state"], house.row("probe")["health"]) == ("running", "degraded")
        assert house.row("probe")["reason"] == "slow disk"
        assert 'wasmpuck_plugin_health{condition="degraded",plugin="probe"} 1.0' in house.page()
        assert 'wasmpuck_plugin_health{condition="healthy",plugin="probe"} 0.0' in house.page()


@in_house
async def test_plugins_are_asked_now_and_then(house: House) -> None:
    """The server asks again and again, as often as configured."""
    house.put(Guest())
    async with house.open(plugins='healthInterval = "1ms"') as lifecycle:
        await lifecycle.start()
        asked = house["probe"].data.account.of("lifecycle.health")
        await until(lambda: asked.calls > 3)
        assert house["probe"].health == Condition("healthy")


@in_house
async def test_a_plugin_that_fails_later_meets_its_policy(house: House) -> None:
    """That it says so is a guest error: `quarantine` for that class takes it out of use."""
    failing = Guest(results={"lifecycle.health": Case("failing", "no disk")})
    house.put(Guest())
    async with house.open('[plugins.probe]\nfailures = { guest-error = "quarantine" }\n') as lifecycle:
        await lifecycle.start()
        plugin = house["probe"]
        answer = failing.results["lifecycle.health"]

        async def call(export: str, *arguments: object) -> object:
            return answer

        plugin.call = call  # type: ignore[method-assign]  # what the guest will say
        await lifecycle.checkups.round()
        assert plugin.state is State.QUARANTINED
        assert "guest-error in lifecycle.health: failing: no disk" in plugin.reason
        await lifecycle.checkups.round()


@in_house
async def test_a_plugin_that_traps_when_it_is_asked(house: House) -> None:
    """The trap is a failure like any other: counted, and the condition is unknown."""
    house.put(later("unreachable"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        assert house["probe"].health == Condition("healthy")
        await lifecycle.checkups.round()
        assert house.row("probe")["health"] == "unknown"
        assert 'reason="unreachable"' in house.page()
