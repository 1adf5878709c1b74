"""Public-key packets (RFC 9580 §5.5.2; version 5: draft-koch-librepgp §5.6.2): versions 3 to 6."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from .algorithms import CURVES, POST_QUANTUM, Algorithm, display_name
from .facts import KeyFacts
from .fields import Fields, Unparseable
from .packets import Packet

__all__ = ["Key", "parse_key"]

# RSA's exponent: smart cards make some of four bytes; a long one makes each check slow.
_MAX_EXPONENT = 4
_MAX_MODULUS = 2048  # bytes, 16,384 bits
_TWISTED = {
    bytes.fromhex("2b06010401da470f01"): Algorithm.EDDSA_LEGACY,
    bytes.fromhex("2b060104019755010501"): Algorithm.ECDH,
    bytes.fromhex("2b6571"): Algorithm.EDDSA_LEGACY,
    bytes.fromhex("2b656f"): Algorithm.ECDH,
}


@dataclass(frozen=True, slots=True)
class Key:
    """A primary key or a subkey.

    `created` is seconds since 1970; `material` are the parts of the public key as numbers' bytes or native octets,
    in the order of §5.5.5, with the curve's object identifier first where there is one; `lifetime` (days) is version
    3's only.
    """

    packet: Packet
    version: int
    created: int
    algorithm: int
    bits: int
    curve: str | None
    material: tuple[bytes, ...]
    fingerprint: str
    key_id: str
    lifetime: int = 0

    @property
    def name(self) -> str:
        """The algorithm as keyservers list it."""
        return display_name(self.algorithm, self.bits, self.curve)

    @property
    def hashed(self) -> bytes:
        """The key as it goes into a signature's hash (§5.2.4)."""
        return _framed(self.version, self.packet.body)

    @property
    def facts(self) -> KeyFacts:
        """For admission."""
        return KeyFacts(self.fingerprint, self.version, self.algorithm, self.bits, self.created * 1000.0)


def parse_key(packet: Packet) -> Key:
    """Reads a packet of type 6 or 14. Raises `Unparseable` unless every byte of it is understood."""
    fields = Fields(packet.body)
    version = fields.number(1)
    if not 3 <= version <= 6:
        raise Unparseable(f"key version {version}")
    created = fields.number(4)
    lifetime = fields.number(2) if version == 3 else 0
    number = fields.number(1)
    try:
        algorithm = Algorithm(number)
    except ValueError:
        raise Unparseable(f"public-key algorithm {number}") from None
    if version >= 5 and fields.number(4) != fields.left:
        raise Unparseable("wrong length of the key material")
    if version == 3 and algorithm not in (Algorithm.RSA, Algorithm.RSA_ENCRYPT, Algorithm.RSA_SIGN):
        raise Unparseable("version 3 keys are RSA keys")
    bits, curve, material = _material(fields, algorithm, version)
    fields.finish()
    fingerprint, key_id = _identify(packet.body, version, material)
    return Key(packet, version, created, number, bits, curve, material, fingerprint, key_id, lifetime)


def _material(fields: Fields, algorithm: Algorithm, version: int) -> tuple[int, str | None, tuple[bytes, ...]]:
    match algorithm:
        case Algorithm.RSA | Algorithm.RSA_ENCRYPT | Algorithm.RSA_SIGN:
            modulus, exponent = fields.mpi(), fields.mpi()
            if not modulus or len(modulus) > _MAX_MODULUS or not 0 < len(exponent) <= _MAX_EXPONENT:
                raise Unparseable("RSA numbers out of range")
            return int.from_bytes(modulus, "big").bit_length(), None, (modulus, exponent)
        case Algorithm.DSA | Algorithm.ELGAMAL:
            parts = tuple(fields.mpi() for _ in range(4 if algorithm is Algorithm.DSA else 3))
            if any(len(part) > _MAX_MODULUS for part in parts):
                raise Unparseable("numbers out of range")
            return int.from_bytes(parts[0], "big").bit_length(), None, parts
        case Algorithm.ECDH | Algorithm.ECDSA | Algorithm.EDDSA_LEGACY:
            return _curve_material(fields, algorithm, version)
        case Algorithm.X25519 | Algorithm.ED25519:
            return 256, None, (fields.take(32),)
        case Algorithm.X448:
            return 448, None, (fields.take(56),)
        case Algorithm.ED448:
            return 456, None, (fields.take(57),)
        case _:
            # Of these only ML-KEM-768+X25519 may also be an older version's subkey (draft-ietf-openpgp-pqc-15 §4.3.2).
            known = POST_QUANTUM[algorithm]
            if version != 6 and (version != 4 or algorithm is not Algorithm.ML_KEM_768_X25519):
                raise Unparseable(f"{known.name} in version {version}")
            return known.bits, None, tuple(fields.take(size) for size in known.key)


def _curve_material(fields: Fields, algorithm: Algorithm, version: int) -> tuple[int, str | None, tuple[bytes, ...]]:
    oid = fields.take(fields.number(1))
    curve = CURVES.get(oid)
    if curve is None:
        raise Unparseable("unknown curve")
    # §9.2: these curves serve one purpose each, and not in version 6, which has algorithms of their own for them.
    only = _TWISTED.get(oid)
    if version == 6 if only else algorithm is Algorithm.EDDSA_LEGACY:
        raise Unparseable("this curve has no place in such a key")
    if only not in (None, algorithm):
        raise Unparseable("this curve is for another algorithm")
    point = fields.mpi()
    if not curve.prefix:
        point = point.rjust(curve.point, b"\0")
    if len(point) != curve.point or (curve.prefix and point[0] != curve.prefix):
        raise Unparseable("not a point of this curve")
    if algorithm is not Algorithm.ECDH:
        return curve.bits, curve.name, (oid, point)
    parameters = fields.take(fields.number(1))
    if len(parameters) != 3 or parameters[0] != 1:
        raise Unparseable("unknown key derivation parameters")
    return curve.bits, curve.name, (oid, point, parameters)


def _framed(version: int, body: bytes) -> bytes:
    if version >= 5:
        return bytes((0x95 + version,)) + len(body).to_bytes(4, "big") + body
    return b"\x99" + (len(body) & 0xFFFF).to_bytes(2, "big") + body


def _identify(body: bytes, version: int, material: tuple[bytes, ...]) -> tuple[str, str]:
    """Fingerprint and key id (§5.5.4)."""
    if version >= 5:
        fingerprint = hashlib.sha256(_framed(version, body)).hexdigest()
        return fingerprint, fingerprint[:16]
    if version == 4:
        fingerprint = hashlib.sha1(_framed(4, body), usedforsecurity=False).hexdigest()
        return fingerprint, fingerprint[-16:]
    digest = hashlib.md5(material[0] + material[1], usedforsecurity=False).hexdigest()
    return digest, material[0][-8:].hex().rjust(16, "0")
