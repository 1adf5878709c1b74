"""Signature packets (RFC 9580 §5.2; version 5: draft-koch-librepgp §5.2.4): versions 3 to 6, as far as needed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from .algorithms import POST_QUANTUM, Algorithm
from .fields import Cut, Unparseable
from .packets import Packet, Tag
from .subpackets import Subpackets

__all__ = ["CERTIFICATIONS", "Signature", "SignatureType", "confirmed", "parse_back_signature", "parse_signature"]


class SignatureType(IntEnum):
    """The types that have a place in a certificate (§5.2.1)."""

    GENERIC_CERTIFICATION = 0x10
    PERSONA_CERTIFICATION = 0x11
    CASUAL_CERTIFICATION = 0x12
    POSITIVE_CERTIFICATION = 0x13
    ATTESTATION = 0x16
    SUBKEY_BINDING = 0x18
    PRIMARY_KEY_BINDING = 0x19
    DIRECT_KEY = 0x1F
    KEY_REVOCATION = 0x20
    SUBKEY_REVOCATION = 0x28
    CERTIFICATION_REVOCATION = 0x30


CERTIFICATIONS = frozenset((0x10, 0x11, 0x12, 0x13))

_CLASSIC = frozenset((Algorithm.RSA, Algorithm.RSA_SIGN, Algorithm.DSA))
_CURVES = frozenset((Algorithm.ECDSA, Algorithm.EDDSA_LEGACY, Algorithm.ED25519, Algorithm.ED448))
_POST_QUANTUM_SIGNERS = frozenset(number for number, known in POST_QUANTUM.items() if known.signature)
_SIGNERS = {
    3: _CLASSIC,
    4: _CLASSIC | _CURVES,
    5: _CLASSIC | _CURVES,
    6: _CLASSIC | _CURVES | _POST_QUANTUM_SIGNERS,  # draft-ietf-openpgp-pqc-15 §5.3.1, §6.2.1: version 6 only
}
_ONE_NUMBER = frozenset((Algorithm.RSA, Algorithm.RSA_SIGN))
_NATIVE: dict[int, tuple[int, ...]] = {
    Algorithm.ED25519: (64,),
    Algorithm.ED448: (114,),
    **{number: known.signature for number, known in POST_QUANTUM.items() if known.signature},
}
_SALTS = {8: 16, 9: 24, 10: 32, 11: 16, 12: 16, 14: 32}  # hash → octets of salt in version 6 (§9.5)
_SHA224 = 11
# MD5 (1) only in version 3, SHA-1 (2) and RIPEMD-160 (3) not in newer ones than 4.
_HASHES = {3: {1, 2, 3, *_SALTS}, 4: {2, 3, *_SALTS}, 5: {*_SALTS}, 6: {*_SALTS}}


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature. Times are seconds since 1970, lifetimes seconds; 0 or None mean that nothing was said.

    `attested` are the values of attested certifications subpackets (draft-dkg-openpgp-1pa3pc), `values` the numbers or
    octets of the signature proper.

    `issuers` holds the key ids (16 digits) and fingerprints that it names, hashed or not. `prefix` are the two
    octets that a true signature's digest starts with. `trailer` is what the hash ends with and `salt` what it begins
    with (§5.2.4).
    """

    packet: Packet
    version: int
    type: int
    algorithm: int
    hash: int
    created: int
    issuers: frozenset[str]
    prefix: bytes
    salt: bytes
    trailer: bytes
    values: tuple[bytes, ...]
    exportable: bool = True
    lifetime: int = 0
    key_lifetime: int | None = None
    primary_user_id: bool = False
    flags: int | None = None
    reason: int | None = None
    back_signatures: tuple[bytes, ...] = ()
    attested: tuple[bytes, ...] = ()

    def issued_by(self, fingerprint: str, key_id: str) -> bool:
        """Whether it names this key as its issuer. Says nothing about being true."""
        return fingerprint in self.issuers or key_id in self.issuers

    @property
    def revokes(self) -> bool:
        """Whether it takes something back."""
        return self.type in (0x20, 0x28, 0x30)

    @property
    def expires(self) -> int | None:
        """When the signature itself ends."""
        return self.created + self.lifetime if self.lifetime else None


def parse_signature(packet: Packet) -> Signature:
    """Reads a packet of type 2. Raises `Unparseable` unless every byte of it is understood.

    That includes an unknown critical subpacket (§5.2.3.7) and a signature that does not name its issuer.
    """
    body = packet.body
    if len(body) < 10:
        raise Cut("too short for a signature")
    version = body[0]
    if version == 3:
        return _parse_v3(packet)
    if not 4 <= version <= 6:
        raise Unparseable(f"signature version {version}")
    algorithm, hash_ = body[2], body[3]
    _check_algorithms(version, algorithm, hash_)
    octets = 4 if version == 6 else 2  # of the lengths of both areas
    end = 4 + octets + int.from_bytes(body[4 : 4 + octets], "big")
    start = end + octets
    offset = start + int.from_bytes(body[end:start], "big")
    if offset + 2 > len(body):
        raise Cut("the subpackets are cut off")
    known = Subpackets(version)
    known.read(body, 4 + octets, end, trusted=True)
    known.read(body, start, offset, trusted=False)
    if known.created is None:
        raise Unparseable("no creation time")
    if not known.issuers:
        raise Unparseable("no issuer")
    prefix = body[offset : offset + 2]
    offset += 2
    salt = b""
    if version == 6:
        size = _SALTS[hash_]
        salt = body[offset + 1 : offset + 1 + size]
        if body[offset : offset + 1] != bytes((size,)) or len(salt) != size:
            raise Unparseable("wrong size of the salt")
        offset += 1 + size
    return Signature(
        packet,
        version,
        body[1],
        algorithm,
        hash_,
        known.created,
        frozenset(known.issuers),
        prefix,
        salt,
        body[:end] + bytes((version, 0xFF)) + end.to_bytes(8 if version == 5 else 4, "big"),
        _values(body, offset, algorithm),
        known.exportable,
        known.lifetime,
        known.key_lifetime,
        known.primary_user_id,
        known.flags,
        known.reason,
        tuple(known.back_signatures),
        tuple(known.attested),
    )


def _parse_v3(packet: Packet) -> Signature:
    body = packet.body
    if len(body) < 19:
        raise Cut("too short for a signature of version 3")
    if body[1] != 5:
        raise Unparseable("wrong length of the hashed part")
    algorithm, hash_ = body[15], body[16]
    _check_algorithms(3, algorithm, hash_)
    return Signature(
        packet,
        3,
        body[2],
        algorithm,
        hash_,
        int.from_bytes(body[3:7], "big"),
        frozenset((body[7:15].hex(),)),
        body[17:19],
        b"",
        body[2:7],
        _values(body, 19, algorithm),
    )


def _check_algorithms(version: int, algorithm: int, hash_: int) -> None:
    if algorithm not in _SIGNERS[version]:
        raise Unparseable(f"signature algorithm {algorithm} in version {version}")
    if hash_ not in _HASHES[version]:
        raise Unparseable(f"hash algorithm {hash_} in version {version}")
    if algorithm in POST_QUANTUM and hash_ == _SHA224:
        raise Unparseable("a hash too short for a post-quantum signature")  # draft-ietf-openpgp-pqc-15 §9.4


def _values(body: bytes, offset: int, algorithm: int) -> tuple[bytes, ...]:
    values: list[bytes] = []
    sizes = _NATIVE.get(algorithm)
    if sizes:
        for size in sizes:
            values.append(body[offset : offset + size])
            offset += size
    else:
        for _ in range(1 if algorithm in _ONE_NUMBER else 2):
            start = offset + 2
            offset = start + ((int.from_bytes(body[offset:start], "big") + 7) >> 3)
            values.append(body[start:offset])
    if offset != len(body):
        raise Unparseable("too many or too few bytes behind the subpackets")
    return tuple(values)


def parse_back_signature(body: bytes) -> Signature:
    """An embedded signature (§5.2.3.34): the body of a packet without its framing."""
    return parse_signature(Packet(Tag.SIGNATURE, body))


def confirmed(signature: Signature) -> bytes:
    """The signature as somebody hashes it who signs or attests it (§5.2.4): without what is in its unhashed area."""
    body = signature.packet.body
    if signature.version > 3:
        octets = 4 if signature.version == 6 else 2
        end = 4 + octets + int.from_bytes(body[4 : 4 + octets], "big")
        rest = end + octets + int.from_bytes(body[end : end + octets], "big")
        body = body[:end] + bytes(octets) + body[rest:]
    return b"\x88" + len(body).to_bytes(4, "big") + body
