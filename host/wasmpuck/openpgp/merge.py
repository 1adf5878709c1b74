"""Merging two states of one certificate: the union of their packets, component by component."""

from __future__ import annotations

from .certificate import Certificate

__all__ = ["merge"]


def merge(one: Certificate, other: Certificate) -> Certificate:
    """A certificate with every packet of both, each once within its component.

    Commutative, associative and idempotent; drops nothing. Raises ValueError for different primary keys.
    """
    if one.primary.packet != other.primary.packet:
        raise ValueError("two different certificates cannot be merged")
    return Certificate.assemble(
        one.primary,
        one.direct + other.direct,
        [(item.packet, item.signatures) for item in one.user_ids + other.user_ids],
        [(item.key, item.signatures) for item in one.subkeys + other.subkeys],
    )
