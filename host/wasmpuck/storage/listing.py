"""Summaries as bytes: JSON, deflated against a dictionary of what summaries have in common, and the certificate.

A summary repeats the names of its fields for each key and user id, and user ids that stand in the certificate; as
plain JSON it is larger than a small certificate.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

__all__ = ["Context", "pack", "unpack"]


@dataclass(frozen=True, slots=True)
class Context:
    """What is stored beside a summary and therefore known when it is unpacked."""

    fingerprint: str
    md5: str
    data: bytes

    @property
    def octets(self) -> bytes:
        """The end of the dictionary; user ids are in the certificate's own bytes."""
        return self.data[:_CONTEXT_BYTES] + f'"{self.md5}""{self.fingerprint}"'.encode()


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
# Set in the first byte where the certificate itself was the dictionary's end.
_IN_CONTEXT = 0x80
# The user ids that matter stand at a certificate's beginning; a longer dictionary costs more time than it saves room.
_CONTEXT_BYTES = 4096


def pack(summary: dict[str, Any], context: Context | None = None) -> bytes:
    """A summary of JSON values as bytes. What the `context` holds need not be repeated."""
    text = json.dumps(summary, ensure_ascii=False, separators=(",", ":"))
    dictionary = _DICTIONARIES[_CURRENT] if context is None else _DICTIONARIES[_CURRENT] + context.octets
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 8, zlib.Z_DEFAULT_STRATEGY, dictionary)
    head = _CURRENT if context is None else _CURRENT | _IN_CONTEXT
    return bytes((head,)) + deflate.compress(text.encode()) + deflate.flush()


def unpack(packed: bytes, context: Context | None = None) -> dict[str, Any]:
    """What `pack` was given, in the context that it had. Raises ValueError for other bytes."""
    try:
        dictionary = _DICTIONARIES[packed[0] & ~_IN_CONTEXT]
        if packed[0] & _IN_CONTEXT:
            dictionary += context.octets if context is not None else b""
        inflate = zlib.decompressobj(-15, dictionary)
        summary: dict[str, Any] = json.loads(inflate.decompress(packed[1:]))
    except (IndexError, zlib.error) as error:
        raise ValueError("not a packed summary") from error
    return summary
