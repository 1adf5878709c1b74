"""A keyserver on a fresh store, with worker processes that all tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from wasmpuck.keyserver import Keyserver, Workers
from wasmpuck.storage import SQLiteKeyStore

Body = Callable[[Keyserver], Awaitable[None]]
RunKeyserver = Callable[[Body], None]


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """Two processes."""
    shared = Workers(2)
    yield shared
    asyncio.run(shared.close())


@pytest.fixture
def on_keyserver(tmp_path: Path, workers: Workers) -> RunKeyserver:
    """Runs a body with a keyserver; every run on the same data."""

    def run(body: Body) -> None:
        async def whole() -> None:
            store = SQLiteKeyStore(tmp_path / "keys.sqlite3")
            await store.open()
            try:
                await body(Keyserver(store, workers=workers))
            finally:
                await store.close()

        asyncio.run(whole())

    return run
