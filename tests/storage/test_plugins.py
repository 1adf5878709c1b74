from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contracts.entries import entry
from contracts.keystore import Clock
from contracts.pluginstore import PluginStoreContract
from wasmpuck.storage import PluginChange, PluginStore, SQLiteKeyStore, SQLitePluginStore


class TestSQLitePluginStore(PluginStoreContract):
    """SQLite keeps the contract of all backends."""

    @asynccontextmanager
    async def opened(self, folder: Path, clock: Clock) -> AsyncIterator[PluginStore]:
        store = SQLitePluginStore(folder / "plugins.sqlite3", clock=clock)
        await store.open()
        try:
            yield store
        finally:
            await store.close()


def test_both_stores_may_share_a_file(tmp_path: Path) -> None:
    """Each brings its own part of the schema, whichever comes first."""

    async def run() -> None:
        path = tmp_path / "data.sqlite3"
        plugins, keys = SQLitePluginStore(path), SQLiteKeyStore(path)
        await plugins.open()
        await keys.open()
        await asyncio.gather(
            *(plugins.write("one", [PluginChange(f"{number}", b"x")]) for number in range(20)),
            *(keys.write(entry(f"name {number}"), expected=None) for number in range(20)),
        )
        assert len(await plugins.load("one")) == await keys.count() == 20
        await keys.close()
        await plugins.close()

    asyncio.run(run())
