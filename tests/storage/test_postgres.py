from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contracts.keystore import Clock, KeyStoreContract
from postgres import PostgresServer
from storage.cutting import Cutter, proxied
from wasmpuck.storage import KeyStore, PostgresKeyStore


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


class TestUnreliablePostgresKeyStore(TestPostgresKeyStore):
    """So does PostgreSQL at its strictest isolation behind a network that loses one commit in four."""

    examples = 6

    @asynccontextmanager
    async def opened(self, folder: Path, clock: Clock) -> AsyncIterator[KeyStore]:
        name = await self.server.database(folder)
        cutter = Cutter(anywhere=0.02, at_commit=0.25, chances=random.Random(folder.name))
        async with proxied(cutter, self.server.port) as port:
            url = self.server.url(name, tcp=True).replace(f":{self.server.port}/", f":{port}/")
            store = PostgresKeyStore(url, isolation="serializable", retry_for=120, pool_size=6, clock=clock)
            await store.open()
            try:
                yield store
            finally:
                await store.close()
