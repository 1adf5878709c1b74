"""Summaries as bytes: JSON, deflated against a dictionary of what summaries have in common.

A summary repeats the names of its fields for each key and user id; as plain JSON it is larger than a small certificate.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

__all__ = ["pack", "unpack"]

# The first byte of a packed summary says which dictionary it needs. A dictionary is never changed, only succeeded:
# what is stored was packed with it. What occurs most stands last.
_DICTIONARIES: tuple[bytes, ...] = (
    b'"rsa1024""rsa3072""x25519","ed25519""ecdsa_P256""ecdh_P256""dsa1024""elgE2048""rsa2048",":1,"name":"rsa4096",'
    b'"bits":4096,"curve":null,":22,"name":"eddsa_Curve25519","bits":263,"curve":"Curve25519","created":15"created":16'
    b'"created":17:18,"name":"ecdh_Curve25519","bits":263,"curve":"Curve25519","created":17,"expires":18,"expires":17'
    b',"revoked":true,"primary":true}@gmail.com>","email":"gmail.com","@debian.org>","email":"debian.org","'
    b'{"version":6,"fingerprint":"{"version":4,"fingerprint":"","key_id":"","algorithm":1,"name":"rsa4096","bits":4096,'
    b'"curve":null,"created":16,"expires":null,"revoked":false,"md5":"","size":,"signatures":,"user_ids":[{"text":"'
    b' <@>","email":"@","created":16,"expires":null,"revoked":false,"primary":false},{"text":" <@>","email":"@",'
    b'"created":,"expires":null,"revoked":false,"primary":false}],"subkeys":[{"version":4,"fingerprint":"","key_id":"",'
    b'"algorithm":18,"name":"ecdh_Curve25519","bits":263,"curve":"Curve25519","created":,"expires":null,"revoked":false}]}',
)
_CURRENT = len(_DICTIONARIES) - 1


def pack(summary: dict[str, Any]) -> bytes:
    """A summary of JSON values as bytes."""
    text = json.dumps(summary, ensure_ascii=False, separators=(",", ":"))
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 8, zlib.Z_DEFAULT_STRATEGY, _DICTIONARIES[_CURRENT])
    return bytes((_CURRENT,)) + deflate.compress(text.encode()) + deflate.flush()


def unpack(packed: bytes) -> dict[str, Any]:
    """What `pack` was given. Raises ValueError for other bytes."""
    try:
        inflate = zlib.decompressobj(-15, _DICTIONARIES[packed[0]])
        summary: dict[str, Any] = json.loads(inflate.decompress(packed[1:]))
    except (IndexError, zlib.error) as error:
        raise ValueError("not a packed summary") from error
    return summary
