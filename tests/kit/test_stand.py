"""A plugin in the real runtime without a server."""

from __future__ import annotations

import pytest

from kit.guests import NEXT, REQUEST, busy, diligent, stand_of
from runtime.guests import Guest, doing, run
from wasmpuck.errors import ArtifactRefused, BadRequest, CallReason, Refusal
from wasmpuck.kit.circumstances import Circumstances
from wasmpuck.kit.stand import PluginFailed


def test_a_call_goes_through_the_real_runtime_and_leaves_its_traces() -> None:
    """The verdict comes back as JSON; log, storage, events and fuel can be read."""

    async def main() -> None:
        async with stand_of(diligent()) as stand:
            assert await stand.call("middleware.on-request", REQUEST) == NEXT
            assert await stand.call("middleware.on-request", REQUEST) == NEXT
            assert [str(line) for line in stand.log] == ["info asked", "info asked"]
            assert stand.storage == {"count": 2.0}
            assert [event.topic for event in stand.published] == ["probe.asked"] * 2
            assert 0 < stand.fuel < 100_000

    run(main())


def test_time_stands_still_until_it_is_told_to_go_on() -> None:
    """Tasks run when simulated time reaches them, as often as they are due, and not before."""

    async def main() -> None:
        async with stand_of(diligent()) as stand:
            runs = stand.plugin.data.account.of("task-handler.run")
            await stand.advance(59.9)
            assert (runs.calls, stand.storage) == (0, {})
            await stand.advance(0.2)
            assert (runs.calls, stand.storage) == (1, {"ticked": "yes"})
            await stand.advance(600)
            assert runs.calls == 11

    run(main())


def test_an_event_is_handled_before_deliver_returns() -> None:
    """What the plugin subscribed to reaches its handler; other topics do not."""

    async def main() -> None:
        async with stand_of(diligent()) as stand:
            await stand.deliver("server.started")
            assert stand.storage == {}
            await stand.deliver("key.inserted", "{}")
            assert stand.storage == {"heard": "yes"}

    run(main())


def test_a_failure_carries_reason_frames_and_log() -> None:
    """A trap becomes an exception that tells everything; the next call is served by a fresh instance."""
    guest = diligent()
    log = "(call $log.write (i32.const 4) (i32.const 1024) (i32.const 3) (i32.const 0) (i32.const 0))"
    guest.bodies = {
        **guest.bodies,
        "lifecycle.health": doing(
            f"(if (i32.load8_u (i32.const 9)) (then {log} call $crash)) (i32.store8 (i32.const 9) (i32.const 1))"
        ),
    }
    guest.extra = "(func $crash unreachable)"

    async def main() -> None:
        async with stand_of(guest) as stand:
            with pytest.raises(PluginFailed) as caught:
                await stand.call("lifecycle.health")
            failure = caught.value
            assert failure.reason is CallReason.UNREACHABLE
            assert "crash" in failure.backtrace.splitlines()[0]
            assert [line.level for line in failure.log] == ["error"]
            assert "lifecycle.health failed (unreachable)" in str(failure)
            assert await stand.call("middleware.on-request", REQUEST) == NEXT

    run(main())


def test_what_is_not_there_is_refused_with_a_way_out() -> None:
    """An unknown export and one that the plugin lacks are told apart."""

    async def main() -> None:
        async with stand_of(busy()) as stand:
            with pytest.raises(BadRequest, match=r"the contract has no function lifecycle\.helth"):
                await stand.call("lifecycle.helth")
            with pytest.raises(BadRequest, match=r"probe does not export middleware\.on-request") as caught:
                await stand.call("middleware.on-request", REQUEST)
            assert caught.value.hint == "it exports lifecycle"

    run(main())


def test_grants_may_be_fewer_than_the_manifest_asks_for() -> None:
    """The stand refuses what a server with these grants would refuse."""

    async def main() -> None:
        async with stand_of(diligent(), Circumstances(grants=("log",))):
            pass

    with pytest.raises(ArtifactRefused) as caught:
        run(main())
    assert caught.value.reason is Refusal.IMPORTS_NOT_GRANTED


def test_limits_are_those_that_are_given() -> None:
    """A budget that is too small ends the call."""

    async def main() -> None:
        async with stand_of(busy(100_000), Circumstances(limits={"fuel": 10_000})) as stand:
            with pytest.raises(PluginFailed) as caught:
                await stand.call("lifecycle.health")
            assert caught.value.reason is CallReason.FUEL
            assert stand.fuel == 10_000

    run(main())


def test_a_seed_makes_chance_repeatable() -> None:
    """Two runs with one seed get the same random numbers."""
    guest = Guest(
        imports={"random": ["number"], "storage": ["increment"]},
        bodies={
            "lifecycle.health": doing(
                "(call $storage.increment (i32.const 32) (i32.const 1) (f64.convert_i32_u (call $random.number))"
                " (i32.const 0) (i32.const 0) (i32.const 512))"
            )
        },
        extra='(data (i32.const 32) "n")',
    )

    async def main(seed: int) -> dict[str, object]:
        async with stand_of(guest, Circumstances(seed=seed)) as stand:
            await stand.call("lifecycle.health")
            return dict(stand.storage)

    first, second, other = run(main(7)), run(main(7)), run(main(8))
    assert first == second != other
