"""What goes into a store of certificates and what comes out: plain, frozen values.

Fingerprints and digests are lower-case hexadecimal, times are seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from .derived import derived_summary
from .listing import Context, unpack

__all__ = [
    "Act",
    "Burial",
    "Change",
    "Entry",
    "Held",
    "Query",
    "QueryKind",
    "Record",
    "Statistics",
    "Tally",
    "Written",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate on its way into a store, with all that the store indexes.

    `md5` is the SKS digest; `data` are the canonical bytes that `get` serves; `summary` is what `index` serves
    (`wasmpuck.openpgp.summary`); `keys` are (fingerprint, key id) of the primary key and every subkey; `identities`
    are the lower-case e-mail addresses and user id texts it is found by; `words` the lower-case words of its user
    ids; `domains` the lower-case domain of each address. `derivable` says that all of this is what
    `openpgp.ingest.derive` makes of `data`, so that not all of it has to be kept.
    """

    fingerprint: str
    version: int
    md5: str
    data: bytes
    summary: dict[str, Any]
    keys: tuple[tuple[str, str], ...]
    identities: tuple[str, ...]
    words: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    derivable: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A stored certificate. `created` and `modified` say when it was first stored and last changed.

    `packed` is the summary as `listing.pack` makes it, empty where it follows from `data`; not every reader needs it.
    """

    fingerprint: str
    md5: str
    data: bytes
    packed: bytes
    created: float
    modified: float

    @property
    def summary(self) -> dict[str, Any]:
        """What was given as `Entry.summary`; made anew at each call. Raises ValueError where it cannot be read."""
        if not self.packed:
            return derived_summary(self.data)
        return unpack(self.packed, Context(self.fingerprint, self.md5, self.data))


class Written(StrEnum):
    """What became of a write. All but `STORED` are true in a condition as well: compare with `is`."""

    STORED = "stored"
    """It is durable."""
    CONFLICT = "conflict"
    """The stored state is not the expected one; nothing was changed. Fetch it, merge and try again."""
    BURIED = "buried"
    """A tombstone forbids this certificate; nothing was changed. Trying again is of no use."""
    HELD = "held"
    """It is in quarantine and nothing of it is published; nothing was changed. What is new belongs there."""
    REPLAYED = "replayed"
    """The one-time value given as `once` was claimed before or has expired; nothing was changed."""


QueryKind = Literal["identity", "words", "domain"]


@dataclass(frozen=True, slots=True)
class Query:
    """Certificates that have all `values` as identities, words or domains; of no values, none.

    Values match whole, upper and lower case alike.
    """

    kind: QueryKind
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Burial:
    """What a tombstone says: why the certificate is kept out, and until when (None: for good)."""

    reason: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate in quarantine: kept, and found by nobody. `md5` is its SKS digest, `data` its canonical bytes.

    `source` is the plugin that put it there, empty for the operator; `reason` says why, `since` when.
    """

    fingerprint: str
    md5: str
    data: bytes
    source: str
    reason: str
    since: float


@dataclass(frozen=True, slots=True)
class Act:
    """A line of the audit record: what was done to a certificate, by whom, when, and what else is to be known.

    `number` is given by the store, ascending from 1 in the order in which acts become visible; 0 before.
    """

    kind: str
    fingerprint: str
    actor: str
    when: float
    detail: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A certificate came (`before` is None), changed, or went (`after` is None); both are SKS digests.

    `number` ascends in the order in which changes become visible: no change appears later with a smaller number
    than one that was read. Numbers may have gaps.
    """

    number: int
    when: float
    fingerprint: str
    before: str | None
    after: str | None


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
