"""Snapshots: what a request began with is what it sees, and a generation is retired when nobody sees it any more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plugins.generations import generation
from runtime.guests import Guest, run, until
from wasmpuck.plugins import Plugin, Registry, Snapshot


async def plugins(*names: str) -> list[Plugin]:
    return [await generation(Guest(name=name)) for name in names]


def test_a_snapshot_is_ordered_and_cannot_be_changed() -> None:
    """Plugins are held by name in the order of their names, for good."""

    async def main() -> None:
        made = Snapshot(await plugins("c", "a", "b"))
        assert list(made.plugins) == ["a", "b", "c"]
        frozen: Any = made.plugins
        with pytest.raises(TypeError):
            frozen["d"] = None

    run(main())


def test_a_lease_keeps_its_snapshot() -> None:
    """What is published meanwhile is for later requests; the earlier one sees what it began with."""

    async def main() -> None:
        old, new = await plugins("a", "a")
        registry = Registry()
        registry.publish(Snapshot([old]))
        with registry.lease() as first:
            registry.publish(Snapshot([new]))
            with registry.lease() as second:
                assert (first.plugins["a"], second.plugins["a"]) == (old, new)
                assert registry.reachable(old)
        assert not registry.reachable(old)
        assert registry.reachable(new)

    run(main())


def test_a_generation_is_drained_when_its_last_lease_is_returned() -> None:
    """`drained` waits for every request that can still call the generation, whichever snapshot it holds."""

    async def main() -> None:
        kept, replaced, fresh = await plugins("kept", "x", "x")
        registry = Registry()
        registry.publish(Snapshot([replaced]))
        first = registry.lease()
        first.__enter__()
        registry.publish(Snapshot([kept, replaced]))
        second = registry.lease()
        second.__enter__()
        registry.publish(Snapshot([kept, fresh]))
        waiting = asyncio.create_task(registry.drained(replaced))
        again = asyncio.create_task(registry.drained(replaced))
        await asyncio.sleep(0)
        first.__exit__(None, None, None)
        await asyncio.sleep(0)
        assert not waiting.done()
        second.__exit__(None, None, None)
        await until(lambda: waiting.done() and again.done())
        await registry.drained(replaced)

    run(main())


def test_a_generation_that_comes_back_is_reachable_again() -> None:
    """A generation in the current snapshot is never drained, even if it was left out for a while."""

    async def main() -> None:
        (plugin,) = await plugins("a")
        registry = Registry()
        registry.publish(Snapshot([plugin]))
        registry.publish(Snapshot())
        assert not registry.reachable(plugin)
        registry.publish(Snapshot([plugin]))
        assert registry.reachable(plugin)

    run(main())


def test_an_exception_returns_the_lease() -> None:
    """A request that fails gives its snapshot back."""

    async def main() -> None:
        registry = Registry()
        with pytest.raises(KeyError), registry.lease() as snapshot:
            raise KeyError
        assert snapshot.leases == 0

    run(main())
