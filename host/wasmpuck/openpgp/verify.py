"""Checking signatures inside a certificate: the digest of RFC 9580 §5.2.4, the primitives of `cryptography`.

No mathematics of our own but for hash trees (`slhdsa`): what `cryptography` cannot compute, nobody here can tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import (
    MD5,
    SHA1,
    SHA3_256,
    SHA3_512,
    SHA224,
    SHA256,
    SHA384,
    SHA512,
    HashAlgorithm,
)

from . import slhdsa
from .algorithms import SLH_DSA, Algorithm
from .keys import Key
from .signatures import Signature

__all__ = ["Scope", "Verifier", "hash_of"]

# Hash id (§9.5) → hashlib's name, cryptography's class, which has no RIPEMD-160, nor has every OpenSSL. DSA and ECDSA
# only ask how long the digest is; RSA signs its name as well.
_HASHES: dict[int, tuple[str, type[HashAlgorithm]]] = {
    1: ("md5", MD5),
    2: ("sha1", SHA1),
    3: ("ripemd160", SHA1),
    8: ("sha256", SHA256),
    9: ("sha384", SHA384),
    10: ("sha512", SHA512),
    11: ("sha224", SHA224),
    12: ("sha3_256", SHA3_256),
    14: ("sha3_512", SHA3_512),
}

_RIPEMD = 3
_RIPEMD_PREFIX = bytes.fromhex("3021300906052b2403020105000414")  # RFC 8017 §9.2, note 1
_AVAILABLE = frozenset(number for number, (name, _) in _HASHES.items() if name in hashlib.algorithms_available)

_CURVES: dict[str, ec.EllipticCurve] = {
    "P256": ec.SECP256R1(),
    "P384": ec.SECP384R1(),
    "P521": ec.SECP521R1(),
    "SecP256k1": ec.SECP256K1(),
    "BrainpoolP256": ec.BrainpoolP256R1(),
    "BrainpoolP384": ec.BrainpoolP384R1(),
    "BrainpoolP512": ec.BrainpoolP512R1(),
}

_Check = Callable[[Signature, bytes, HashAlgorithm], None]


def hash_of(signature_hash: int, data: bytes) -> bytes:
    """The digest of `data` by the hash algorithm of a signature that was parsed (§9.5)."""
    return hashlib.new(_HASHES[signature_hash][0], data, usedforsecurity=False).digest()


class Scope:
    """What a signature is about: the primary key alone, or with a user id, or with a subkey.

    Hashing what many signatures share is done once per hash algorithm, so that thousands of signatures over one long
    user id cost no more than their own bytes.
    """

    __slots__ = ("_plain", "_primary", "_started", "_tagged")

    def __init__(self, primary: Key, *, user_id: bytes | None = None, subkey: Key | None = None) -> None:
        self._primary = primary.hashed
        self._tagged = self._plain = subkey.hashed if subkey else b""
        if user_id is not None:
            self._tagged = b"\xb4" + len(user_id).to_bytes(4, "big") + user_id
            self._plain = user_id  # version 3 hashes the text alone
        self._started: dict[tuple[int, bool], hashlib._Hash] = {}

    def digest(self, signature: Signature) -> bytes | None:
        """The digest that a true signature signs; None if this hash cannot be computed here."""
        if signature.hash not in _AVAILABLE:
            return None
        name = _HASHES[signature.hash][0]
        subject = self._plain if signature.version == 3 else self._tagged
        if signature.salt:
            hashed = hashlib.new(name, signature.salt + self._primary + subject, usedforsecurity=False)
        else:
            kind = (signature.hash, signature.version == 3)
            started = self._started.get(kind)
            if started is None:
                started = hashlib.new(name, self._primary + subject, usedforsecurity=False)
                self._started[kind] = started
            hashed = started.copy()
        hashed.update(signature.trailer)
        return hashed.digest()

    def plausible(self, signature: Signature) -> bytes | None:
        """The digest if the signature's two octets of it are right, else None."""
        digest = self.digest(signature)
        return digest if digest is not None and digest[:2] == signature.prefix else None


class Verifier:
    """Checks signatures made by one key. Building the key's object costs more than a check, so it is built once."""

    __slots__ = ("_check", "_key")

    def __init__(self, key: Key) -> None:
        self._key = key
        self._check: _Check | None = None

    @property
    def cost(self) -> int:
        """What a check costs, in checks of an elliptic curve's signature (0.1 ms): for long RSA keys up to 32."""
        key = self._key
        if key.algorithm in (Algorithm.RSA, Algorithm.RSA_SIGN):
            return max(1, (key.bits // 4096) ** 2) * (2 if len(key.material[1]) > 3 else 1)
        return 100 if key.algorithm in SLH_DSA else 1

    def verifies(self, signature: Signature, digest: bytes) -> bool | None:
        """Whether this key made this signature over this digest; None if no library here can tell.

        That is so for DSA keys of odd sizes, and for curves that the OpenSSL below does not have.
        """
        if not _fits(signature, self._key):
            return False
        try:
            if self._check is None:
                self._check = _checker(self._key)
        except UnsupportedAlgorithm:
            return None
        except (ValueError, OverflowError):
            # `cryptography` refuses DSA keys by their size alone; any other key that it refuses is none.
            return None if self._key.algorithm == Algorithm.DSA else False
        try:
            self._check(signature, digest, _HASHES[signature.hash][1]())
        except UnsupportedAlgorithm:
            return None
        except (InvalidSignature, ValueError, OverflowError):
            return False
        return True


def _fits(signature: Signature, key: Key) -> bool:
    """Versions go together (§5.2: a version 6 key makes version 6 signatures only) and algorithms agree."""
    if signature.version != key.version and (key.version >= 5 or signature.version >= 5):
        return False
    if key.algorithm in (Algorithm.RSA, Algorithm.RSA_SIGN):
        return signature.algorithm in (Algorithm.RSA, Algorithm.RSA_SIGN)
    return signature.algorithm == key.algorithm


def _checker(key: Key) -> _Check:
    """A function that raises `InvalidSignature` unless a signature is true. ValueError: this key cannot be used."""
    material = key.material
    match key.algorithm:
        case Algorithm.RSA | Algorithm.RSA_SIGN:
            public = rsa.RSAPublicNumbers(_number(material[1]), _number(material[0])).public_key()
            size = (key.bits + 7) // 8
            padded = padding.PKCS1v15()

            def check_rsa(signature: Signature, digest: bytes, hash_: HashAlgorithm) -> None:
                value = signature.values[0].rjust(size, b"\0")
                if signature.hash != _RIPEMD:
                    public.verify(value, digest, padded, utils.Prehashed(hash_))
                elif public.recover_data_from_signature(value, padded, None) != _RIPEMD_PREFIX + digest:
                    raise InvalidSignature

            return check_rsa
        case Algorithm.DSA:
            p, q, g, y = map(_number, material)
            dsa_key = dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g)).public_key()
            return lambda signature, digest, hash_: dsa_key.verify(_pair(signature), digest, utils.Prehashed(hash_))
        case Algorithm.ECDSA:
            curve_key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[key.curve or ""], material[1])
            return lambda signature, digest, hash_: curve_key.verify(
                _pair(signature), digest, ec.ECDSA(utils.Prehashed(hash_))
            )
        case Algorithm.EDDSA_LEGACY if key.curve == "Ed448":
            legacy448 = ed448.Ed448PublicKey.from_public_bytes(material[1])
            return lambda signature, digest, hash_: legacy448.verify(
                b"".join(value.rjust(57, b"\0") for value in signature.values), digest
            )
        case Algorithm.EDDSA_LEGACY:
            legacy = ed25519.Ed25519PublicKey.from_public_bytes(material[1][1:])
            return lambda signature, digest, hash_: legacy.verify(
                b"".join(value.rjust(32, b"\0") for value in signature.values), digest
            )
        case Algorithm.ED25519:
            native = ed25519.Ed25519PublicKey.from_public_bytes(material[0])
            return lambda signature, digest, hash_: native.verify(signature.values[0], digest)
        case Algorithm.ED448:
            native448 = ed448.Ed448PublicKey.from_public_bytes(material[0])
            return lambda signature, digest, hash_: native448.verify(signature.values[0], digest)
    return _post_quantum(key)


def _post_quantum(key: Key) -> _Check:
    """Both halves of a composite signature have to be true (draft-ietf-openpgp-pqc-15 §5.2.3)."""
    first, last = key.material[0], key.material[-1]
    match key.algorithm:
        case Algorithm.ML_DSA_65_ED25519:
            return _both(
                ed25519.Ed25519PublicKey.from_public_bytes(first), mldsa.MLDSA65PublicKey.from_public_bytes(last)
            )
        case Algorithm.ML_DSA_87_ED448:
            return _both(ed448.Ed448PublicKey.from_public_bytes(first), mldsa.MLDSA87PublicKey.from_public_bytes(last))
        case algorithm if algorithm in SLH_DSA:

            def check_hash_based(signature: Signature, digest: bytes, hash_: HashAlgorithm) -> None:
                if not slhdsa.verifies(algorithm, first, digest, signature.values[0]):
                    raise InvalidSignature

            return check_hash_based
    raise ValueError("this key cannot sign")


def _both(
    one: ed25519.Ed25519PublicKey | ed448.Ed448PublicKey, other: mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
) -> _Check:
    def check_both(signature: Signature, digest: bytes, hash_: HashAlgorithm) -> None:
        one.verify(signature.values[0], digest)
        other.verify(signature.values[1], digest)

    return check_both


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _pair(signature: Signature) -> bytes:
    return utils.encode_dss_signature(_number(signature.values[0]), _number(signature.values[1]))
