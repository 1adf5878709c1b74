"""What `verify` and `reindex` need of a backend beside `KeyStore`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from .protocol import KeyStore
from .values import Entry

__all__ = ["Difference", "Tallied", "UpkeepStore"]


class Difference(StrEnum):
    """What of a stored certificate is not as its entry says. The value is shown to operators."""

    MISSING = "missing"
    """There is no certificate of this fingerprint."""
    BYTES = "bytes"
    """Its bytes are others."""
    DIGEST = "digest"
    """The digest beside it is another."""
    SUMMARY = "summary"
    """The summary beside it is another."""
    INDEX = "index"
    """It is found by other keys or texts, or not by all of them."""


@dataclass(frozen=True, slots=True)
class Tallied:
    """How many certificates there are, what the counter says, and index rows that belong to no certificate."""

    certificates: int
    counter: int
    stray: int


class UpkeepStore(KeyStore, Protocol):
    """A store that can be compared with what it should hold. Errors as in `KeyStore`."""

    async def differences(self, entries: Sequence[Entry]) -> list[frozenset[Difference]]:
        """For each entry what the store holds otherwise; an empty set where nothing is."""
        ...

    async def refresh(self, entries: Sequence[Entry]) -> list[bool]:
        """Writes anew what follows from the bytes: digest, summary and index, in one transaction.

        Only where the stored bytes are the entry's; False elsewhere, and nothing is changed there. Times, statistics
        and, unless the digest changes, the change feed stay as they are: the certificate is the same.
        """
        ...

    async def reindexed(self) -> None:
        """Notes that everything stored is indexed by the store's rules now."""
        ...

    async def tally(self, *, repair: bool = False) -> Tallied:
        """Counts everything, which scans; with `repair` sets the counter and removes the stray rows, in one
        transaction. Returns what was found before.
        """
        ...
