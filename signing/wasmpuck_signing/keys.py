"""Ed25519 keys (RFC 8032): the only kind that signs an artifact."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import KeyFault, KeyLocked

__all__ = ["DEMONSTRATION_KEY_IDS", "KEY_ID_LENGTH", "PrivateKey", "PublicKey"]

DEMONSTRATION_KEY_IDS: frozenset[str] = frozenset({"fe924f5784a49e77783fa45a"})
"""Identifiers of keys whose private half is published with the source. Kept in code, so that no keyring can launder
them.
"""

KEY_ID_LENGTH = 12
"""Bytes in a key id."""

_LINE_TAG = "wasmpuck-ed25519"
_KEY_ID_DOMAIN = b"wasmpuck-ed25519-key-id\0"
_MAX_COMMENT = 200

# RFC 8032 §5.1: the field's prime and the curve's constant d.
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
# The y coordinates of the eight points whose order divides 8: for such a key one can make signatures that hold for any
# message, and the library's verifier accepts them.
_ORDER_8_Y = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _ORDER_8_Y, _P - _ORDER_8_Y})


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half: 32 bytes (RFC 8032 §5.1.5) and a comment for people. Raises `KeyFault` for a key that must not
    be trusted.
    """

    raw: bytes
    comment: str = ""

    def __post_init__(self) -> None:
        _check_point(self.raw)
        if len(self.comment) > _MAX_COMMENT or not self.comment.isprintable():
            raise KeyFault(f"the key's comment has to be one printable line of at most {_MAX_COMMENT} characters")

    @property
    def key_id(self) -> str:
        """24 hexadecimal digits: the first 12 bytes of SHA-256 over a fixed prefix and the key."""
        return hashlib.sha256(_KEY_ID_DOMAIN + self.raw).digest()[:KEY_ID_LENGTH].hex()

    @property
    def is_demonstration(self) -> bool:
        """Whether everybody can sign with this key."""
        return self.key_id in DEMONSTRATION_KEY_IDS

    @classmethod
    def from_line(cls, line: str) -> PublicKey:
        """Reads `wasmpuck-ed25519 <base64 of 32 bytes> [comment]`. Raises `KeyFault`."""
        tag, _, rest = line.strip().partition(" ")
        encoded, _, comment = rest.strip().partition(" ")
        if tag != _LINE_TAG or not encoded:
            raise KeyFault(
                f"not a public key line: it has to begin with {_LINE_TAG}",
                "Copy the line that `hockeypuck-plugin keygen` printed.",
            )
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise KeyFault("the public key is not base64", "Copy the whole line again.") from None
        if base64.b64encode(raw).decode() != encoded:
            raise KeyFault("the public key is not in its canonical base64 form", "Copy the whole line again.")
        return cls(raw, comment.strip())

    def line(self) -> str:
        """The key as `from_line` reads it, without a line break."""
        return f"{_LINE_TAG} {base64.b64encode(self.raw).decode()} {self.comment}".rstrip()

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` (64 bytes) was made over `message` by the private half (RFC 8032 §5.1.7)."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True


def _check_point(raw: bytes) -> None:
    hint = "Ask the publisher for the right key; do not trust this one."
    if len(raw) != 32:
        raise KeyFault(f"an Ed25519 public key has 32 bytes, this one {len(raw)}", hint)
    number = int.from_bytes(raw, "little")
    y = number & (1 << 255) - 1  # the top bit is the sign of x
    if y >= _P:
        raise KeyFault("the public key is not canonically encoded", hint)
    if y in _SMALL_ORDER_Y:
        raise KeyFault("the public key is a point of small order: anybody could sign for it", hint)
    # RFC 8032 §5.1.3: x² = (y² - 1) / (d·y² + 1) has a root, or there is no such point. With the small orders gone
    # x is never 0, so both signs name a point and need no check.
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if pow(x_squared, (_P - 1) // 2, _P) != 1:
        raise KeyFault("the public key is not a point on the curve", hint)


class PrivateKey:
    """The private half. Its representation and errors never show key material."""

    def __init__(self, key: Ed25519PrivateKey, comment: str = "") -> None:
        self._key = key
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = PublicKey(raw, comment)

    def __repr__(self) -> str:
        return f"PrivateKey({self.public.key_id})"

    @classmethod
    def generate(cls, comment: str = "") -> PrivateKey:
        """A new key from the operating system's randomness."""
        return cls(Ed25519PrivateKey.generate(), comment)

    @classmethod
    def from_seed(cls, seed: bytes, comment: str = "") -> PrivateKey:
        """The key of a 32-byte seed (RFC 8032 §5.1.5). Raises `KeyFault` for another length."""
        if len(seed) != 32:
            raise KeyFault(f"a seed has 32 bytes, this one {len(seed)}")
        return cls(Ed25519PrivateKey.from_private_bytes(seed), comment)

    @classmethod
    def from_pem(cls, pem: bytes, password: bytes | None = None) -> PrivateKey:
        """Reads PKCS #8 PEM (RFC 8410 §7), encrypted or not. Raises `KeyFault`."""
        try:
            key = serialization.load_pem_private_key(pem, password or None)
        except TypeError:
            if password:
                raise KeyFault("the private key is not encrypted, but a passphrase was given") from None
            raise KeyLocked("the private key is encrypted", "Give its passphrase.") from None
        except (ValueError, UnsupportedAlgorithm):
            raise KeyFault(
                "not a private key in PEM form, or a wrong passphrase",
                "Make one with `hockeypuck-plugin keygen`.",
            ) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFault("the private key is not an Ed25519 key", "Make one with `hockeypuck-plugin keygen`.")
        return cls(key)

    def to_pem(self, password: bytes | None = None) -> bytes:
        """PKCS #8 PEM, encrypted when a password is given."""
        protection: serialization.KeySerializationEncryption = (
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        )
        return self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)

    @classmethod
    def load(cls, path: Path, password: bytes | None = None) -> PrivateKey:
        """Reads a PEM file. Raises `KeyFault` naming the file."""
        try:
            return cls.from_pem(path.read_bytes(), password)
        except OSError as problem:
            raise KeyFault(f"{path}: {problem.strerror or problem}") from None
        except KeyFault as problem:
            raise type(problem)(f"{path}: {problem.message}", problem.hint) from None

    def save(self, path: Path, password: bytes | None = None) -> None:
        """Writes a new PEM file that only its owner can read (mode 0600). Raises `KeyFault`, also when the file is
        there.
        """
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise KeyFault(f"{path} is already there", "Name another file: a key is never overwritten.") from None
        except OSError as problem:
            raise KeyFault(f"{path}: {problem.strerror or problem}") from None
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(self.to_pem(password))

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature over `message` (RFC 8032 §5.1.6); the same for the same message."""
        return self._key.sign(message)
