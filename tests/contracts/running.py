"""How a contract's tests get their store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import wraps
from pathlib import Path
from typing import Any

from wasmpuck.storage import KeyStore, Record

__all__ = ["Clock", "OpensStores", "names", "on_store"]


class Clock:
    """Seconds since 1970, moved by hand. Starts at noon."""

    def __init__(self) -> None:
        self.now = 1_700_049_600.0

    def __call__(self) -> float:
        return self.now


class OpensStores:
    """What every class of tests needs of a backend."""

    def opened(self, folder: Path, clock: Clock) -> AbstractAsyncContextManager[KeyStore]:
        """An open, empty store in this folder, closed at the end; a second one there sees the same data."""
        raise NotImplementedError


Body = Callable[[Any, KeyStore, Clock], Awaitable[None]]


def on_store(body: Body) -> Callable[[OpensStores, Path], None]:
    """Runs a test's body on a fresh store."""

    @wraps(body)
    def test(self: OpensStores, tmp_path: Path) -> None:
        async def run() -> None:
            clock = Clock()
            async with self.opened(tmp_path, clock) as store:
                await body(self, store, clock)

        asyncio.run(run())

    del test.__wrapped__  # pytest would look at the body's parameters for fixtures
    return test


def names(records: list[Record]) -> list[str]:
    """Which certificates these are."""
    return [record.summary["name"] for record in records]
