"""What clients of the legacy protocol can read: certificates up to version 4, with user ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wasmpuck.errors import NotFound
from wasmpuck.openpgp.certificate import Certificate
from wasmpuck.openpgp.packets import Tag, read_header
from wasmpuck.openpgp.signatures import SignatureType

if TYPE_CHECKING:
    from wasmpuck.storage.protocol import Record

__all__ = ["legacy", "served_to_legacy"]

_LONGEST_FINGERPRINT = 40
"""Hexadecimal digits of a version 4 fingerprint (RFC 9580 §5.5.4.2); version 6 has 64."""


def legacy(records: Sequence[Record]) -> list[Record]:
    """Those up to version 4. Raises `NotFound` where there is none among them."""
    kept = [record for record in records if len(record.fingerprint) <= _LONGEST_FINGERPRINT]
    if not kept:
        raise NotFound(
            "only keys newer than version 4 match this search",
            hint="Old clients cannot read them, so they are only given with options=bin.",
        )
    return kept


def served_to_legacy(records: Sequence[Record]) -> bytes:
    """The certificates' bytes; those that gpg could not import come first, as bare revocations.

    gpg discards a certificate without user ids, and with it the news that the key is revoked. The revocation signature
    alone (RFC 9580 §5.2.1.11) does reach a copy that it has.
    """
    bare = [record for record in records if _is_nameless(record.data) and _is_revoked(record)]
    if not bare:
        return records[0].data if len(records) == 1 else b"".join([record.data for record in records])
    revocations = [
        bytes(signature.packet)
        for record in bare
        for signature in Certificate.parse(record.data).direct
        if signature.type == SignatureType.KEY_REVOCATION
    ]
    return b"".join([*revocations, *(record.data for record in records if record not in bare)])


def _is_revoked(record: Record) -> bool:
    try:
        return bool(record.summary["revoked"])
    except ValueError:  # a damaged summary must not hide the certificate, nor the others of the answer
        return False


def _is_nameless(data: bytes) -> bool:
    """Whether a certificate in canonical order has no user id: those come before anything but direct signatures.

    Spares the common look-up the decoding of its summary.
    """
    offset = 0
    while header := read_header(data, offset):
        tag, start, size = header
        if tag not in (Tag.PUBLIC_KEY, Tag.SIGNATURE):
            return tag != Tag.USER_ID
        offset = start + size
    return True
