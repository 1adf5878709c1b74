"""What is not stored because the bytes of a certificate say it: summary and index terms of small ones.

Beside a certificate of some hundred bytes its summary and the list of its terms take half as much again. Making them
costs 0.1 ms, ten times as much as unpacking; listings are kept (`http.listings`), and larger certificates keep both.
"""

from __future__ import annotations

from typing import Any

from wasmpuck.openpgp import MalformedPacket, Unparseable
from wasmpuck.openpgp.ingest import Prepared, derive

__all__ = ["SMALL", "derived", "derived_summary"]

SMALL = 1024
"""Bytes of the largest certificate of which nothing is kept that can be derived."""


def derived(data: bytes) -> Prepared:
    """What follows from the bytes of a stored certificate. Raises ValueError where they are none."""
    try:
        return derive(data)
    except (MalformedPacket, Unparseable) as error:
        raise ValueError("not a certificate") from error


def derived_summary(data: bytes) -> dict[str, Any]:
    """The summary that was given with these bytes. Raises ValueError where they are no certificate."""
    return derived(data).summary
