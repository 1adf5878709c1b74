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
    hashed = hashlib.md5(usedforsecurity=False)
    for packet in sorted(packets):
        if packet.tag != Tag.TRUST:
            hashed.update(packet.tag.to_bytes(4, "big") + len(packet.body).to_bytes(4, "big"))
            hashed.update(packet.body)
    return hashed.hexdigest()
