"""What a backend promises. `tests/contracts/` holds the suites that every backend passes."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from .pluginstore import PluginChange, PluginEntry, PluginStore, ValueKind
from .values import Act, Burial, Change, Entry, Held, Query, QueryKind, Record, Statistics, Tally, Written

__all__ = [
    "Act",
    "Burial",
    "Change",
    "Entry",
    "Held",
    "KeyStore",
    "PluginChange",
    "PluginEntry",
    "PluginStore",
    "Query",
    "QueryKind",
    "Record",
    "Statistics",
    "Tally",
    "ValueKind",
    "Written",
]


class KeyStore(Protocol):
    """Where certificates are kept.

    Consistency: a write that returned is durable (it survives `kill -9` and power loss) and seen by every read that
    starts afterwards, on any connection. A write is all or nothing: index entries, statistics, change feed, audit
    record and one-time value included. Writes of one certificate happen one after the other (compare and set by its
    SKS digest). Reads never wait for writes.

    Errors: every method raises `StorageUnavailable`, with a hint for the operator, when the database cannot be
    opened, read or written. Where it is the answer of a commit that was lost, the write may have happened; in every
    other case nothing was changed. No other exception leaves a store.
    """

    async def open(self) -> None:
        """Connects and brings the schema up to date. Call once, before anything else."""
        ...

    async def close(self) -> None:
        """Ends every connection; returns when nothing is left open. Closing twice does nothing."""
        ...

    # --- looking up ----------------------------------------------------------------------------

    async def fetch(self, fingerprints: Sequence[str]) -> list[Record]:
        """Certificates with one of these fingerprints, of the primary key or of a subkey.

        Lower case hexadecimal, any version of key. Each certificate comes once, in the order in which it was first
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

    async def search(self, query: Query, *, limit: int, offset: int = 0) -> list[Record]:
        """Certificates that match, oldest stored first: at most `limit` of them behind the first `offset`."""
        ...

    def state(self) -> int | None:
        """A number that tells what is stored now from what was stored before; None where that cannot be told at once.

        What was read after it was asked holds for as long as the answer is the same, whoever writes.
        """
        ...

    def iterate(self, *, after: str = "") -> AsyncIterator[Record]:
        """Every certificate by ascending fingerprint, starting behind `after`.

        Holds no lock and no transaction between records: certificates written meanwhile may or may not be seen.
        """
        ...

    # --- writing -------------------------------------------------------------------------------

    async def write(self, entry: Entry, *, expected: str | None) -> Written:
        """Stores a certificate if the stored state is still `expected`: its md5, or None if there must be none.

        An entry whose md5 and data equal the stored ones is still written. Counts one insert or one update. A
        verified address that is not among the entry's identities is forgotten. `HELD` where nothing is stored and
        something is in quarantine.
        """
        ...

    async def write_many(self, writes: Sequence[tuple[Entry, str | None]]) -> list[Written]:
        """Like `write` for each pair, in order and in one transaction; one conflict does not stop the others."""
        ...

    async def replace(
        self, entry: Entry, *, expected: str, act: Act | None = None, once: tuple[str, float] | None = None
    ) -> Written:
        """Like `write`, in one transaction with `claim(*once)` and `audit(act)`.

        Neither is done unless the answer is `STORED`; `REPLAYED` if the one-time value cannot be claimed.
        """
        ...

    async def delete(self, fingerprint: str, *, expected: str | None = None) -> bool:
        """`erase` without a tombstone and without an audit record."""
        ...

    async def erase(
        self,
        fingerprint: str,
        *,
        expected: str | None = None,
        burial: Burial | None = None,
        act: Act | None = None,
        once: tuple[str, float] | None = None,
    ) -> bool:
        """Removes a certificate by its primary fingerprint with all that the store knows of it, what is in quarantine
        included, if its md5 is `expected` (None: whatever it is).

        With a `burial`, a tombstone remains that answers `BURIED` to every write of this fingerprint; without
        `expected` it is put up even if no certificate is stored. The audit record is appended and the one-time value
        claimed in the same transaction. Returns whether it was done; False changes nothing, and means that the
        stored state is another one, that there was nothing to do, or that the one-time value cannot be claimed.
        """
        ...

    # --- tombstones ----------------------------------------------------------------------------

    async def tombstones(self, fingerprints: Sequence[str]) -> dict[str, Burial]:
        """Which of these primary fingerprints are kept out now, and why. Expired tombstones count as gone."""
        ...

    async def exhume(self, fingerprint: str, *, act: Act | None = None) -> bool:
        """Takes a tombstone away and appends the audit record; False, and no record, if there was none."""
        ...

    def iterate_tombstones(self) -> AsyncIterator[tuple[str, Burial]]:
        """Every tombstone that has not expired, by ascending fingerprint."""
        ...

    # --- quarantine ----------------------------------------------------------------------------

    async def hold(
        self,
        held: Held,
        *,
        expected: str | None,
        before: str | None,
        withdraw: bool = False,
        act: Act | None = None,
    ) -> Written:
        """Puts a certificate into quarantine, in the place of what is there under its fingerprint.

        `expected` is the md5 of what is stored, `before` of what is in quarantine (None: nothing), else `CONFLICT`.
        What is stored stays, or goes in the same transaction (`withdraw`): its verified addresses come back with
        `release`, preferences for it do not. `BURIED` if a tombstone forbids it. No method but those of this section
        shows what is in quarantine, and no counter counts it.
        """
        ...

    async def release(self, entry: Entry, *, expected: str | None, before: str, act: Act | None = None) -> Written:
        """`write`, and in the same transaction an end of the quarantine of what is there in the state `before`.

        The entry is the caller's union of both states. Nothing is changed unless the answer is `STORED`.
        """
        ...

    async def discard(self, fingerprint: str, *, before: str | None = None, act: Act | None = None) -> bool:
        """Forgets what is in quarantine, in the state `before` or (None) in any; whether it did.

        What is stored stays.
        """
        ...

    async def held(self, fingerprints: Sequence[str]) -> dict[str, Held]:
        """What is in quarantine under these primary fingerprints."""
        ...

    async def holding(self, *, after: str = "", limit: int) -> list[Held]:
        """What is in quarantine by ascending fingerprint behind `after`, at most `limit`."""
        ...

    async def count_held(self) -> int:
        """How many certificates are in quarantine."""
        ...

    # --- one-time values and the audit record --------------------------------------------------

    async def claim(self, token: str, expires: float) -> bool:
        """Whether this one-time value is used for the first time and has not expired; remembered until it expires.

        Only a hash of it is kept. The caller must have checked that `expires` belongs to the token.
        """
        ...

    async def audit(self, act: Act) -> None:
        """Appends to the audit record; `act.number` is ignored."""
        ...

    async def acts(self, *, after: int = 0, limit: int) -> list[Act]:
        """The audit record by ascending number behind `after`, at most `limit` of it."""
        ...

    # --- verified addresses and preferred certificates -----------------------------------------

    async def verify_address(self, fingerprint: str, email: str, when: float) -> bool:
        """Notes that the owner of this primary key proved to read mail at `email` (case is ignored).

        Returns False, and notes nothing, if no such certificate is stored.
        """
        ...

    async def unverify_address(self, fingerprint: str, email: str) -> bool:
        """Forgets it; returns whether it was noted."""
        ...

    async def verified_addresses(self, fingerprint: str) -> dict[str, float]:
        """Lower-case addresses verified for this primary key, and when."""
        ...

    async def fetch_by_verified(self, email: str, *, limit: int) -> list[Record]:
        """Certificates for which this address is verified, last verified first, at most `limit`."""
        ...

    async def set_canonical(self, identity: str, fingerprints: Sequence[str]) -> None:
        """Names the certificates preferred for an identity (case is ignored), best first, in place of those before.

        Primary fingerprints; those of certificates that are not stored are left out. None at all ends it.
        """
        ...

    async def canonical(self, identity: str) -> list[Record]:
        """The certificates preferred for an identity, best first."""
        ...

    # --- counters and the change feed ----------------------------------------------------------

    async def count(self) -> int:
        """How many certificates are stored; does not scan."""
        ...

    async def statistics(self) -> Statistics:
        """The counters; does not scan."""
        ...

    async def changes(self, *, after: int = 0, limit: int) -> list[Change]:
        """What was stored and removed, by ascending number behind `after`, at most `limit` changes."""
        ...

    async def changed_on(self, day: datetime.date) -> list[str]:
        """Fingerprints of the certificates that came, changed or went on this day (UTC), ascending, each once."""
        ...

    async def trim_changes(self, before: float) -> int:
        """Forgets changes before this time; returns how many. Numbers are not used again."""
        ...
