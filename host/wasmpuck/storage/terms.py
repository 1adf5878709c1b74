"""What certificates are searched by, as 64-bit numbers: one narrow index instead of one for each kind of text.

A number is a hash, so two texts could share one: by chance in one of 2^64, and made on purpose with as much work. For
texts nothing is gained by it, since anybody may put any text into a user id of a key of their own; keys are compared
in full after the index found them (`Index.keys`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

from .derived import derived
from .indexing import EVERYTHING, Indexing
from .values import Entry, Query

if TYPE_CHECKING:
    from wasmpuck.openpgp.ingest import Prepared

__all__ = ["Index", "index_of", "join", "named", "split", "term", "terms_of_fingerprint", "terms_of_query"]

TermKind = Literal["fingerprint", "key-id", "identity", "word", "domain"]

_PERSON: dict[str, bytes] = {
    "fingerprint": b"f",
    "key-id": b"k",
    "identity": b"i",
    "word": b"w",
    "domain": b"d",
}
_KINDS: dict[str, TermKind] = {"identity": "identity", "words": "word", "domain": "domain"}


def term(kind: TermKind, value: str | bytes) -> int:
    """A signed 64-bit number for a text, or for the bytes of a fingerprint or of a key id's last 4 octets."""
    data = value.lower().encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return int.from_bytes(blake2b(data, digest_size=8, person=_PERSON[kind]).digest(), "big", signed=True)


def terms_of_query(query: Query) -> list[int]:
    """The numbers that a certificate must all have; empty for a query without values."""
    return list(dict.fromkeys(term(_KINDS[query.kind], value) for value in query.values))


@dataclass(frozen=True, slots=True)
class Index:
    """What is kept beside a certificate so that it is found.

    `terms` ascend and have no duplicates. `keys` are the fingerprints of subkeys, and the key ids that are no part
    of their own fingerprint: together with the primary fingerprint they hold the bytes of all that may be asked for.
    """

    terms: tuple[int, ...]
    keys: bytes


def index_of(entry: Entry | Prepared, indexing: Indexing = EVERYTHING) -> Index:
    """The numbers and key bytes of a certificate."""
    terms: set[int] = set()
    keys = bytearray()
    primary = bytes.fromhex(entry.fingerprint)
    for digits, key_digits in dict(entry.keys).items():
        fingerprint, key_id = bytes.fromhex(digits), bytes.fromhex(key_digits)
        if fingerprint != primary:
            keys += fingerprint
            if key_id[-4:] != _short_id(fingerprint):
                terms.add(term("fingerprint", fingerprint))
        if key_id not in fingerprint:
            keys += key_id
        terms.add(term("key-id", key_id[-4:]))
    terms.update(term("identity", value) for value in entry.identities)
    if indexing.words:
        terms.update(term("word", value) for value in entry.words)
    if indexing.domains:
        terms.update(term("domain", value) for value in entry.domains)
    return Index(tuple(sorted(terms)), bytes(keys))


def terms_of_fingerprint(fingerprint: bytes) -> tuple[int, int]:
    """A certificate with this key has one of them: that of the key id, or, where that is another, of all octets."""
    return term("key-id", _short_id(fingerprint)), term("fingerprint", fingerprint)


def _short_id(fingerprint: bytes) -> bytes:
    """4 octets of the key id, which ends a fingerprint of version 4 and begins later ones (RFC 9580 §5.5.4)."""
    return fingerprint[4:8] if len(fingerprint) == 32 else fingerprint[-4:]


def join(terms: Iterable[int]) -> bytes:
    """Numbers as 8 bytes each."""
    given = tuple(terms)
    return struct.pack(f">{len(given)}q", *given)


def split(data: bytes) -> tuple[int, ...]:
    """What `join` was given."""
    return struct.unpack(f">{len(data) // 8}q", data)


def named(kept: bytes, data: bytes, fingerprint: bytes) -> frozenset[int] | None:
    """All numbers that a certificate may be indexed by, from what is `kept` beside its bytes; None, if it is damaged.

    Where nothing is kept they follow from the bytes, words and domains among them, whether they are indexed or not.
    """
    if kept:
        return frozenset(split(kept)) if len(kept) % 8 == 0 else None
    with suppress(ValueError):
        made = derived(data)
        if made.fingerprint == fingerprint.hex():
            return frozenset(index_of(made).terms)
    return None
