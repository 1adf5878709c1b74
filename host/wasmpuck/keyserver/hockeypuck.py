"""The certificates in a Hockeypuck database (its table `keys`, schema of version 2.x), read and never written.

A row's `doc` is a tree of JSON: the primary key, below it signatures, user ids and subkeys with theirs, and in each
node `packet.data`, the packet as base64. `rfingerprint` is the fingerprint backwards, and the primary key of the table:
pages go by it, so that no row is skipped or met twice, whatever changes meanwhile.
"""

from __future__ import annotations

import base64
import binascii
import json
import shlex
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from wasmpuck.errors import OperatorError
from wasmpuck.openpgp import MalformedPacket, frame, sks_digest, walk
from wasmpuck.openpgp.splitter import Piece

from .journal import Mark
from .pipeline import BATCH_BYTES, BATCH_PIECES, Batch
from .report import Refusal

__all__ = ["HockeypuckDatabase", "packets_of_document"]

_AT_ONCE = 20  # documents of a page that are in memory
_PAGE = 2_000
_SELECT = "SELECT rfingerprint, doc::text, md5 FROM keys WHERE rfingerprint > $1 ORDER BY rfingerprint LIMIT $2"
_OPTIONS = {"dbname": "database", "database": "database", "host": "host", "port": "port", "user": "user"}


class _Undecodable(Exception):
    """A document that is not one of Hockeypuck's."""


def packets_of_document(doc: Any) -> bytes:
    """The packets of a document in its order. Raises ValueError for what is no such document."""
    try:
        return b"".join(_packets(doc))
    except (_Undecodable, binascii.Error) as error:
        raise ValueError(f"it is no document of Hockeypuck's: {error}") from None


def _packets(node: Any) -> Iterator[bytes]:
    if not isinstance(node, dict):
        raise _Undecodable("a node is not an object")
    yield _packet(node.get("packet"))
    for below in ("signatures", "userIDs", "subKeys"):
        for child in node.get(below) or ():
            yield from _packets(child)


def _packet(packet: Any) -> bytes:
    """With its framing, whether the document has it or only the body."""
    if not isinstance(packet, dict) or not isinstance(packet.get("tag"), int) or not packet.get("data"):
        raise _Undecodable("a packet is missing")
    tag, data = packet["tag"], base64.b64decode(packet["data"], validate=True)
    try:
        framed = [found.tag for found in walk(data)]
    except MalformedPacket:
        framed = []
    return data if framed == [tag] else frame(tag, data)


@dataclass(slots=True)
class HockeypuckDatabase:
    """One database of Hockeypuck's.

    `source` is a URL (`postgresql://…`) or a data source name as in Hockeypuck's configuration (`database=hkp
    host=…`). `differing` counts rows whose document does not have the digest that is noted beside it.
    """

    source: str
    differing: int = 0

    async def count(self) -> int:
        """How many rows there are. Raises OperatorError."""
        async with self._connected() as connection:
            return int(await connection.fetchval("SELECT count(*) FROM keys"))

    async def batches(self, mark: Mark) -> AsyncIterator[Batch]:
        """The rows behind a mark. Raises OperatorError."""
        after, number = mark.key, mark.pieces
        pieces: list[Piece] = []
        refused: list[Refusal] = []
        size = 0
        async with self._connected() as connection:
            while True:
                met = 0
                async with connection.transaction(readonly=True):
                    async for reversed_fingerprint, text, md5 in connection.cursor(
                        _SELECT, after, _PAGE, prefetch=_AT_ONCE
                    ):
                        met += 1
                        number += 1
                        after = reversed_fingerprint
                        found = self._piece(number, reversed_fingerprint[::-1], text, md5)
                        if isinstance(found, Piece):
                            pieces.append(found)
                            size += len(found.data)
                        else:
                            refused.append(found)
                        if size >= BATCH_BYTES or len(pieces) >= BATCH_PIECES:
                            yield Batch(pieces, Mark(number, key=after), number, refused)
                            pieces, refused, size = [], [], 0
                if met < _PAGE:
                    break
        yield Batch(pieces, Mark(number, key=after, done=True), number, refused)

    def _piece(self, number: int, fingerprint: str, text: str, md5: str) -> Piece | Refusal:
        try:
            data = packets_of_document(json.loads(text))
            digest = sks_digest(walk(data))
        except (ValueError, MalformedPacket, RecursionError) as error:
            return Refusal(number, fingerprint, 0, "undecodable-document", f"Its document cannot be read: {error}")
        self.differing += digest != md5
        return Piece(data, number)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        try:
            connection = await asyncpg.connect(
                **_options(self.source), server_settings={"default_transaction_read_only": "on"}
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise OperatorError(
                f"the database of Hockeypuck cannot be opened: {error}",
                hint="give its DSN as in hockeypuck.conf, or postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
            ) from None
        try:
            yield connection
        except asyncpg.UndefinedTableError:
            raise OperatorError(
                "the database has no table `keys`", hint="name the database in which Hockeypuck keeps its keys"
            ) from None
        except asyncpg.UndefinedColumnError as error:
            raise OperatorError(
                f"the table `keys` is not one of Hockeypuck 2's: {error}",
                hint="start the newest Hockeypuck on it once, or dump it with hockeypuck-dump and load the files",
            ) from None
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise OperatorError(
                f"the database of Hockeypuck cannot be read on: {error}",
                hint="give the same command again: it goes on where it was",
            ) from None
        finally:
            await connection.close(timeout=10)


def _options(source: str) -> dict[str, Any]:
    """A source as asyncpg takes it. Raises ValueError."""
    if "://" in source:
        return {"dsn": source}
    found: dict[str, Any] = {}
    for word in shlex.split(source):
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"{word} is not of the form name=value")
        if name in _OPTIONS:
            found[_OPTIONS[name]] = value
        elif name == "password":
            found["password"] = value
        elif name == "sslmode":
            found["ssl"] = value
        else:
            raise ValueError(f"{name} is not understood in a data source name")
    return found
