"""PostgreSQL connections: how they are made, which errors pass, and what the operator is told about the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from wasmpuck.config import DatabaseURL
from wasmpuck.errors import StorageUnavailable

__all__ = ["Connection", "ConnectionPool", "Overtaken", "Trouble", "trouble_of", "unavailable"]

Connection = Any
"""An `asyncpg.Connection`."""

_CONNECT_SECONDS = 10.0
_CLOSE_SECONDS = 2.0
_CACHED_STATEMENTS = 200
# Every statement has an index that fits, so it is planned once. Planning takes three times as long as fetching a
# certificate; and reading a table that is still small from end to end makes each serializable write conflict with
# all others.
_PLANNING = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off"

# SQLSTATE classes and codes (PostgreSQL, appendix A).
_AGAIN = frozenset(("40001", "40P01", "55P03"))
_LOST_CODES = frozenset(
    (
        "25006",  # this server has become a standby
        "25P03",  # idle in transaction too long
        "53300",  # too many connections for the moment
        "57P01",  # it is being shut down, or somebody ended this connection
        "57P02",
        "57P03",  # it is starting or stopping
        "57P05",
        "0A000",  # a prepared statement that a migration has outdated
        "26000",  # a prepared statement that a connection pooler gave to somebody else
    )
)
_HINTS = {
    "28": "Check user and password in storage.url or storage.passwordFile, and the server's pg_hba.conf.",
    "3D": "Make the database first: createdb NAME, or CREATE DATABASE.",
    "42": "Give the user the right to make and use tables in this database, for example as its owner.",
    "53": "The database server is out of disk, memory or connections: look into its log; storage.poolSize bounds ours.",
    "54": "The certificate is larger than the database takes.",
    "57": "The database server is stopping or cancelled the statement: look into its log.",
    "58": "The database server has trouble with its disk or system: look into its log.",
    "XX": "The database may be damaged: look into the server's log, and restore a backup where it says so.",
}
_UNREACHABLE = "Is the database server running, and are host and port in storage.url right?"


class Overtaken(Exception):
    """Somebody else stored meanwhile what this transaction wanted to: it has to be run again."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What an error of a database operation means.

    `again`: the same may succeed if it is tried again. `lost`: the connection must not be used any more. `certain`:
    a commit that ended so was not done; otherwise nobody knows.
    """

    again: bool
    lost: bool
    certain: bool


def trouble_of(error: BaseException) -> Trouble | None:
    """None for an error that is not the database's."""
    if isinstance(error, Overtaken):
        return Trouble(again=True, lost=False, certain=True)
    if isinstance(error, asyncpg.PostgresError):
        code = str(error.sqlstate or "")
        if code in _AGAIN:
            return Trouble(again=True, lost=False, certain=True)
        if code in _LOST_CODES or code.startswith("08"):
            return Trouble(again=True, lost=True, certain=False)
        return Trouble(again=False, lost=code[:2] in ("57", "58", "XX"), certain=False)
    if isinstance(error, (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
        return Trouble(again=True, lost=True, certain=False)
    return None


def unavailable(url: str, error: BaseException) -> StorageUnavailable:
    """What the operator is told, without passwords."""
    code = str(getattr(error, "sqlstate", None) or "")
    hint = _HINTS.get(code[:2], _UNREACHABLE if not code else "Look into the database server's log.")
    text = str(error) or ("it did not answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
    return StorageUnavailable(f"The database {DatabaseURL(url).shown} cannot be used: {text.rstrip('.')}.", hint=hint)


@dataclass(slots=True)
class ConnectionPool:
    """At most `size` connections, made when they are needed and kept; the last used is used first.

    `password` None: that of the URL, else PGPASSWORD or the user's ~/.pgpass. Errors pass through unchanged.
    """

    url: str = field(repr=False)
    size: int
    password: str | None = field(default=None, repr=False)
    _idle: list[Connection] = field(default_factory=list, init=False, repr=False)
    _places: asyncio.Semaphore | None = field(default=None, init=False, repr=False)
    _open: bool = field(default=False, init=False)

    def open(self) -> None:
        """Allows connections to be made."""
        self._places = asyncio.Semaphore(self.size)
        self._open = True

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for one operation. One that lost its server, or was left in a transaction, is not kept."""
        if self._places is None or not self._open:
            raise StorageUnavailable(
                f"The database {DatabaseURL(self.url).shown} is not open.", hint="The server is starting or stopping."
            )
        async with self._places:
            connection = self._take() or await self._connect()
            try:
                yield connection
            except BaseException as error:
                trouble = trouble_of(error)
                if not isinstance(error, Exception) or (trouble is not None and trouble.lost):
                    connection.terminate()
                raise
            finally:
                if connection.is_closed() or connection.is_in_transaction() or not self._open:
                    connection.terminate()
                else:
                    self._idle.append(connection)

    async def close(self) -> None:
        """Disconnects what is idle; what is in use ends with its operation."""
        self._open = False
        while self._idle:
            connection = self._idle.pop()
            try:
                await connection.close(timeout=_CLOSE_SECONDS)
            except Exception:  # it is gone in any case
                connection.terminate()

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    async def _connect(self) -> Connection:
        connection = await asyncpg.connect(
            self.url,
            password=self.password,
            timeout=_CONNECT_SECONDS,
            statement_cache_size=_CACHED_STATEMENTS,
            max_cached_statement_lifetime=0,
            server_settings={"application_name": "wasmpuck"},
        )
        try:
            if str(await connection.fetchval("SELECT version()")).startswith("PostgreSQL"):
                await connection.execute(_PLANNING)
        except BaseException:
            connection.terminate()
            raise
        return connection
