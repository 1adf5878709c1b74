"""Any number of people's certificates as gpg makes them by default, the same ones for the same seed.

`python -m vectors.population 20000 > keyring.pgp` writes them one after the other.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vectors.owner import CREATED, Item, Owner, subpacket

__all__ = ["keyring", "people", "person"]

_CURVE25519 = bytes.fromhex("2b060104019755010501")
_KDF = bytes.fromhex("03010807")
# Key flags, and what gpg 2.2 states as preferences and features.
_PRIMARY = (
    subpacket(27, b"\x03")
    + subpacket(11, bytes.fromhex("09080703"))
    + subpacket(21, bytes.fromhex("0a09080b"))
    + subpacket(22, bytes.fromhex("020301"))
    + subpacket(30, b"\x01")
    + subpacket(23, b"\x80")
)
_SECOND_NAME_EVERY = 10
_CERTIFIED_EVERY = 5


def _framed(item: Item) -> bytes:
    """In the old format with the shortest length, as gpg writes (RFC 9580 §4.2.2)."""
    tag, body = item
    if len(body) < 256:
        return bytes((0x80 | tag << 2, len(body))) + body
    return bytes((0x81 | tag << 2,)) + len(body).to_bytes(2, "big") + body


def _encryption_subkey(owner: Owner) -> list[Item]:
    secret = X25519PrivateKey.from_private_bytes(hashlib.sha256(f"subkey of {owner.seed}".encode()).digest())
    point = b"\x40" + secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    head = b"\x04" + owner.created.to_bytes(4, "big") + b"\x12" + bytes((len(_CURVE25519),)) + _CURVE25519
    body = head + b"\x01\x07" + point + _KDF
    scope = owner.framed + b"\x99" + len(body).to_bytes(2, "big") + body
    return [(14, body), owner.sign(0x18, scope, hashed=subpacket(27, b"\x0c"))]


def person(number: int, seed: str = "population") -> bytes:
    """The certificate of one of them: Ed25519, a Curve25519 subkey to encrypt to, one or two user ids.

    Every tenth has two; every fifth is certified by its neighbour below.
    """
    owner = Owner(f"{seed} {number}", created=CREATED + number)
    name = f"Person {number} of {seed.capitalize()} <person{number}@{seed}.example>"
    items = [owner.primary, *owner.user_id(name, hashed=_PRIMARY)]
    if number % _CERTIFIED_EVERY == 1:
        neighbour = Owner(f"{seed} {number - 1}", created=CREATED + number - 1)
        items.append(neighbour.certify(owner, name, at=CREATED + number))
    if number % _SECOND_NAME_EVERY == 0:
        items += owner.user_id(f"P. {number} <p{number}@work.example>", hashed=_PRIMARY)
    return b"".join(map(_framed, [*items, *_encryption_subkey(owner)]))


def people(count: int, seed: str = "population", first: int = 0) -> Iterator[bytes]:
    """The certificates of people `first` to `first + count - 1`."""
    return (person(number, seed) for number in range(first, first + count))


def keyring(count: int, seed: str = "population", first: int = 0) -> bytes:
    """Their certificates as one binary keyring."""
    return b"".join(people(count, seed, first))


if __name__ == "__main__":
    for certificate in people(int(sys.argv[1])):
        sys.stdout.buffer.write(certificate)
