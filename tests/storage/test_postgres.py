from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contracts.keystore import Clock, KeyStoreContract
from postgres import PostgresServer
from wasmpuck.storage import KeyStore
from wasmpuck.storage.postgres import PostgresKeyStore


class TestPostgresKeyStore(KeyStoreContract):
    """PostgreSQL keeps the contract of all backends."""

    examples = 12
    isolation = "read committed"
    server: PostgresServer

    @pytest.fixture(autouse=True)
    def _served(self, postgres: PostgresServer) -> None:
        self.server = postgres

    @asynccontextmanager
    async def opened(self, folder: Path, clock: Clock) -> AsyncIterator[KeyStore]:
        url = self.server.url(await self.server.database(folder))
        store = PostgresKeyStore(url, isolation=self.isolation, retry_for=60, clock=clock)
        await store.open()
        try:
            yield store
        finally:
            await store.close()


class TestSerializablePostgresKeyStore(TestPostgresKeyStore):
    """So does PostgreSQL at its strictest isolation."""

    isolation = "serializable"
