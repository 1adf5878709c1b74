"""What a backend promises. `tests/contracts/` holds the suites that every backend passes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from .listing import unpack

__all__ = [
    "Entry",
    "KeyStore",
    "PluginChange",
    "PluginEntry",
    "PluginStore",
    "Record",
    "Statistics",
    "Tally",
    "ValueKind",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate on its way into a store, with all that the store indexes.

    `fingerprint` and `md5` (the SKS digest) are lower case hexadecimal; `data` are the canonical bytes that `get`
    serves; `summary` is what `index` serves (`wasmpuck.openpgp.summary`); `keys` are (fingerprint, key id) of the
    primary key and every subkey; `identities` are the lower-case e-mail addresses and user id texts it is found by.
    """

    fingerprint: str
    version: int
    md5: str
    data: bytes
    summary: dict[str, Any]
    keys: tuple[tuple[str, str], ...]
    identities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A stored certificate. `created` and `modified` are seconds since 1970: first stored, last changed.

    `packed` is the summary as `listing.pack` makes it; not every reader needs it unpacked.
    """

    fingerprint: str
    md5: str
    data: bytes
    packed: bytes
    created: float
    modified: float

    @property
    def summary(self) -> dict[str, Any]:
        """What was given as `Entry.summary`; unpacked anew at each call."""
        return unpack(self.packed)


@dataclass(frozen=True, slots=True)
class Tally:
    """What happened in the hour or day that begins at `start` (seconds since 1970, UTC)."""

    start: int
    inserted: int
    updated: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counters kept with each write, so that reading them costs the same for ten keys and ten million.

    `hourly` and `daily` are newest first and hold only hours and days in which something happened: at most the last
    24 hours and the last 7 days.
    """

    total: int
    hourly: tuple[Tally, ...] = field(default=())
    daily: tuple[Tally, ...] = field(default=())


class KeyStore(Protocol):
    """Where certificates are kept.

    Consistency: a write that returned is durable (it survives `kill -9` and power loss) and seen by every read that
    starts afterwards, on any connection. A write is all or nothing, index entries and statistics included. Reads
    never wait for writes.

    Errors: every method raises `StorageUnavailable`, with a hint for the operator, when the database cannot be
    opened, read or written; nothing was changed then. No other exception leaves a store.
    """

    async def open(self) -> None:
        """Connects and brings the schema up to date. Call once, before anything else."""
        ...

    async def close(self) -> None:
        """Ends every connection; returns when nothing is left open. Closing twice does nothing."""
        ...

    async def fetch(self, fingerprints: Sequence[str]) -> list[Record]:
        """Certificates with one of these fingerprints, of the primary key or of a subkey.

        Lower case hexadecimal, any case of version. Each certificate comes once, in the order in which it was first
        stored. A fingerprint that nothing has is simply not answered.
        """
        ...

    async def fetch_by_key_id(self, key_id: str, *, limit: int) -> list[Record]:
        """All certificates, oldest stored first and at most `limit`, in which a primary key or subkey has this id.

        16 hexadecimal digits, or the last 8 of them. Several certificates may share an id: all are returned.
        """
        ...

    async def fetch_by_md5(self, md5: str) -> list[Record]:
        """Certificates whose SKS digest is these 32 hexadecimal digits (more than one if digests collide)."""
        ...

    async def fetch_by_identity(self, identity: str, *, limit: int) -> list[Record]:
        """Certificates with exactly this e-mail address or user id text, oldest stored first, at most `limit`.

        Case is ignored by Unicode's lower-casing.
        """
        ...

    async def write(self, entry: Entry, *, expected: str | None) -> bool:
        """Stores a certificate if the stored state is still `expected`: its md5, or None if there must be none.

        Returns False, and changes nothing, when the stored state is another one: fetch it, merge and try again.
        An entry whose md5 and data equal the stored ones is still written. Counts one insert or one update.
        """
        ...

    async def write_many(self, writes: Sequence[tuple[Entry, str | None]]) -> list[bool]:
        """Like `write` for each pair, in order and in one transaction; one conflict does not stop the others."""
        ...

    async def delete(self, fingerprint: str, *, expected: str | None = None) -> bool:
        """Removes a certificate by its primary fingerprint, if its md5 is `expected` (None: whatever it is).

        Returns whether something was removed.
        """
        ...

    async def count(self) -> int:
        """How many certificates are stored; does not scan."""
        ...

    async def statistics(self) -> Statistics:
        """The counters; does not scan."""
        ...

    def iterate(self, *, after: str = "") -> AsyncIterator[Record]:
        """Every certificate by ascending fingerprint, starting behind `after`.

        Holds no lock and no transaction between records: certificates written meanwhile may or may not be seen.
        """
        ...


ValueKind = Literal["text", "bytes", "count"]
"""What a plugin stored: `value` holds UTF-8 text, plain bytes, or the decimal digits of a count."""


@dataclass(frozen=True, slots=True)
class PluginEntry:
    """One stored entry of a plugin; `expires` is seconds since 1970, None for never."""

    key: str
    value: bytes
    kind: ValueKind
    expires: float | None


@dataclass(frozen=True, slots=True)
class PluginChange:
    """The new state of an entry of a plugin; a `value` of None removes the entry."""

    key: str
    value: bytes | None
    kind: ValueKind = "bytes"
    expires: float | None = None


class PluginStore(Protocol):
    """Where plugins' storage is kept, and the highest version of each plugin ever accepted.

    Errors as in `KeyStore`. `write` is atomic; it may lose up to the last second in a power loss
    (`wit/storage.wit`), never in a crash of the process. `remember` is durable when it returns.
    """

    async def open(self) -> None:
        """Connects and brings the schema up to date."""
        ...

    async def close(self) -> None:
        """Ends the connection. Closing twice does nothing."""
        ...

    async def load(self, plugin: str) -> list[PluginEntry]:
        """Everything that this plugin has stored and that has not expired, by ascending key."""
        ...

    async def write(self, plugin: str, changes: Iterable[PluginChange]) -> None:
        """Applies the changes in order, all or none."""
        ...

    async def clear(self, plugin: str) -> None:
        """Removes all entries of a plugin; its highest version stays remembered."""
        ...

    async def highest(self, plugin: str) -> str | None:
        """The version last given to `remember`; None for a plugin never seen."""
        ...

    async def remember(self, plugin: str, version: str) -> None:
        """Records `version` as the highest that was accepted. Comparing versions is the caller's business."""
        ...
