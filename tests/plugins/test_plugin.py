"""One generation: what it takes to go into service, what it may use, and how it goes."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest

from plugins.generations import generation, serving
from runtime.guests import Guest, doing, refusal, run, until
from wasmpuck.config import PluginSecuritySettings
from wasmpuck.errors import ArtifactRefused, CallReason, Refusal
from wasmpuck.events import Bus, Event
from wasmpuck.plugins import PluginData, State
from wasmpuck.runtime.capabilities import Namespace
from wasmpuck.runtime.values import Case, Err, Ok

FAILED_OTHER = Err(Case("other", "it does not work here"))
FAILED_SETTINGS = Err(
    Case("configuration", [{"path": "a.b", "message": "must be a number"}, {"path": "", "message": "is too short"}])
)


def refused(guest: Guest, **settings: Any) -> ArtifactRefused:
    """How a generation is refused. Nothing of it may be left, and its state must say so."""

    async def main() -> ArtifactRefused:
        plugin = await generation(guest, **settings)
        with pytest.raises(ArtifactRefused) as caught:
            await plugin.prepare()
        assert plugin.state is State.FAILED
        assert plugin.reason == caught.value.message
        assert plugin.pool.empty
        return caught.value

    return run(main())


# --- into service --------------------------------------------------------------------------------


def test_a_generation_walks_through_its_phases(caplog: pytest.LogCaptureFixture) -> None:
    """A plugin in which all is well goes through the eight phases in order."""

    async def main() -> None:
        plugin = await generation(Guest())
        assert plugin.state is State.LOAD
        await plugin.prepare()
        plugin.enter_service()
        await plugin.retire("disabled")
        assert plugin.retired.is_set()
        assert plugin.pool.empty

    with caplog.at_level(logging.DEBUG, "wasmpuck.plugins.plugin"):
        run(main())
    phases = [record.getMessage().rpartition(" ")[2] for record in caplog.records]
    assert phases == ["validate", "dependency-resolve", "initialize", "start", "running", "shutdown", "unload"]


@pytest.mark.parametrize(
    ("results", "reason", "words"),
    [
        (
            {"lifecycle.self-test": FAILED_OTHER},
            Refusal.SELF_TEST_FAILED,
            "probe 1.0.0: self-test: it does not work here",
        ),
        (
            {"lifecycle.start": Err(Case("unavailable", "no network"))},
            Refusal.INITIALIZATION_FAILED,
            "probe 1.0.0: start: no network",
        ),
        ({"lifecycle.init": FAILED_OTHER}, Refusal.INITIALIZATION_FAILED, "probe 1.0.0: it does not work here"),
        (
            {"lifecycle.init": FAILED_SETTINGS},
            Refusal.INITIALIZATION_FAILED,
            "the configuration does not fit: a.b: must be a number; is too short",
        ),
        (
            {"lifecycle.validate-config": FAILED_SETTINGS.value.value},
            Refusal.CONFIGURATION_REJECTED,
            "probe does not accept its settings: a.b: must be a number; is too short",
        ),
        (
            {"lifecycle.describe": {"name": "other", "version": "1.0.0"}},
            Refusal.WRONG_NAME,
            "the component calls itself other 1.0.0, its manifest probe 1.0.0",
        ),
        (
            {"lifecycle.describe": {"name": "probe", "version": "1.0.1"}},
            Refusal.WRONG_NAME,
            "the component calls itself probe 1.0.1, its manifest probe 1.0.0",
        ),
        (
            {"lifecycle.describe": {"name": "probe", "version": "1.0.0", "metrics": [{"name": "Bad Name"}]}},
            Refusal.INITIALIZATION_FAILED,
            "probe: metric 'Bad Name': a name has",
        ),
    ],
)
def test_what_a_plugin_says_no_to(results: dict[str, Any], reason: Refusal, words: str) -> None:
    """Each step before service that the plugin or its author got wrong has its own reason, in the plugin's words."""
    failure = refused(Guest(results=results))
    assert failure.reason is reason
    assert words in failure.message


@pytest.mark.parametrize("function", ["describe", "validate-config", "init", "self-test", "start"])
@pytest.mark.parametrize(
    ("code", "words"),
    [("unreachable", "(unreachable)"), ("(loop $l br $l)", "(fuel)"), ("i32.const -8 return", "(bad-value)")],
)
def test_a_plugin_that_breaks_down_before_service(function: str, code: str, words: str) -> None:
    """A trap, an endless loop and a lie in any export of the life cycle refuse the generation, in words."""
    guest = Guest(bodies={f"lifecycle.{function}": doing(code, f"lifecycle.{function}")})
    failure = refused(guest, limits={"startup_fuel": 100_000})
    assert failure.reason is Refusal.INITIALIZATION_FAILED
    assert failure.message.startswith(f"probe 1.0.0 failed before it went into service {words}")


def test_a_plugin_that_breaks_down_in_its_scope() -> None:
    """The question for the scope belongs to the preparation as well."""
    guest = Guest(worlds=("lifecycle", "middleware"), bodies={"middleware.describe-scope": "unreachable"})
    assert refused(guest).reason is Refusal.INITIALIZATION_FAILED


def test_a_plugin_that_does_not_start_at_all() -> None:
    """A start function that traps and a memory beyond the limit are refused alike."""
    assert "(unreachable)" in refused(Guest(extra="(func $begin unreachable) (start $begin)")).message
    assert "(memory)" in refused(Guest(memory=32), limits={"memory_mb": 1}).message


def test_the_manifest_is_held_to_its_word() -> None:
    """Imports have to be those of the manifest, no more and no less, and promised exports have to be there."""
    guest = Guest(imports={"clock": ["now"]})
    for claimed in ((), ("log",), ("clock", "log")):
        failure = refused(guest, manifest={"imports": claimed}, grants=("clock", "log"))
        assert failure.reason is Refusal.IMPORTS_DIFFER
        assert f"the manifest asks for [{', '.join(claimed)}], the component imports [clock]" in failure.message
    failure = refused(Guest(), manifest={"worlds": ("admission", "lifecycle")})
    assert failure.reason is Refusal.EXPORTS_MISSING
    assert "probe does not export admission, which its manifest promises" in failure.message


def test_what_was_not_granted_is_refused() -> None:
    """Manifest and component agree, but the operator did not grant it."""
    failure = refused(Guest(imports={"clock": ["now"], "log": ["write"]}), grants=("log",))
    assert failure.reason is Refusal.IMPORTS_NOT_GRANTED
    assert "clock" in failure.hint


def test_preparation_that_is_cancelled_leaves_nothing() -> None:
    """A preparation that takes too long is cancelled, and everything that it held is given back."""

    async def main() -> None:
        guest = Guest(bodies={"lifecycle.start": doing("(loop $l br $l)", "lifecycle.start")})
        plugin = await generation(guest, limits={"startup_fuel": 10**14, "startup_deadline": 60.0})
        task = asyncio.create_task(plugin.prepare())
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert plugin.state is State.FAILED
        assert plugin.pool.empty

    run(main())


# --- in service ----------------------------------------------------------------------------------


def test_settings_reach_the_guest() -> None:
    """`validate-config` and `init` get the canonical text of the plugin's own settings, on every instance."""
    check = "(if (i32.ne (local.get 1) (i32.const 9)) (then unreachable))"
    bodies = {f"lifecycle.{name}": doing(check, f"lifecycle.{name}") for name in ("validate-config", "init")}

    async def main() -> None:
        settings: Any = {"settings_json": '{"a":"b"}', "limits": {"warm_instances": 3}}
        async with serving(Guest(bodies=bodies), **settings) as (plugin,):
            assert plugin.pool.instances == 3

    run(main())


def test_further_instances_are_initialized_but_not_asked_again() -> None:
    """`init` runs on every instance, `self-test` and `start` once a generation."""

    async def main() -> None:
        guest = Guest(
            imports={"clock": ["now"]}, bodies={"lifecycle.init": doing("call $clock.now drop", "lifecycle.init")}
        )
        async with serving(guest, limits={"instances": 3, "warm_instances": 3}) as (plugin,):
            account = plugin.data.account
            assert plugin.nursery.linker is not None
            assert plugin.nursery.linker.host_calls == {"clock.now": 3}
            assert [account.of(f"lifecycle.{name}").calls for name in ("self-test", "start")] == [1, 1]

    run(main())


def test_a_failed_preparation_leaves_the_metrics_alone() -> None:
    """A generation that is refused after it has declared its metrics does not change those in service."""

    def guest(kind: str, **results: Any) -> Guest:
        info = {"name": "probe", "version": "1.0.0", "metrics": [{"name": "seen", "kind": kind}]}
        return Guest(results={"lifecycle.describe": info} | results)

    async def main() -> None:
        async with serving(guest("counter")) as (plugin,):
            fresh = await generation(guest("gauge", **{"lifecycle.self-test": FAILED_OTHER}), plugin.data)
            with pytest.raises(ArtifactRefused):
                await fresh.prepare()
            assert plugin.data.series.declared["seen"].kind == "counter"

    run(main())


@pytest.mark.parametrize(
    ("memory_mb", "max_memory_mb", "size"), [(64, 256, 4), (64, 128, 2), (64, 64, 1), (200, 100, 1), (1, 4096, 4)]
)
def test_all_instances_together_stay_within_the_memory(memory_mb: int, max_memory_mb: int, size: int) -> None:
    """There are as many instances as the limit says and as fit into `maxMemoryMB`, but one at least."""

    async def main() -> None:
        plugin = await generation(
            Guest(),
            limits={"memory_mb": memory_mb, "instances": 4},
            security=PluginSecuritySettings(max_memory_mb=max_memory_mb),
        )
        assert plugin.pool.settings.size == size

    run(main())


def test_a_manifest_lowers_the_limits_that_the_operator_left_alone() -> None:
    """What a plugin asks for counts below the default, but a number in its own table counts as it stands."""

    async def main() -> None:
        manifest = {"limits": {"fuel": 20_000, "memory-mb": 2, "deadline-ms": 50}}
        asked = await generation(Guest(), manifest=manifest)
        assert (asked.limits.fuel, asked.limits.memory_mb, asked.limits.deadline) == (20_000, 2, 0.05)
        given = await generation(Guest(), manifest=manifest, limits_given=frozenset({"fuel"}))
        assert (given.limits.fuel, given.limits.memory_mb) == (50_000_000, 2)

    run(main())


def test_a_plugin_that_has_used_its_share_can_still_be_replaced() -> None:
    """The calls of the life cycle are not refused for want of processor time."""

    async def main() -> None:
        async with serving(Guest()) as (plugin,):
            plugin.data.processor.spend(1e6, 0.0)
            await refusal(plugin.call("lifecycle.health"), CallReason.OVERLOADED)
            fresh = await generation(Guest(), plugin.data)
            await fresh.prepare()
            fresh.enter_service()
            await fresh.retire("disabled")

    run(main())


def _call(function: str, *texts: int) -> str:
    """A call with texts of 16 bytes' room each at these places, the results at 512."""
    return f"(call ${function} " + " ".join(f"(i32.const {n})" for n in texts) + " (i32.const 512))"


def test_a_plugin_answers_news_with_news() -> None:
    """A plugin hears what it subscribed to when it is in service, and what it publishes then reaches the server."""
    topic, wish = "key.inserted", "verdicts.forget"
    writing = "".join(
        f"(i32.store8 (i32.const {place + at}) (i32.const {ord(letter)}))"
        for place, text in ((64, topic), (96, wish))
        for at, letter in enumerate(text)
    )
    guest = Guest(
        worlds=("lifecycle", "event-handler"),
        imports={"events": ["subscribe", "publish"]},
        bodies={
            "lifecycle.start": doing(writing + _call("events.subscribe", 64, len(topic)), "lifecycle.start"),
            "event-handler.handle": doing(
                writing + _call("events.publish", 96, len(wish), 0, 0), "event-handler.handle"
            ),
        },
    )

    async def main() -> None:
        bus = Bus()
        heard: list[Event] = []
        bus.join(heard.append)
        data = PluginData(guest.name, Namespace(guest.name, time.time), 10_000, bus)
        plugin = await generation(guest, data)
        await plugin.prepare()
        bus.tell(topic, fingerprint="early")
        plugin.enter_service()
        bus.tell(topic, fingerprint="timely")
        await until(lambda: any(event.topic == wish for event in heard))
        await plugin.retire("server-stopping")
        assert [(event.topic, event.source) for event in heard] == [
            (topic, ""),
            ("plugin.published", ""),
            (topic, ""),
            (wish, "probe"),
            ("plugin.retired", ""),
        ]
        assert plugin.data.account.of("event-handler.handle").calls == 1

    run(main())


def test_tasks_run_in_service_only() -> None:
    """What `start` schedules runs once the generation is in service, and ends with it."""
    schedule = """(i32.store (i32.const 64) (i32.const 0x78787878))
        (call $tasks.schedule (i32.const 64) (i32.const 1) (i32.const 1) (i64.const 1) (i32.const 40))"""
    guest = Guest(
        worlds=("lifecycle", "task-handler"),
        imports={"tasks": ["schedule"]},
        bodies={"lifecycle.start": doing(schedule, "lifecycle.start")},
    )

    async def main() -> None:
        plugin = await generation(guest)
        await plugin.prepare()
        statistics = plugin.data.account.of("task-handler.run")
        await asyncio.sleep(0.02)
        assert statistics.calls == 0
        plugin.enter_service()
        while not statistics.calls:  # noqa: ASYNC110 - a timer in the plugin's schedule is waited for
            await asyncio.sleep(0.001)
        await plugin.retire("replaced")
        assert statistics.outcomes == {CallReason.OK: 1}

        idle = await generation(guest)
        await idle.prepare()
        idle.enter_service(tasks=False)
        await asyncio.sleep(0.02)
        await idle.retire("replaced")
        assert idle.data.account.of("task-handler.run").calls == 0

    run(main())


# --- out of service ------------------------------------------------------------------------------


@pytest.mark.parametrize(("why", "number"), [("replaced", 0), ("disabled", 1), ("server-stopping", 2)])
def test_a_plugin_is_told_why_it_goes(why: str, number: int, caplog: pytest.LogCaptureFixture) -> None:
    """`shutdown` gets the reason, once, on one instance."""
    check = f"(if (i32.ne (local.get 0) (i32.const {number})) (then unreachable))"

    async def main() -> None:
        plugin = await generation(Guest(bodies={"lifecycle.shutdown": check}))
        await plugin.prepare()
        plugin.enter_service()
        await plugin.retire(why)
        assert plugin.data.account.of("lifecycle.shutdown").outcomes == {CallReason.OK: 1}

    run(main())


def test_a_plugin_that_breaks_down_at_the_end_goes_all_the_same() -> None:
    """A trap in `shutdown` is counted, and the generation is unloaded."""

    async def main() -> None:
        plugin = await generation(Guest(bodies={"lifecycle.shutdown": "unreachable"}))
        await plugin.prepare()
        plugin.enter_service()
        await plugin.retire("replaced")
        assert plugin.state is State.UNLOAD
        assert plugin.data.account.of("lifecycle.shutdown").outcomes == {CallReason.UNREACHABLE: 1}
        assert plugin.pool.empty

    run(main())


def test_code_is_given_back_after_the_last_call() -> None:
    """A call that outlives the drain limit ends well before its code is dropped; no further call is taken."""
    guest = Guest(
        worlds=("lifecycle", "task-handler"),
        bodies={"task-handler.run": doing("(loop $l br $l)", "task-handler.run")},
    )

    async def main() -> None:
        plugin = await generation(guest, limits={"fuel": 10**14, "deadline": 60.0})
        await plugin.prepare()
        plugin.enter_service()
        call = asyncio.create_task(plugin.call("task-handler.run", "x"))
        await asyncio.sleep(0.01)
        await plugin.retire("replaced")
        assert plugin.state is State.UNLOAD
        await refusal(plugin.call("lifecycle.health"), CallReason.OVERLOADED)
        assert not plugin.pool.empty
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: plugin.pool.empty)

    run(main())


def test_generations_count_up_and_share_their_data() -> None:
    """Numbers, costs and storage belong to the plugin, not to one generation of it."""

    async def main() -> None:
        async with serving(Guest()) as (first,):
            second = await generation(Guest(version="1.0.1"), first.data)
            assert (first.generation, second.generation) == (1, 2)
            await second.prepare()
            assert first.data.account.of("lifecycle.self-test").calls == 2
            assert repr(second) == "<Plugin probe 1.0.1 generation 2 start>"
            second.enter_service()
            await second.retire("replaced")
            assert await first.call("lifecycle.self-test") == Ok()

    run(main())
