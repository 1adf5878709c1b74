"""The SKS digest, by which keyservers compare certificates (shared by SKS and Hockeypuck)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from .packets import Packet, Tag

__all__ = ["sks_digest"]


def sks_digest(packets: Iterable[Packet]) -> str:
    """32 lower-case hexadecimal digits.

    MD5 over all packets sorted by type, then body: each as type and length (both four octets, big-endian) and body.
    Trust packets do not count; framing and order do not matter; a packet that is there twice counts twice.
    """
    parts: list[bytes] = []
    for tag, body in sorted(packets):
        if tag != Tag.TRUST:
            parts += (tag << 32 | len(body)).to_bytes(8, "big"), body
    return hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
