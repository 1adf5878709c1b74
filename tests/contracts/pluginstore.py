"""What every backend of plugins' storage does. Subclass, and say how to open one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from contracts.keystore import Clock
from wasmpuck.storage import PluginChange, PluginEntry, PluginStore

__all__ = ["PluginStoreContract"]


class PluginStoreContract:
    """A class of tests."""

    def opened(self, folder: Path, clock: Clock) -> AbstractAsyncContextManager[PluginStore]:
        """An open store in this folder, closed at the end; a second one there sees the same data."""
        raise NotImplementedError

    def run(self, folder: Path, *bodies: Callable[[PluginStore, Clock], Awaitable[None]]) -> None:
        """Runs each body on the same data, opened anew."""

        async def whole() -> None:
            clock = Clock()
            for body in bodies:
                async with self.opened(folder, clock) as store:
                    await body(store, clock)

        asyncio.run(whole())

    def test_entries_come_back_after_opening_again(self, tmp_path: Path) -> None:
        """Of each kind, with their ends, by ascending key, and only to the plugin that wrote them."""
        end = Clock().now + 60

        async def write(store: PluginStore, clock: Clock) -> None:
            await store.write("one", [PluginChange("b", b"text", "text", end), PluginChange("a", b"\0\xff", "bytes")])
            await store.write("one", [PluginChange("c", b"42", "count"), PluginChange("ä", b"", "bytes")])
            await store.write("other", [PluginChange("a", b"else")])

        async def read(store: PluginStore, clock: Clock) -> None:
            assert await store.load("one") == [
                PluginEntry("a", b"\0\xff", "bytes", None),
                PluginEntry("b", b"text", "text", end),
                PluginEntry("c", b"42", "count", None),
                PluginEntry("ä", b"", "bytes", None),
            ]
            assert [item.value for item in await store.load("other")] == [b"else"]
            assert await store.load("nobody") == []

        self.run(tmp_path, write, read)

    def test_changes_apply_in_order(self, tmp_path: Path) -> None:
        """The last change of a key counts; a change to nothing removes it."""

        async def body(store: PluginStore, clock: Clock) -> None:
            await store.write("one", [PluginChange("a", b"1"), PluginChange("a", b"2"), PluginChange("b", b"1")])
            await store.write("one", [PluginChange("b", None), PluginChange("never", None)])
            await store.write("one", [])
            assert await store.load("one") == [PluginEntry("a", b"2", "bytes", None)]

        self.run(tmp_path, body)

    def test_what_has_expired_is_not_loaded(self, tmp_path: Path) -> None:
        """An expired entry is as good as absent, and may be written anew."""

        async def body(store: PluginStore, clock: Clock) -> None:
            await store.write("one", [PluginChange("a", b"1", "bytes", clock.now + 5), PluginChange("b", b"1")])
            clock.now += 5
            assert [item.key for item in await store.load("one")] == ["b"]
            await store.write("one", [PluginChange("a", b"2")])
            assert [item.key for item in await store.load("one")] == ["a", "b"]

        self.run(tmp_path, body)

    def test_clearing_leaves_the_others_and_the_version(self, tmp_path: Path) -> None:
        """A plugin that is removed loses its data, but an older version of it is still known to be older."""

        async def body(store: PluginStore, clock: Clock) -> None:
            await store.write("one", [PluginChange("a", b"1")])
            await store.write("other", [PluginChange("a", b"1")])
            await store.remember("one", "1.2.0")
            await store.clear("one")
            assert await store.load("one") == []
            assert len(await store.load("other")) == 1
            assert await store.highest("one") == "1.2.0"

        self.run(tmp_path, body)

    def test_versions_are_remembered(self, tmp_path: Path) -> None:
        """The last one given counts, also after opening again; a plugin never seen has none."""

        async def remember(store: PluginStore, clock: Clock) -> None:
            assert await store.highest("one") is None
            await store.remember("one", "1.0.0")
            await store.remember("one", "1.1.0")

        async def read(store: PluginStore, clock: Clock) -> None:
            assert await store.highest("one") == "1.1.0"
            assert await store.highest("other") is None

        self.run(tmp_path, remember, read)
