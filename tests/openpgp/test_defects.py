"""What went wrong in other keyservers' key processing must not go wrong here, each with the number it is known by."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from vectors.owner import CREATED, Item, Owner, packet, subpacket
from wasmpuck.openpgp import Packet, Policy, RefusalCode, Rule, dearmor, frame, sks_digest, walk
from wasmpuck.openpgp.ingest import Prepared, Rejected, attach, combine, examine, prepare
from wasmpuck.openpgp.splitter import Piece

ANN, BEN, SUB = Owner("ann"), Owner("ben"), Owner("sub")
TEXT = "Ann <ann@example.org>"
SAMPLES = Path(__file__).parents[1] / "vectors" / "pqc"


def taken(data: bytes, policy: Policy | None = None) -> Prepared:
    """The one certificate in the bytes, which is taken."""
    (outcome,) = examine(data, policy or Policy()).outcomes
    assert isinstance(outcome, Prepared)
    return outcome


@pytest.mark.parametrize("tag", [17, 20, 40, 60, 63])
def test_d2_a_trust_packet_behind_an_unknown_one(tag: int) -> None:
    """It crashed the reader; here each of both is dropped by its rule, and what follows at its place is read."""
    trust: Item = (12, b"SKS\0\0\x0d\x05\x14noise")
    outcome = taken(ANN.certificate(ANN.user_id(TEXT), (tag, b"\x01\x01"), trust, trust, ANN.user_id("Annie")))
    expected = Rule.USER_ATTRIBUTE if tag == 17 else Rule.STRUCTURAL_MARTIAN
    assert dict(outcome.drops) == {expected: 1, Rule.TRUST: 2}
    assert set(outcome.facts.user_ids) == {TEXT, "Annie"}


def test_d3_an_unsigned_user_id_on_a_hard_revoked_key() -> None:
    """It crashed where a note about the removed user id was to be made; here both rules count it away."""
    outcome = taken(ANN.certificate(ANN.revocation(reason=2), (13, b"Eve <eve@example.org>"), ANN.user_id(TEXT)))
    assert dict(outcome.drops) == {Rule.UNBOUND: 1, Rule.HARD_REVOKED: 2}
    assert outcome.facts.user_ids == ()


def test_d9_the_size_of_long_packets() -> None:
    """Packets of 8384 octets and more, whose length takes five octets, counted as nothing; here as what they are."""
    data = dearmor((SAMPLES / "v6-slhdsa-128f.asc").read_bytes())
    outcome = taken(data)
    bodies = sum(len(item.body) for item in walk(data))
    assert (bodies, outcome.summary["size"], outcome.facts.size) == (52_823, len(outcome.data), len(outcome.data))
    assert len(outcome.data) == sum(len(frame(*item)) for item in walk(data)) > bodies
    (refused,) = examine(data, Policy(max_certificate_bytes=50_000)).outcomes
    assert isinstance(refused, Rejected)
    assert refused.code == RefusalCode.TOO_LARGE


def test_d16_a_digest_identifies_what_was_said_and_not_who_said_it() -> None:
    """Equal digests need equal packets: certificates of different keys differ, whatever else they share."""
    one, other = taken(ANN.certificate(ANN.user_id(TEXT))), taken(BEN.certificate(BEN.user_id(TEXT)))
    assert one.md5 != other.md5
    assert one.fingerprint != other.fingerprint


def test_d19_bytes_that_no_longer_parse() -> None:
    """They are a piece like any other: refused in words, here as on the way in."""
    for data in (b"", b"\xc6\x01", b"\xc6\x00", b"\xc6\x03\x04\0\0", b"\x00", ANN.certificate()[:-1]):
        assert isinstance(prepare(Piece(data, 0), Policy()), Rejected)


def test_d19_a_stored_state_that_no_longer_parses() -> None:
    """What can be read of it counts; if nothing can, news about the certificate are taken as they are."""
    news = taken(ANN.certificate(ANN.user_id(TEXT)))
    partly = ANN.certificate(ANN.user_id("Annie"), (2, b"\x04nonsense"))
    for stored, names in ((partly, {"Annie", TEXT}), (b"\xc6\x01", {TEXT}), (b"", {TEXT}), (b"\xcd\x01a", {TEXT})):
        joined = combine(stored, news.data, Policy())
        assert isinstance(joined, Prepared)
        assert set(joined.facts.user_ids) == names
    assert isinstance(attach(partly, ANN.revocation()[1], Policy()), Prepared)
    assert isinstance(attach(b"\xc6\x01", ANN.revocation()[1], Policy()), Rejected)


def test_d22_duplicates_in_the_first_upload() -> None:
    """A certificate with packets twice is the certificate with each once, at first and when it comes again."""
    user_id, subkey = ANN.user_id(TEXT), ANN.subkey(SUB)
    once = taken(ANN.certificate(user_id, BEN.certify(ANN, TEXT), subkey))
    twice = taken(
        ANN.certificate(user_id, BEN.certify(ANN, TEXT), user_id[1], user_id, BEN.certify(ANN, TEXT), subkey, subkey)
    )
    assert (twice.md5, twice.data) == (once.md5, once.data)
    assert dict(twice.drops) == {Rule.DUPLICATE: 6}
    again = combine(once.data, twice.data, Policy())
    assert isinstance(again, Prepared)
    assert (again.data, again.drops) == (once.data, ())


def test_d24_the_blacklist_holds_on_every_way() -> None:
    """Alone, among others, and for a state that was stored before: `Policy.blocks` is what readers ask."""
    policy = Policy(blacklist=(ANN.fingerprint,))
    data = ANN.certificate(ANN.user_id(TEXT)) + BEN.certificate(BEN.user_id("Ben"))
    refused, kept = examine(data, policy).outcomes
    assert isinstance(refused, Rejected)
    assert refused.code == RefusalCode.BLACKLISTED
    assert isinstance(kept, Prepared)
    assert (policy.blocks(refused.fingerprint), policy.blocks(kept.fingerprint)) == (True, False)


def test_padding_cannot_push_a_certificate_over_the_limit() -> None:
    """A stranger's megabyte of rubbish in a copy of somebody's certificate does not keep the owner's news out."""
    rubbish: list[Item] = [(13, b"x" * 2000 + str(number).encode()) for number in range(600)]
    strangers = [BEN.sign(0x10, ANN.about(TEXT), at=number, hashed=subpacket(20, bytes(150))) for number in range(50)]
    data = ANN.certificate(ANN.user_id(TEXT), strangers, rubbish, ANN.subkey(SUB))
    policy = Policy(max_certificate_bytes=3000)
    outcome = taken(data, policy)
    assert len(data) > 1_200_000
    assert len(outcome.data) <= 3000
    assert dict(outcome.drops)[Rule.UNBOUND] == 600
    assert len(outcome.facts.subkeys) == 1


def test_one_broken_certificate_does_not_cost_its_neighbours_in_a_stream() -> None:
    """A primary key that cannot be read drops itself and what follows it, up to the next primary key."""
    broken = packet(6, b"\x04nonsense") + packet(13, b"Eve") + packet(*ANN.sign(0x13, ANN.about("Eve")))
    outcomes = examine(
        ANN.certificate(ANN.user_id(TEXT)) + broken + BEN.certificate(BEN.user_id("Ben")), Policy()
    ).outcomes
    assert [type(outcome) for outcome in outcomes] == [Prepared, Rejected, Prepared]


def test_the_digest_sorts_types_as_numbers_and_keeps_trust_out() -> None:
    """As every other keyserver computes it, over bodies, whatever the framing was."""
    data = ANN.certificate(ANN.user_id(TEXT), ANN.subkey(SUB, at=CREATED + 3))
    assert sks_digest(walk(data)) == taken(data).md5 == sks_digest([*walk(data), Packet(12, b"SKS")])
    assert Counter(walk(taken(data).data)) == Counter(walk(data))
