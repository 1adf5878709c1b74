"""People with keys who make any packet wanted, true or false; shares no code with what is tested."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["Item", "Owner", "packet", "subpacket"]

_OID = bytes.fromhex("2b06010401da470f01")
CREATED = 1_500_000_000

Item = tuple[int, bytes]
"""A packet as (type, body)."""


def packet(tag: int, body: bytes) -> bytes:
    """With a five-octet length, which is never the shortest for what these tests write."""
    return bytes((0xC0 | tag, 0xFF)) + len(body).to_bytes(4, "big") + body


def subpacket(kind: int, value: bytes, *, critical: bool = False) -> bytes:
    """With a one-octet length: at most 190 bytes."""
    return bytes((len(value) + 1, kind | (0x80 if critical else 0))) + value


def _mpi(value: bytes) -> bytes:
    number = int.from_bytes(value, "big")
    return number.bit_length().to_bytes(2, "big") + number.to_bytes((number.bit_length() + 7) // 8, "big")


@dataclass
class Owner:
    """A key pair, Ed25519 of version 4; the same `seed` makes the same keys, and Ed25519 makes the same signatures."""

    seed: str
    created: int = CREATED
    key: Ed25519PrivateKey = field(init=False)
    body: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(self.seed.encode()).digest())
        point = b"\x40" + self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.body = (
            b"\x04" + self.created.to_bytes(4, "big") + b"\x16" + bytes((len(_OID),)) + _OID + b"\x01\x07" + point
        )

    @property
    def framed(self) -> bytes:
        """As it is hashed."""
        return b"\x99" + len(self.body).to_bytes(2, "big") + self.body

    @property
    def fingerprint(self) -> str:
        """40 digits."""
        return hashlib.sha1(self.framed, usedforsecurity=False).hexdigest()

    @property
    def primary(self) -> Item:
        """The primary key packet."""
        return 6, self.body

    def sign(
        self,
        kind: int,
        scope: bytes,
        *,
        at: int | None = None,
        hashed: bytes = b"",
        unhashed: bytes | None = None,
        spoil: bool = False,
        prefix: bytes | None = None,
    ) -> Item:
        """A version 4 signature over `scope`; `spoil` makes it false, `prefix` replaces the digest's octets."""
        area = subpacket(2, (self.created if at is None else at).to_bytes(4, "big")) + hashed
        foot = subpacket(33, b"\x04" + bytes.fromhex(self.fingerprint)) if unhashed is None else unhashed
        head = bytes((4, kind, 22, 8)) + len(area).to_bytes(2, "big") + area
        digest = hashlib.sha256(scope + head + b"\x04\xff" + len(head).to_bytes(4, "big")).digest()
        value = self.key.sign(digest[::-1] if spoil else digest)
        shown = digest[:2] if prefix is None else prefix
        return 2, head + len(foot).to_bytes(2, "big") + foot + shown + _mpi(value[:32]) + _mpi(value[32:])

    def about(self, text: str | bytes) -> bytes:
        """What a signature about one of this owner's user ids hashes."""
        raw = text.encode() if isinstance(text, str) else text
        return self.framed + b"\xb4" + len(raw).to_bytes(4, "big") + raw

    def user_id(self, text: str | bytes, *, at: int | None = None, hashed: bytes = b"") -> list[Item]:
        """A user id and the certification that binds it."""
        raw = text.encode() if isinstance(text, str) else text
        return [(13, raw), self.sign(0x13, self.about(raw), at=at, hashed=hashed)]

    def revoke_user_id(self, text: str, *, at: int | None = None) -> Item:
        """The revocation of a user id."""
        return self.sign(0x30, self.about(text), at=at)

    def certify(self, other: Owner, text: str, *, at: int | None = None, spoil: bool = False) -> Item:
        """A certification of somebody else's user id."""
        return self.sign(0x10, other.about(text), at=at, spoil=spoil)

    def subkey(self, other: Owner, *, signing: bool = False, back: bool = True, at: int | None = None) -> list[Item]:
        """Another owner's key as a subkey, bound; a signing one signs back unless `back` is unset."""
        scope = self.framed + other.framed
        hashed = subpacket(27, b"\x02" if signing else b"\x04")
        if signing and back:
            hashed += subpacket(32, other.sign(0x19, scope)[1])
        return [(14, other.body), self.sign(0x18, scope, at=at, hashed=hashed)]

    def revocation(self, *, reason: int | None = None, at: int | None = None) -> Item:
        """The revocation of the key."""
        hashed = b"" if reason is None else subpacket(29, bytes((reason,)))
        return self.sign(0x20, self.framed, at=at, hashed=hashed)

    def certificate(self, *items: Item | list[Item]) -> bytes:
        """The primary key and these packets, as bytes."""
        flat: list[Item] = [self.primary]
        for item in items:
            flat += item if isinstance(item, list) else [item]
        return b"".join(packet(tag, body) for tag, body in flat)
