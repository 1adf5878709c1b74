"""Public-key algorithms and curves (RFC 9580 §9.1, §9.2; draft-ietf-openpgp-pqc-15): names and sizes as listed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["CURVES", "POST_QUANTUM", "SLH_DSA", "Algorithm", "Curve", "PostQuantum", "display_name"]


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
    ML_DSA_65_ED25519 = 30
    ML_DSA_87_ED448 = 31
    SLH_DSA_SHAKE_128S = 32
    SLH_DSA_SHAKE_128F = 33
    SLH_DSA_SHAKE_256S = 34
    ML_KEM_768_X25519 = 35
    ML_KEM_1024_X448 = 36


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve by its object identifier; `point` is the length in bytes of a public point with its prefix octet.

    The 448-bit curves of LibrePGP have no prefix (0), and leading zero octets may be left out of their points.
    """

    name: str
    point: int
    prefix: int

    @property
    def bits(self) -> int:
        """The bit length of the public point, which keyservers list: the prefix 4 has 3 bits, 0x40 has 7."""
        return (self.point - 1) * 8 + self.prefix.bit_length() if self.prefix else self.point * 8


CURVES: dict[bytes, Curve] = {
    bytes.fromhex("2b06010401da470f01"): Curve("Curve25519", 33, 0x40),
    bytes.fromhex("2b060104019755010501"): Curve("Curve25519", 33, 0x40),
    bytes.fromhex("2b6571"): Curve("Ed448", 57, 0),
    bytes.fromhex("2b656f"): Curve("X448", 56, 0),
    bytes.fromhex("2a8648ce3d030107"): Curve("P256", 65, 4),
    bytes.fromhex("2b81040022"): Curve("P384", 97, 4),
    bytes.fromhex("2b81040023"): Curve("P521", 133, 4),
    bytes.fromhex("2b8104000a"): Curve("SecP256k1", 65, 4),
    bytes.fromhex("2b2403030208010107"): Curve("BrainpoolP256", 65, 4),
    bytes.fromhex("2b240303020801010b"): Curve("BrainpoolP384", 97, 4),
    bytes.fromhex("2b240303020801010d"): Curve("BrainpoolP512", 129, 4),
}


@dataclass(frozen=True, slots=True)
class PostQuantum:
    """A post-quantum algorithm: the lengths in bytes of the parts of a public key and of a signature, none if it only
    encrypts. A composite has its elliptic part first (draft-ietf-openpgp-pqc-15 §4.3.2, §5.3.1, §6.2)."""

    name: str
    key: tuple[int, ...]
    signature: tuple[int, ...] = ()

    @property
    def bits(self) -> int:
        """What keyservers list: the length of the post-quantum part of the public key."""
        return self.key[-1] * 8


POST_QUANTUM: dict[int, PostQuantum] = {
    Algorithm.ML_DSA_65_ED25519: PostQuantum("mldsa65+ed25519", (32, 1952), (64, 3309)),
    Algorithm.ML_DSA_87_ED448: PostQuantum("mldsa87+ed448", (57, 2592), (114, 4627)),
    Algorithm.SLH_DSA_SHAKE_128S: PostQuantum("slhdsa128s", (32,), (7856,)),
    Algorithm.SLH_DSA_SHAKE_128F: PostQuantum("slhdsa128f", (32,), (17088,)),
    Algorithm.SLH_DSA_SHAKE_256S: PostQuantum("slhdsa256s", (64,), (29792,)),
    Algorithm.ML_KEM_768_X25519: PostQuantum("mlkem768+x25519", (32, 1184)),
    Algorithm.ML_KEM_1024_X448: PostQuantum("mlkem1024+x448", (56, 1568)),
}

SLH_DSA = frozenset((Algorithm.SLH_DSA_SHAKE_128S, Algorithm.SLH_DSA_SHAKE_128F, Algorithm.SLH_DSA_SHAKE_256S))
"""Algorithms whose signatures are so long that only the newest one of a kind is kept."""

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
    return POST_QUANTUM[known].name if known in POST_QUANTUM else known.name.lower()
