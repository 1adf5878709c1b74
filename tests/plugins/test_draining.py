"""Calls that outlast the drain of the generation that they are on."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from plugins.house import House, in_house
from runtime.guests import Guest, doing, refusal, until
from wasmpuck.errors import CallReason
from wasmpuck.plugins import State

SPINS_ON_OTHER_SETTINGS = doing("(if (i32.gt_u (local.get 1) (i32.const 2)) (then (loop $l br $l)))", "lifecycle.init")
TABLE = (
    '[plugins.probe]\nlimits = { fuel = 1_000_000_000_000_000, deadline = "10m", queueWait = "10m", instances = 1 }\n'
)
ENDLESS = '[plugins.probe]\nlimits = { startupFuel = 1_000_000_000_000_000, startupDeadline = "10m", instances = 2 }\n'
GUEST = Guest(
    extra="(global $started (mut i32) (i32.const 0))",
    bodies={
        "lifecycle.start": doing(
            """(global.set $started (i32.add (global.get $started) (i32.const 1)))
            (if (i32.gt_u (global.get $started) (i32.const 1)) (then (loop $l br $l)))""",
            "lifecycle.start",
        )
    },
)
"""Starts once; a second `start` never ends."""


@in_house
async def test_calls_are_cancelled_at_the_drain_limit(house: House) -> None:
    """What runs or waits for an instance ends as `cancelled`, long before its own deadline; then shutdown is called."""
    house.put(GUEST)
    async with house.open(TABLE, 'drainTimeout = "50ms"') as lifecycle:
        await lifecycle.start()
        old = house["probe"]
        with house.registry.lease():
            calls = [asyncio.create_task(refusal(old.call("lifecycle.start"), CallReason.CANCELLED)) for _ in range(3)]
            await until(lambda: old.pool.busy == 1 and old.pool.waiting == 2)
            began = time.monotonic()
            await lifecycle.swap("probe")
            failures = await asyncio.gather(*calls)
            assert time.monotonic() - began < 60
            assert all("before the call had ended" in failure.message for failure in failures)
            assert all(failure.hint for failure in failures)
            await old.retired.wait()
            assert old.state is State.UNLOAD
            assert old.artifact.component == b""
            assert old.artifact.digest == house["probe"].artifact.digest
            assert old.data.account.of("lifecycle.shutdown").outcomes[CallReason.OK] == 1
            late = await refusal(old.call("lifecycle.health"), CallReason.SUSPENDED)
            assert "on its way out" in late.message
        await until(lambda: old.pool.empty)


@in_house
async def test_an_instance_that_is_being_made_is_given_up(house: House) -> None:
    """A call that waits for an instance whose `init` never ends is cancelled as well."""
    house.put(Guest(bodies={"lifecycle.init": SPINS_ON_OTHER_SETTINGS}))
    async with house.open(ENDLESS) as lifecycle:
        await lifecycle.start()
        plugin = house["probe"]
        plugin.settings = replace(plugin.settings, settings_json="{ }")
        taken = plugin.pool._idle.pop()
        call = asyncio.create_task(refusal(plugin.call("lifecycle.health"), CallReason.CANCELLED))
        await until(lambda: plugin.nursery.unborn)
        assert plugin.cut_off("it goes") == 1
        assert (await call).message == "it goes"
        assert not plugin.nursery.unborn
        plugin.pool._pass_on(taken)
