"""Listings for programs, kept in memory: unpacking what they say and writing it down is most of their own time."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

from wasmpuck.errors import StorageUnavailable
from wasmpuck.http import formats
from wasmpuck.http.caching import entity_tag
from wasmpuck.http.shelf import Rendered, Shelf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wasmpuck.storage.protocol import Record

__all__ = ["Listings", "summaries_of"]

_log = logging.getLogger("wasmpuck.http")


def summaries_of(records: Sequence[Record]) -> list[dict[str, Any]]:
    """What to list; a record that cannot be read any more is left out and logged, so that it does not hide others.

    Raises `StorageUnavailable` where none can be read.
    """
    summaries = []
    for record in records:
        try:
            summaries.append(record.summary)
        except ValueError:
            _log.error("the stored summary of %s cannot be read: run wasmpuck reindex", record.fingerprint)
    if records and not summaries:
        raise StorageUnavailable("The stored summaries cannot be read.", hint="Run wasmpuck reindex.")
    return summaries


class Listings:
    """Renders listings, or finds them on the shelf. `cut`: records are not shown as they are stored."""

    def __init__(self, shelf: Shelf, *, cut: bool) -> None:
        self._shelf = shelf
        self._cut = cut

    def machine_readable(self, records: Sequence[Record], now: float) -> Rendered:
        """The listing that gpg reads. `since` is when the last part of it expired that has, 0 if none has."""
        name = entity_tag(records, "m", cut=self._cut)
        kept = self._shelf.get(name)
        if kept is not None and kept.holds(now):
            return kept
        summaries = summaries_of(records)
        ends = [end for summary in summaries for end in formats.ends(summary)]
        over = [end for end in ends if end <= now]
        made = Rendered(
            formats.machine_readable(summaries, now).encode(),
            entity_tag(records, f"m{len(over)}.", cut=self._cut),
            max(over, default=0.0),
            min((end for end in ends if end > now), default=math.inf),
        )
        self._keep(name, made, complete=len(summaries) == len(records))
        return made

    def json(self, records: Sequence[Record]) -> Rendered:
        """The listing as JSON, which does not depend on the time."""
        tag = entity_tag(records, "j", cut=self._cut)
        kept = self._shelf.get(tag)
        if kept is not None:
            return kept
        summaries = summaries_of(records)
        made = Rendered(formats.listing_json(summaries).encode(), tag)
        self._keep(tag, made, complete=len(summaries) == len(records))
        return made

    def _keep(self, name: str, made: Rendered, *, complete: bool) -> None:
        if complete:  # what is left out may be mended without a change of the certificate
            self._shelf.put(name, made)
