from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectors.owner import CREATED, Owner
from wasmpuck.openpgp import Certificate, Packet, Policy, Unparseable, vet, walk

ANN, BEN = Owner("ann"), Owner("ben")
SUBKEYS = [Owner("one", created=CREATED + 5), Owner("two", created=CREATED + 1)]
GROUPS = [
    [ANN.revocation(reason=3, at=CREATED + 9), BEN.sign(0x1F, ANN.framed), ANN.sign(0x1F, ANN.framed)],
    [*ANN.user_id("Ann <ann@example.org>"), BEN.certify(ANN, "Ann <ann@example.org>", at=CREATED - 1)],
    ANN.user_id("Annie", at=CREATED + 3),
    [*ANN.user_id("Old Ann", at=CREATED + 7), ANN.revoke_user_id("Old Ann", at=CREATED + 8)],
    ANN.subkey(SUBKEYS[0]),
    ANN.subkey(SUBKEYS[1]),
]


def whole() -> Certificate:
    """A certificate with something of everything."""
    return vet(walk(ANN.certificate(*GROUPS)), Policy()).certificate


@given(st.permutations(GROUPS[1:]), st.permutations(GROUPS[0]))
def test_the_order_of_an_upload_does_not_matter(
    groups: list[list[tuple[int, bytes]]], direct: list[tuple[int, bytes]]
) -> None:
    """However components and signatures are ordered, the same bytes are stored."""
    assert vet(walk(ANN.certificate(direct, *groups)), Policy()).certificate.bytes == whole().bytes


def test_the_order_is_the_documented_one() -> None:
    """Revocation first, then own, then foreign signatures; revoked user ids last; subkeys by age."""
    certificate = whole()
    assert [(item.type, certificate.is_own(item)) for item in certificate.direct] == [
        (0x20, True),
        (0x1F, True),
        (0x1F, False),
    ]
    assert [item.text for item in certificate.user_ids] == ["Annie", "Ann <ann@example.org>", "Old Ann"]
    assert [item.key.fingerprint for item in certificate.subkeys] == [
        SUBKEYS[1].fingerprint,
        SUBKEYS[0].fingerprint,
    ]


def test_parsing_gives_back_what_was_written() -> None:
    """parse(c.bytes) is c, and so are its bytes."""
    certificate = whole()
    assert Certificate.parse(certificate.bytes) == certificate
    assert Certificate.parse(certificate.bytes).bytes == certificate.bytes
    assert (certificate.fingerprint, certificate.version) == (ANN.fingerprint, 4)
    assert certificate.key_id == ANN.fingerprint[-16:]


def test_the_facts_are_those_of_the_contract() -> None:
    """Times are milliseconds, sizes those of the stored bytes, and all signatures count."""
    certificate = whole()
    facts = certificate.facts
    assert facts.primary.created == CREATED * 1000.0
    assert facts.primary.algorithm == 22
    assert [key.fingerprint for key in facts.subkeys] == [item.key.fingerprint for item in certificate.subkeys]
    assert facts.user_ids == ("Annie", "Ann <ann@example.org>", "Old Ann")
    assert facts.size == len(certificate.bytes)
    assert facts.signatures == sum(packet.tag == 2 for packet in certificate.packets)


@pytest.mark.parametrize(
    "packets",
    [[], [Packet(13, b"Ann")], [Packet(*ANN.primary), Packet(17, b"x")], [Packet(*ANN.primary), Packet(2, b"")]],
)
def test_other_bytes_are_not_read_back(packets: list[Packet]) -> None:
    """Reading back is for what was written here; the way in is vetting."""
    with pytest.raises(Unparseable):
        Certificate.parse(b"".join(map(bytes, packets)))
