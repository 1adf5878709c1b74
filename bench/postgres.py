"""A PostgreSQL server for measurements: the one that the tests have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from postgres import PostgresServer

__all__ = ["PostgresServer", "postgres"]


@asynccontextmanager
async def postgres() -> AsyncIterator[PostgresServer]:
    """Runs a server that keeps what it commits."""
    running = PostgresServer(durable=True)
    try:
        await asyncio.to_thread(running.initialise)
        await asyncio.to_thread(running.start)
        yield running
    finally:
        await asyncio.to_thread(running.remove)
