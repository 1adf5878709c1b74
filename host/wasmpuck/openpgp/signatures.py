"""Signature packets (RFC 9580 §5.2): versions 3, 4 and 6, read as far as a keyserver needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from .algorithms import Algorithm
from .fields import Fields, Unparseable
from .packets import Packet, Tag

__all__ = ["CERTIFICATIONS", "Signature", "SignatureType", "parse_signature"]


class SignatureType(IntEnum):
    """The types that have a place in a certificate (§5.2.1)."""

    GENERIC_CERTIFICATION = 0x10
    PERSONA_CERTIFICATION = 0x11
    CASUAL_CERTIFICATION = 0x12
    POSITIVE_CERTIFICATION = 0x13
    SUBKEY_BINDING = 0x18
    PRIMARY_KEY_BINDING = 0x19
    DIRECT_KEY = 0x1F
    KEY_REVOCATION = 0x20
    SUBKEY_REVOCATION = 0x28
    CERTIFICATION_REVOCATION = 0x30


CERTIFICATIONS = frozenset((0x10, 0x11, 0x12, 0x13))

# Subpackets (§5.2.3.7) that an implementation can be told are critical. 2..12 and so on are all that the standard
# defines; 34 and 35 (preferred AEAD ciphers, intended recipient) included.
_KNOWN = frozenset(
    (2, 3, 4, 5, 6, 7, 9, 11, 12, 16, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 39)
)
_SIGNERS = frozenset(
    (
        Algorithm.RSA,
        Algorithm.RSA_SIGN,
        Algorithm.DSA,
        Algorithm.ECDSA,
        Algorithm.EDDSA_LEGACY,
        Algorithm.ED25519,
        Algorithm.ED448,
    )
)
_NATIVE = {Algorithm.ED25519: 64, Algorithm.ED448: 114}
_SALTS = {8: 16, 9: 24, 10: 32, 11: 16, 12: 16, 14: 32}  # hash → octets of salt in version 6 (§9.5)
_MAX_SUBPACKETS = 1000


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature. Times are seconds since 1970, lifetimes seconds; 0 or None mean that nothing was said.

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
    fields = Fields(packet.body)
    version = fields.number(1)
    if version == 3:
        return _parse_v3(packet, fields)
    if version not in (4, 6):
        raise Unparseable(f"signature version {version}")
    type_, algorithm, hash_ = fields.number(1), fields.number(1), fields.number(1)
    _check_algorithms(version, algorithm, hash_)
    length = 2 if version == 4 else 4
    hashed = fields.take(fields.number(length))
    end = fields.offset
    unhashed = fields.take(fields.number(length))
    prefix = fields.take(2)
    salt = b""
    if version == 6:
        salt = fields.take(fields.number(1))
        if len(salt) != _SALTS[hash_]:
            raise Unparseable("wrong size of the salt")
    values = _values(fields, algorithm)
    known = _Subpackets(version)
    known.read(hashed, trusted=True)
    known.read(unhashed, trusted=False)
    if known.created is None:
        raise Unparseable("no creation time")
    if not known.issuers:
        raise Unparseable("no issuer")
    return Signature(
        packet=packet,
        version=version,
        type=type_,
        algorithm=algorithm,
        hash=hash_,
        created=known.created,
        issuers=frozenset(known.issuers),
        prefix=prefix,
        salt=salt,
        trailer=packet.body[:end] + bytes((version, 0xFF)) + end.to_bytes(4, "big"),
        values=values,
        exportable=known.exportable,
        lifetime=known.lifetime,
        key_lifetime=known.key_lifetime,
        primary_user_id=known.primary_user_id,
        flags=known.flags,
        reason=known.reason,
        back_signatures=tuple(known.back_signatures),
    )


def _parse_v3(packet: Packet, fields: Fields) -> Signature:
    if fields.number(1) != 5:
        raise Unparseable("wrong length of the hashed part")
    trailer = fields.take(5)
    key_id = fields.take(8).hex()
    algorithm, hash_ = fields.number(1), fields.number(1)
    _check_algorithms(3, algorithm, hash_)
    return Signature(
        packet=packet,
        version=3,
        type=trailer[0],
        algorithm=algorithm,
        hash=hash_,
        created=int.from_bytes(trailer[1:], "big"),
        issuers=frozenset((key_id,)),
        prefix=fields.take(2),
        salt=b"",
        trailer=trailer,
        values=_values(fields, algorithm),
    )


def _check_algorithms(version: int, algorithm: int, hash_: int) -> None:
    if algorithm not in _SIGNERS:
        raise Unparseable(f"signature algorithm {algorithm}")
    if version == 3 and algorithm not in (Algorithm.RSA, Algorithm.RSA_SIGN, Algorithm.DSA):
        raise Unparseable(f"signature algorithm {algorithm} in version 3")
    weak = {3: (1, 2, 3), 4: (2, 3), 6: ()}[version]
    if hash_ not in _SALTS and hash_ not in weak:
        raise Unparseable(f"hash algorithm {hash_}")


def _values(fields: Fields, algorithm: int) -> tuple[bytes, ...]:
    native = _NATIVE.get(Algorithm(algorithm))
    if native:
        values: tuple[bytes, ...] = (fields.take(native),)
    elif algorithm in (Algorithm.RSA, Algorithm.RSA_SIGN):
        values = (fields.mpi(),)
    else:
        values = (fields.mpi(), fields.mpi())
    fields.finish()
    return values


class _Subpackets:
    """Collects from both areas; only the hashed one may say anything but the issuer and a back signature."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.created: int | None = None
        self.issuers: set[str] = set()
        self.exportable = True
        self.lifetime = 0
        self.key_lifetime: int | None = None
        self.primary_user_id = False
        self.flags: int | None = None
        self.reason: int | None = None
        self.back_signatures: list[bytes] = []
        self._count = 0

    def read(self, area: bytes, *, trusted: bool) -> None:
        fields = Fields(area)
        while fields.left:
            self._count += 1
            if self._count > _MAX_SUBPACKETS:
                raise Unparseable("too many subpackets")
            size = fields.number(1)
            if size == 255:
                size = fields.number(4)
            elif size >= 192:
                size = (size - 192 << 8) + fields.number(1) + 192
            content = fields.take(size)
            if not content:
                raise Unparseable("empty subpacket")
            kind, critical, value = content[0] & 0x7F, content[0] & 0x80, content[1:]
            if critical and kind not in _KNOWN:
                raise Unparseable(f"unknown critical subpacket {kind}")
            if trusted or kind in (16, 32, 33):
                self._keep(kind, value, trusted=trusted)

    def _keep(self, kind: int, value: bytes, *, trusted: bool) -> None:
        fields = Fields(value)
        match kind:
            case 2:
                self.created = fields.number(4)
            case 3:
                self.lifetime = fields.number(4)
            case 4:
                self.exportable = fields.number(1) != 0
            case 9:
                self.key_lifetime = fields.number(4)
            case 16:
                if self.version == 6:
                    if trusted:  # §5.2.3.12: a version 6 signature must not name its issuer by key id
                        raise Unparseable("an issuer key id in version 6")
                    return
                self.issuers.add(fields.take(8).hex())
            case 25:
                self.primary_user_id = fields.number(1) != 0
            case 27:
                self.flags = value[0] if value else 0
                return
            case 29:
                self.reason = fields.number(1)
                return
            case 32:
                self.back_signatures.append(value)
                return
            case 33:
                version = fields.number(1)
                fingerprint = fields.take({4: 20, 6: 32}.get(version, fields.left)).hex()
                self.issuers.add(fingerprint)
                self.issuers.add(fingerprint[:16] if version == 6 else fingerprint[-16:])
            case _:
                return
        fields.finish()


def parse_back_signature(body: bytes) -> Signature:
    """An embedded signature (§5.2.3.34): the body of a packet without its framing."""
    return parse_signature(Packet(Tag.SIGNATURE, body))
