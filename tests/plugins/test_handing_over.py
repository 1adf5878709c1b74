"""What one generation of a plugin hands over to the next."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from plugins.house import House
from runtime.abi import Image
from runtime.guests import Guest
from wasmpuck.errors import CallReason
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.values import Case, Err, Ok

WORLDS = ("lifecycle", "handover")
TABLE = '[plugins.probe]\ngrants = ["storage"]\n'


def remembering(image: Image) -> str:
    """`restore`: puts what it is given into the storage under `state`."""
    key, place = image.put(b"state"), image.put(bytes(64), 8)
    done = image.value(_restore_type(), Ok(None))
    return f"""(call $storage.set
        (i32.const {key}) (i32.const 5) (local.get 0) (local.get 1) (i32.const 0) (i32.const 0) (i32.const {place}))
        i32.const {done}"""


def _restore_type() -> Any:
    return load_contract()["handover"].functions["restore"].result


def guest(version: str, told: str | None = None, **changes: Any) -> Guest:
    """A generation that prepares `told` and keeps what it is given."""
    return Guest(
        version=version,
        worlds=WORLDS,
        imports={"storage": ["set"]},
        results={"handover.prepare-swap": told, **changes.pop("results", {})},
        bodies={"handover.restore": remembering, **changes.pop("bodies", {})},
        **changes,
    )


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def swapped(house: House, first: Guest, second: Guest) -> tuple[str, str | None, dict[CallReason, int]]:
    """What the swap said, what the storage holds under `state` afterwards, and how calls of prepare-swap ended."""

    async def run() -> tuple[str, str | None, dict[CallReason, int]]:
        house.put(first)
        async with house.open(TABLE) as lifecycle:
            await lifecycle.start()
            house.put(second)
            outcome = await lifecycle.swap("probe")
            data = lifecycle.workshop.data["probe"]
            entry = data.namespace.get("state")
            outcomes = data.account.of("handover.prepare-swap").outcomes
            return outcome.what, entry.text() if entry is not None else None, dict(outcomes)

    return asyncio.run(run())


def test_the_next_generation_gets_what_the_one_before_prepared(house: House) -> None:
    """`restore` of the new one is called with what `prepare-swap` of the old one returned, once."""
    assert swapped(house, guest("1.0.0", "grüße"), guest("1.1.0")) == ("published", "grüße", {CallReason.OK: 1})


@pytest.mark.parametrize("before", [guest("1.0.0", None), Guest(version="1.0.0", imports={"storage": ["set"]})])
def test_nothing_is_handed_over_when_there_is_nothing(house: House, before: Guest) -> None:
    """`none`, and a generation without the interface, leave the new one without a call of `restore`."""
    assert swapped(house, before, guest("1.1.0"))[:2] == ("published", None)


def test_a_generation_that_does_not_take_it_does_not_go_into_service(house: House) -> None:
    """A failure of `restore` keeps the old generation in service."""
    refusing = guest("1.1.0", results={"handover.restore": Err(Case("other", "too old"))}, bodies={})
    refusing.bodies = {}
    what, state, _ = swapped(house, guest("1.0.0", "x"), refusing)
    assert (what, state) == ("refused", None)


@pytest.mark.parametrize("broken", ["trap", "long"])
def test_a_generation_that_cannot_say_it_is_replaced_all_the_same(house: House, broken: str) -> None:
    """A trap in `prepare-swap`, or more than a mebibyte, hands nothing over and does not stop the swap."""
    if broken == "trap":
        first = guest("1.0.0", bodies={"handover.prepare-swap": "unreachable"})
    else:
        first = guest("1.0.0", "x" * 1_048_577, memory=40)
    what, state, outcomes = swapped(house, first, guest("1.1.0"))
    assert (what, state) == ("published", None)
    assert outcomes[CallReason.UNREACHABLE if broken == "trap" else CallReason.BAD_VALUE] == 1


def test_every_instance_gets_it(tmp_path: Path) -> None:
    """Instances that are made later, too, are told what the generation inherited."""
    house = House(tmp_path)

    async def run() -> bool:
        house.put(guest("1.0.0", "x"))
        async with house.open(TABLE) as lifecycle:
            await lifecycle.start()
            house.put(guest("1.1.0"))
            await lifecycle.swap("probe")
            plugin = house.registry.current.plugins["probe"]
            plugin.data.namespace.remove("state")
            instance = await plugin._make_instance()
            instance.close()
            return plugin.data.namespace.get("state") is not None

    assert asyncio.run(run())
