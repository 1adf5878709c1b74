"""Version 5 of LibrePGP, which is taken where the operator says so. The maker of its packets shares no code with us."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vectors.owner import Item, Owner, packet, subpacket
from wasmpuck.openpgp import Certificate, Policy, RefusalCode
from wasmpuck.openpgp.ingest import Prepared, Rejected, examine

EVERY = Policy(versions=(3, 4, 5, 6))
TEXT = b"Lea <lea@example.org>"
CREATED = 1_600_000_000


def mpi(value: bytes) -> bytes:
    """Octets as a number (RFC 9580 §3.2): without leading zeroes."""
    number = int.from_bytes(value, "big")
    return number.bit_length().to_bytes(2, "big") + number.to_bytes((number.bit_length() + 7) // 8, "big")


@dataclass
class Lea:
    """An owner of a version 5 key on one of the two curves (draft-koch-librepgp §5.6.2, §5.2.4)."""

    curve: str
    key: Ed25519PrivateKey | Ed448PrivateKey = field(init=False)
    body: bytes = field(init=False)

    def __post_init__(self) -> None:
        if self.curve == "Ed448":
            self.key, oid, prefix = Ed448PrivateKey.from_private_bytes(b"\x07" * 57), bytes.fromhex("2b6571"), b""
        else:
            self.key, prefix = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32), b"\x40"
            oid = bytes.fromhex("2b06010401da470f01")
        material = (
            bytes((len(oid),)) + oid + mpi(prefix + self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        )
        self.body = b"\x05" + CREATED.to_bytes(4, "big") + b"\x16" + len(material).to_bytes(4, "big") + material

    @property
    def framed(self) -> bytes:
        """As it is hashed."""
        return b"\x9a" + len(self.body).to_bytes(4, "big") + self.body

    @property
    def fingerprint(self) -> str:
        """64 digits."""
        return hashlib.sha256(self.framed).hexdigest()

    def sign(self, kind: int, scope: bytes) -> Item:
        """A version 5 signature: the length at its end takes eight octets."""
        area = subpacket(2, CREATED.to_bytes(4, "big")) + subpacket(33, b"\x05" + bytes.fromhex(self.fingerprint))
        head = bytes((5, kind, 22, 10)) + len(area).to_bytes(2, "big") + area
        digest = hashlib.sha512(scope + head + b"\x05\xff" + len(head).to_bytes(8, "big")).digest()
        value = self.key.sign(digest)
        half = len(value) // 2
        return 2, head + b"\0\0" + digest[:2] + mpi(value[:half]) + mpi(value[half:])

    def certificate(self, *more: Item) -> bytes:
        """Key, user id, signature."""
        about = self.framed + b"\xb4" + len(TEXT).to_bytes(4, "big") + TEXT
        return b"".join(packet(*item) for item in ((6, self.body), (13, TEXT), self.sign(0x13, about), *more))


@pytest.mark.parametrize(("curve", "bits"), [("Ed448", 456), ("Curve25519", 263)])
def test_version_5_is_taken_where_the_operator_says_so(curve: str, bits: int) -> None:
    """Parsed, checked, fingerprinted with SHA-256, listed; by default refused with a reason."""
    lea = Lea(curve)
    (outcome,) = examine(lea.certificate(), EVERY).outcomes
    assert isinstance(outcome, Prepared)
    assert (outcome.version, outcome.fingerprint, outcome.drops) == (5, lea.fingerprint, ())
    assert outcome.keys == ((lea.fingerprint, lea.fingerprint[:16]),)
    assert (outcome.summary["name"], outcome.summary["bits"]) == (f"eddsa_{curve}", bits)
    assert Certificate.parse(outcome.data).bytes == outcome.data
    (refused,) = examine(lea.certificate(), Policy()).outcomes
    assert isinstance(refused, Rejected)
    assert refused.code == RefusalCode.UNPARSEABLE_PRIMARY
    assert "version 5" in refused.text


def test_a_false_signature_of_version_5_binds_nothing() -> None:
    """It is checked like any other."""
    data = bytearray(Lea("Ed448").certificate())
    data[-1] ^= 1
    (outcome,) = examine(bytes(data), EVERY).outcomes
    assert isinstance(outcome, Rejected)
    assert outcome.code == RefusalCode.NO_SELF_SIGNATURE


def test_version_5_in_a_certificate_of_version_4_is_dropped_by_default() -> None:
    """A subkey as GnuPG 2.3 made some, and a stranger's signature: unreadable unless the operator says otherwise."""
    ann, lea = Owner("ann"), Lea("Ed448")
    about = ann.about("Ann")
    stranger = lea.sign(0x10, about)
    scope = ann.framed + lea.framed
    subkey = [(14, lea.body), ann.sign(0x18, scope, hashed=subpacket(27, b"\x04"))]
    data = ann.certificate(ann.user_id("Ann"), stranger, subkey)
    (default,) = examine(data, Policy()).outcomes
    (every,) = examine(data, EVERY).outcomes
    assert isinstance(default, Prepared)
    assert isinstance(every, Prepared)
    assert default.drops == (("drop:unparseable", 3),)
    assert (every.drops, len(every.facts.subkeys), every.facts.signatures) == ((), 1, 3)
