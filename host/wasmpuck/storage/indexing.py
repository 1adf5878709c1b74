"""Which texts certificates are found by: what a server does not answer it need not index."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["EVERYTHING", "Indexing", "mark_of", "warn_of"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Indexing:
    """Whether certificates are found by the `words` of their user ids and by the `domains` of their addresses.

    Half of a usual certificate's index is for these. A database remembers under `mark_of` what a store that worked on
    it has not indexed, until `reindex` has made up for that.
    """

    words: bool = True
    domains: bool = True

    @property
    def marks(self) -> tuple[str, ...]:
        """Of what is not indexed."""
        return tuple(mark_of(kind) for kind in ("words", "domains") if not getattr(self, kind))

    @property
    def covers(self) -> tuple[str, ...]:
        """The marks that are of no concern once everything is indexed anew."""
        return tuple(mark_of(kind) for kind in ("words", "domains") if getattr(self, kind))


EVERYTHING = Indexing()


def mark_of(kind: str) -> str:
    """The name of the counter that says that some certificates may lack `words` or `domains` in the index."""
    return f"without-{kind}"


def warn_of(marks: Iterable[str]) -> None:
    """Tells the operator what will not be found."""
    for mark in marks:
        _LOG.warning(
            "certificates that were stored while search.%s was off are not found that way: run wasmpuck reindex",
            mark.removeprefix("without-"),
        )
