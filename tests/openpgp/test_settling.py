from __future__ import annotations

import hashlib
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectors.owner import CREATED, Item, Owner, packet, subpacket
from wasmpuck.openpgp import Certificate, Packet, Policy, RefusalCode, Refused, Rule, merge, vet, walk
from wasmpuck.openpgp.ingest import Prepared, Rejected, attach, combine, examine
from wasmpuck.openpgp.policy import FILTERS

ANN, BEN, EVE, SUB = Owner("ann"), Owner("ben"), Owner("eve"), Owner("sub")
TEXT = "Ann <ann@example.org>"


def prepared(data: bytes, policy: Policy | None = None) -> Prepared:
    """The one certificate in the bytes, which is taken."""
    (outcome,) = examine(data, policy or Policy()).outcomes
    assert isinstance(outcome, Prepared)
    return outcome


def without(*left_out: str) -> Policy:
    """All filters but these."""
    return Policy(filters=tuple(name for name in FILTERS if name not in left_out))


# --- revocations -------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [None, 0, 2])
def test_a_hard_revocation_leaves_the_key_and_its_subkeys(reason: int | None) -> None:
    """User ids and strangers' signatures go; what the owner said about the key and its subkeys stays (HIP-5)."""
    data = ANN.certificate(
        ANN.revocation(reason=reason),
        BEN.sign(0x1F, ANN.framed),
        ANN.user_id(TEXT),
        BEN.certify(ANN, TEXT),
        ANN.subkey(SUB, signing=True),
        BEN.sign(0x28, ANN.framed + SUB.framed),
    )
    outcome = prepared(data)
    assert outcome.drops == (("drop:hardRevokedCruft", 5),)
    assert outcome.summary["revoked"] is True
    assert (outcome.facts.user_ids, outcome.identities, outcome.words, outcome.domains) == ((), (), (), ())
    assert len(list(walk(outcome.data))) == 4
    assert prepared(data, without("drop:hardRevokedCruft")).facts.user_ids == (TEXT,)


@pytest.mark.parametrize("reason", [1, 3, 32, 99])
def test_a_soft_revocation_takes_nothing_away(reason: int) -> None:
    """A key that was replaced or retired keeps its user ids, and other people's signatures."""
    data = ANN.certificate(ANN.revocation(reason=reason), ANN.user_id(TEXT), BEN.certify(ANN, TEXT))
    assert not prepared(data).drops
    assert prepared(data).summary["revoked"] is True


def test_a_strangers_or_a_false_revocation_takes_nothing_away() -> None:
    """Only the owner ends a key: a designated revoker's word does not count here, a forged one nowhere."""
    data = ANN.certificate(BEN.sign(0x20, ANN.framed), ANN.sign(0x20, ANN.framed, spoil=True), ANN.user_id(TEXT))
    outcome = prepared(data)
    assert outcome.drops == (("drop:invalidSelfSig", 1),)
    assert (outcome.summary["revoked"], outcome.facts.user_ids) == (False, (TEXT,))


def test_a_revocation_that_comes_later_settles_what_is_stored() -> None:
    """Whether it comes with the certificate, after it, or alone, the stored state is the same, and drops are told."""
    stored = prepared(ANN.certificate(ANN.user_id(TEXT), BEN.certify(ANN, TEXT), ANN.subkey(SUB)))
    revoked = prepared(ANN.certificate(ANN.revocation(), ANN.user_id("Annie")))
    together = prepared(ANN.certificate(ANN.revocation(), ANN.user_id(TEXT), ANN.subkey(SUB)))
    later = combine(stored.data, revoked.data, Policy())
    alone = attach(stored.data, ANN.revocation()[1], Policy())
    assert isinstance(later, Prepared)
    assert isinstance(alone, Prepared)
    assert later.data == alone.data == together.data
    assert later.drops == alone.drops == (("drop:hardRevokedCruft", 3),)
    again = combine(later.data, stored.data, Policy())
    assert isinstance(again, Prepared)
    assert again.data == later.data


# --- other people's signatures -----------------------------------------------------------------


def attestation(owner: Owner, text: str, *items: Item, at: int = CREATED + 50, spoil: bool = False) -> Item:
    """The owner's list of the signatures about a user id that may be given out."""
    digests = b""
    for _, body in items:
        end = 6 + int.from_bytes(body[4:6], "big")
        rest = end + 2 + int.from_bytes(body[end : end + 2], "big")
        plain = body[:end] + b"\0\0" + body[rest:]
        digests += hashlib.sha256(b"\x88" + len(plain).to_bytes(4, "big") + plain).digest()
    return owner.sign(0x16, owner.about(text), at=at, hashed=subpacket(37, digests), spoil=spoil)


def test_strangers_signatures_are_kept_dropped_or_attested() -> None:
    """As `thirdParty` says; in each case the owner's packets stay, and every drop is counted."""
    friend, stranger = BEN.certify(ANN, TEXT), EVE.certify(ANN, TEXT)
    direct, about_subkey = BEN.sign(0x1F, ANN.framed), BEN.sign(0x28, ANN.framed + SUB.framed)
    allowed = attestation(ANN, TEXT, friend)
    subkey = [*ANN.subkey(SUB), about_subkey]
    data = ANN.certificate(direct, ANN.user_id(TEXT), friend, stranger, allowed, subkey)
    keep, own, attested = (
        prepared(data, Policy(third_party=treatment)) for treatment in ("keep", "self-only", "attested")
    )
    assert (keep.drops, keep.facts.signatures) == ((("drop:structuralMartian", 1),), 6)
    assert own.drops == (("drop:structuralMartian", 1), ("drop:thirdParty", 4))
    assert attested.drops == (("drop:unattested", 3),)
    assert {Packet(*friend), Packet(*allowed)} < set(walk(attested.data))
    assert keep.identities == own.identities == attested.identities


def test_only_the_newest_attestation_counts_and_only_a_true_one() -> None:
    """Retracting is attesting to nothing; attestations of one second count together; a forged one never."""
    policy = Policy(third_party="attested")
    friend, other = BEN.certify(ANN, TEXT), EVE.certify(ANN, TEXT)

    def kept(*attestations: Item) -> int:
        outcome = prepared(ANN.certificate(ANN.user_id(TEXT), friend, other, list(attestations)), policy)
        return len({Packet(*friend), Packet(*other)} & set(walk(outcome.data)))

    assert kept() == 0
    assert kept(attestation(ANN, TEXT, friend, other)) == 2
    assert kept(attestation(ANN, TEXT, friend, at=1), attestation(ANN, TEXT, other, at=2)) == 1
    assert kept(attestation(ANN, TEXT, friend, other, at=1), attestation(ANN, TEXT, at=2)) == 0
    assert kept(attestation(ANN, TEXT, friend, at=7), attestation(ANN, TEXT, other, at=7)) == 2
    assert kept(attestation(ANN, TEXT, friend, spoil=True)) == 0
    assert kept(attestation(BEN, TEXT, friend)) == 0
    assert kept(ANN.sign(0x16, ANN.about(TEXT), hashed=subpacket(37, bytes(33)))) == 0


def test_an_attestation_alone_binds_no_user_id() -> None:
    """It is about other people's signatures; whoever dropped the certification has no user id."""
    data = ANN.certificate(ANN.user_id("Ann"), (13, TEXT.encode()), BEN.certify(ANN, TEXT), attestation(ANN, TEXT))
    outcome = prepared(data, Policy(third_party="attested"))
    assert (outcome.facts.user_ids, outcome.drops) == (("Ann",), (("drop:unbound", 3),))


def test_what_sequoia_attests_is_kept(tmp_path: Path) -> None:
    """`sq key attest-certifications` makes what this server understands."""
    files = {name: tmp_path / name for name in ("ann", "ben", "certified", "merged", "attested", "cert", "plain")}

    def sq(*arguments: str | Path) -> None:
        subprocess.run(["sq", *map(str, arguments)], check=True, capture_output=True)

    for name in ("ann", "ben"):
        sq("key", "generate", "-u", f"{name} <{name}@example.org>", "-e", files[name])
    sq("key", "extract-cert", files["ann"], "-o", files["plain"])
    sq("certify", files["ben"], files["plain"], "ann <ann@example.org>", "-o", files["certified"])
    sq("keyring", "merge", files["ann"], files["certified"], "-o", files["merged"])
    sq("key", "attest-certifications", files["merged"], "-o", files["attested"])
    sq("key", "extract-cert", files["attested"], "-o", files["cert"])
    policy = Policy(third_party="attested")
    before, after = (prepared(files[name].read_bytes(), policy) for name in ("certified", "cert"))
    assert (before.drops, after.drops) == ((("drop:unattested", 1),), ())
    assert after.facts.signatures == before.facts.signatures + 2


@given(st.integers(0, 12), st.integers(0, 30))
def test_a_flood_leaves_the_owners_material(most: int, flood: int) -> None:
    """However many strangers sign, the certificate stays within its limit and whole in the owner's parts."""
    user_id, subkey = ANN.user_id(TEXT), ANN.subkey(SUB)
    strangers = [BEN.certify(ANN, TEXT, at=CREATED + number) for number in range(flood)]
    outcome = prepared(ANN.certificate(user_id, strangers, subkey), Policy(max_foreign_signatures=most))
    assert outcome.facts.signatures == 2 + min(flood, most)
    assert dict(outcome.drops).get("drop:surplus", 0) == max(0, flood - most)
    assert {Packet(*item) for item in (ANN.primary, *user_id, *subkey)} <= set(walk(outcome.data))


def test_a_flood_in_parts_is_no_way_around_the_limit() -> None:
    """What is merged is limited like what comes at once, and the drops of the merge are reported."""
    policy = Policy(max_foreign_signatures=3)
    parts = [
        prepared(ANN.certificate(ANN.user_id(TEXT), BEN.certify(ANN, TEXT, at=CREATED + number)), policy)
        for number in range(6)
    ]
    stored, dropped = parts[0], Counter[str]()
    for part in parts[1:]:
        joined = combine(stored.data, part.data, policy)
        assert isinstance(joined, Prepared)
        stored = joined
        dropped.update(dict(joined.drops))
    assert stored.facts.signatures == 1 + 3
    assert dropped == {"drop:surplus": 3}


# --- what the operator chooses -----------------------------------------------------------------


def test_a_blacklisted_certificate_is_refused_and_known_to_be_blocked() -> None:
    """By its primary fingerprint; a subkey of the same key material elsewhere is not meant."""
    policy = Policy(blacklist=(ANN.fingerprint,))
    (outcome,) = examine(ANN.certificate(ANN.user_id(TEXT)), policy).outcomes
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.fingerprint) == (RefusalCode.BLACKLISTED, ANN.fingerprint)
    assert policy.blocks(ANN.fingerprint)
    assert not policy.blocks(BEN.fingerprint)
    assert prepared(BEN.certificate(BEN.user_id("Ben"), BEN.subkey(ANN)), policy).facts.subkeys


def test_implausible_signatures_stay_where_the_filter_is_left_out() -> None:
    """An operator may choose to keep what cannot be right."""
    data = ANN.certificate(ANN.user_id(TEXT), BEN.sign(0x10, ANN.about(TEXT), prefix=b"\0\0", spoil=True))
    assert prepared(data).drops == (("drop:implausible", 1),)
    assert prepared(data, without("drop:implausible")).drops == ()


def test_versions_are_taken_as_configured() -> None:
    """A key of a version that the operator did not list is refused, or dropped as a subkey, by name."""
    data = ANN.certificate(ANN.user_id(TEXT))
    with pytest.raises(Refused) as caught:
        vet(walk(data), Policy(versions=(6,)))
    assert caught.value.code is RefusalCode.UNPARSEABLE_PRIMARY
    assert "version 4" in caught.value.text


def odd_dsa() -> bytes:
    """A certificate with a DSA key of 512 bits whose signature nobody checked, with the right two octets."""
    numbers = (b"\x02\x00" + b"\xff" * 64, b"\x00\xa0" + b"\xff" * 20, b"\x00\x02\x02", b"\x00\x02\x03")
    body = b"\x04" + bytes(4) + b"\x11" + b"".join(numbers)
    framed = b"\x99" + len(body).to_bytes(2, "big") + body
    key_id = hashlib.sha1(framed, usedforsecurity=False).digest()[-8:]
    head = b"\x04\x13\x11\x08\x00\x06\x05\x02" + bytes(4)
    hashed = framed + b"\xb4\0\0\0\x03Old" + head + b"\x04\xff" + len(head).to_bytes(4, "big")
    digest = hashlib.sha256(hashed).digest()
    signature = head + b"\x00\x0a\x09\x10" + key_id + digest[:2] + b"\x00\x02\x02\x00\x02\x03"
    return packet(6, body) + packet(13, b"Old") + packet(2, signature)


def test_what_nobody_here_can_check_is_dropped_unless_the_operator_says_so() -> None:
    """A self-signature by a key that no library computes with is not taken on trust by default."""
    (outcome,) = examine(odd_dsa(), Policy()).outcomes
    assert isinstance(outcome, Rejected)
    assert outcome.code == RefusalCode.NO_SELF_SIGNATURE
    assert prepared(odd_dsa(), Policy(unverifiable="keep")).facts.user_ids == ("Old",)


def test_merging_across_policies_drops_what_is_no_longer_wanted() -> None:
    """A stored state from before the operator changed the policy is brought in line by the next merge."""
    before = prepared(ANN.certificate(ANN.user_id(TEXT), BEN.certify(ANN, TEXT)))
    news = prepared(ANN.certificate(ANN.user_id("Annie")))
    after = combine(before.data, news.data, Policy(third_party="self-only"))
    assert isinstance(after, Prepared)
    assert after.drops == ((Rule.THIRD_PARTY, 1),)
    union = merge(Certificate.parse(before.data), Certificate.parse(news.data))
    assert len(union.packets) == len(list(walk(after.data))) + 1
