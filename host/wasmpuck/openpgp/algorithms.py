"""Public-key algorithms and curves (RFC 9580 §9.1, §9.2): numbers, names and sizes as keyservers list them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["CURVES", "Algorithm", "Curve", "display_name"]


class Algorithm(IntEnum):
    """Algorithms whose keys we read. 20 (ElGamal for both) is gone from the standard and refused."""

    RSA = 1
    RSA_ENCRYPT = 2
    RSA_SIGN = 3
    ELGAMAL = 16
    DSA = 17
    ECDH = 18
    ECDSA = 19
    EDDSA_LEGACY = 22
    X25519 = 25
    X448 = 26
    ED25519 = 27
    ED448 = 28


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve by its object identifier; `point` is the length in bytes of a public point with its prefix octet."""

    name: str
    point: int
    prefix: int

    @property
    def bits(self) -> int:
        """The bit length of the public point, which keyservers list: the prefix 4 has 3 bits, 0x40 has 7."""
        return (self.point - 1) * 8 + self.prefix.bit_length()


CURVES: dict[bytes, Curve] = {
    bytes.fromhex("2b06010401da470f01"): Curve("Curve25519", 33, 0x40),
    bytes.fromhex("2b060104019755010501"): Curve("Curve25519", 33, 0x40),
    bytes.fromhex("2a8648ce3d030107"): Curve("P256", 65, 4),
    bytes.fromhex("2b81040022"): Curve("P384", 97, 4),
    bytes.fromhex("2b81040023"): Curve("P521", 133, 4),
    bytes.fromhex("2b8104000a"): Curve("SecP256k1", 65, 4),
    bytes.fromhex("2b2403030208010107"): Curve("BrainpoolP256", 65, 4),
    bytes.fromhex("2b240303020801010b"): Curve("BrainpoolP384", 97, 4),
    bytes.fromhex("2b240303020801010d"): Curve("BrainpoolP512", 129, 4),
}

_SIZED = {
    Algorithm.RSA: "rsa",
    Algorithm.RSA_ENCRYPT: "rsaE",
    Algorithm.RSA_SIGN: "rsaS",
    Algorithm.ELGAMAL: "elgE",
    Algorithm.DSA: "dsa",
}
_CURVED = {Algorithm.ECDH: "ecdh", Algorithm.ECDSA: "ecdsa", Algorithm.EDDSA_LEGACY: "eddsa"}


def display_name(algorithm: int, bits: int, curve: str | None) -> str:
    """A short name such as `rsa4096`, `eddsa_Curve25519`, `x25519`; `unk(#n)` for a number that we do not know."""
    try:
        known = Algorithm(algorithm)
    except ValueError:
        return f"unk(#{algorithm})"
    if known in _SIZED:
        return f"{_SIZED[known]}{bits}"
    if known in _CURVED:
        return f"{_CURVED[known]}_{curve}"
    return known.name.lower()
