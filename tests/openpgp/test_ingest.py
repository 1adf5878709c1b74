from __future__ import annotations

import hashlib
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from vectors.owner import CREATED, Item, Owner, packet
from wasmpuck.openpgp import Certificate, Policy, RefusalCode, armor
from wasmpuck.openpgp.ingest import BareSignature, Prepared, Rejected, attach, combine, examine

VECTORS = Path(__file__).parents[1] / "vectors"
ANN, SUB = Owner("ann"), Owner("sub")
TEXT = "Ann <ann@example.org>"
WHOLE = ANN.certificate(
    ANN.revocation(reason=1), ANN.user_id(TEXT), ANN.subkey(SUB, signing=True), Owner("ben").certify(ANN, TEXT)
)


def prepared(data: bytes, policy: Policy | None = None) -> Prepared:
    """The one certificate in an upload."""
    (outcome,) = examine(data, policy or Policy()).outcomes
    assert isinstance(outcome, Prepared), outcome
    return outcome


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A certificate with octets changed, taken out and put in."""
    data = bytearray(WHOLE)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data) - 1))
        data[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
        if not data:
            break
    return bytes(data)


@given(mutants() | st.binary(max_size=200))
def test_any_upload_is_answered_with_values(data: bytes) -> None:
    """Whatever is uploaded, there is a problem in words or outcomes, and what is taken reads back as it was written."""
    examination = examine(data, Policy())
    assert (examination.problem is None) == bool(examination.outcomes)
    for outcome in examination.outcomes:
        if isinstance(outcome, Prepared):
            certificate = Certificate.parse(outcome.data)
            assert certificate.bytes == outcome.data
            assert (certificate.fingerprint, certificate.md5) == (outcome.fingerprint, outcome.md5)


def test_a_prepared_certificate_holds_all_that_finds_it() -> None:
    """Primary key and subkeys by fingerprint and key id, and addresses and texts in lower case."""
    outcome = prepared(WHOLE)
    assert outcome.keys == tuple((owner.fingerprint, owner.fingerprint[-16:]) for owner in (ANN, SUB))
    assert outcome.identities == ("ann@example.org", TEXT.lower())
    assert outcome.summary["fingerprint"] == outcome.fingerprint == ANN.fingerprint


def test_combining_gives_the_union() -> None:
    """Of a stored and an incoming state, or a refusal when that is too much."""
    one, other = (prepared(ANN.certificate(ANN.user_id(name))).data for name in ("Ann", "Annie"))
    union = combine(one, other, Policy())
    assert isinstance(union, Prepared)
    assert union.facts.user_ids == ("Ann", "Annie")
    assert union == combine(other, one, Policy())
    refused = combine(one, other, Policy(max_user_ids=1))
    assert isinstance(refused, Rejected)
    assert refused.code == RefusalCode.TOO_MANY_USER_IDS


def test_attaching_takes_only_what_the_key_made() -> None:
    """A revocation by the key itself, and nothing forged or by another key."""
    stored = prepared(ANN.certificate(ANN.user_id(TEXT))).data
    revoked = attach(stored, ANN.revocation(at=CREATED + 1)[1], Policy())
    assert isinstance(revoked, Prepared)
    assert revoked.summary["revoked"] is True
    for forged in (ANN.sign(0x20, ANN.framed, spoil=True), SUB.sign(0x20, ANN.framed), ANN.sign(0x20, SUB.framed)):
        refused = attach(stored, forged[1], Policy())
        assert isinstance(refused, Rejected)
        assert refused.code == RefusalCode.BARE_SIGNATURE


def test_a_bare_signature_names_its_issuer() -> None:
    """By fingerprint first, then by key id."""
    (outcome,) = examine((VECTORS / "alice-revocation.asc").read_bytes(), Policy()).outcomes
    assert isinstance(outcome, BareSignature)
    assert outcome.issuers == ("eb85bb5fa33a75e15e944e63f231550c4f47e38e", "f231550c4f47e38e")


def test_the_limit_on_certificates_is_checked_before_any_is_vetted() -> None:
    """Two hundred in one upload are refused as a whole."""
    examination = examine(WHOLE * 3, Policy(max_certificates=2))
    assert examination.problem is not None
    assert examination.problem.too_many
    assert len(examine(WHOLE * 2, Policy(max_certificates=2)).outcomes) == 2


def test_a_broken_block_leaves_the_whole_ones() -> None:
    """What stands in front of broken armor is taken, and the rest reported."""
    text = armor(WHOLE) + armor(WHOLE).replace("-----END", "-----EDN")
    whole, broken = examine(text.encode(), Policy()).outcomes
    assert isinstance(whole, Prepared)
    assert isinstance(broken, Rejected)
    assert "a line of dashes" in broken.text


class OldTimer:
    """An RSA key whose signatures are made by hand, with hashes that libraries no longer sign with."""

    PREFIXES: ClassVar = {1: "3020300c06082a864886f70d020505000410", 3: "3021300906052b2403020105000414"}
    NAMES: ClassVar = {1: "md5", 3: "ripemd160"}

    def __init__(self) -> None:
        numbers = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_numbers()
        self.n, self.d = numbers.public_numbers.n, numbers.d
        modulus = self.n.to_bytes(256, "big")
        self.key_id = modulus[-8:]
        self.material = b"\x01" + b"\x08\x00" + modulus + b"\x00\x11\x01\x00\x01"

    def sign(self, hash_: int, data: bytes) -> tuple[bytes, bytes]:
        """The digest's first two octets, and the signature as a number (RFC 8017 §8.2.1)."""
        digest = hashlib.new(self.NAMES[hash_], data, usedforsecurity=False).digest()
        info = bytes.fromhex(self.PREFIXES[hash_]) + digest
        padded = b"\0\1" + b"\xff" * (256 - 3 - len(info)) + b"\0" + info
        value = pow(int.from_bytes(padded, "big"), self.d, self.n)
        size = value.bit_length()
        return digest[:2], size.to_bytes(2, "big") + value.to_bytes((size + 7) // 8, "big")


def test_a_version_3_certificate_of_the_nineties_is_taken() -> None:
    """Key and signature of version 3 with MD5 (RFC 9580 §5.2.2, §5.5.2.1); a false one is not."""
    ann = OldTimer()
    body = b"\x03" + CREATED.to_bytes(4, "big") + b"\x00\x00" + ann.material
    hashed = b"\x10" + CREATED.to_bytes(4, "big")
    prefix, value = ann.sign(1, b"\x99" + len(body).to_bytes(2, "big") + body + TEXT.encode() + hashed)
    signature = b"\x03\x05" + hashed + ann.key_id + b"\x01\x01" + prefix + value
    outcome = prepared(packet(6, body) + packet(13, TEXT.encode()) + packet(2, signature))
    assert (outcome.version, len(outcome.fingerprint), outcome.drops) == (3, 32, ())
    assert outcome.keys == ((outcome.fingerprint, ann.key_id.hex()),)
    spoiled = signature[:-1] + bytes((signature[-1] ^ 1,))
    (refused,) = examine(packet(6, body) + packet(13, TEXT.encode()) + packet(2, spoiled), Policy()).outcomes
    assert isinstance(refused, Rejected)


@pytest.mark.parametrize("spoil", [False, True])
def test_ripemd_160_is_checked_to_the_last_octet(spoil: bool) -> None:
    """Old self-signatures with a hash that few still compute are taken when true, unless the operator says no."""
    ann = OldTimer()
    body = b"\x04" + CREATED.to_bytes(4, "big") + ann.material
    head = b"\x04\x13\x01\x03\x00\x06\x05\x02" + CREATED.to_bytes(4, "big")
    scope = b"\x99" + len(body).to_bytes(2, "big") + body + b"\xb4" + len(TEXT).to_bytes(4, "big") + TEXT.encode()
    prefix, value = ann.sign(3, scope + head + b"\x04\xff" + len(head).to_bytes(4, "big"))
    key_id = hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).digest()[-8:]
    signature: Item = (2, head + b"\x00\x0a\x09\x10" + key_id + prefix + value[:-1] + bytes((value[-1] ^ spoil,)))
    data = packet(6, body) + packet(13, TEXT.encode()) + packet(*signature)
    (outcome,) = examine(data, Policy()).outcomes
    assert isinstance(outcome, Rejected if spoil else Prepared)
    (outcome,) = examine(data, Policy(ripemd160=False)).outcomes
    assert isinstance(outcome, Rejected)
