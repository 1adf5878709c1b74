from __future__ import annotations

from collections import Counter

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pysequoia import Profile, Tsk

from vectors.gpg import ALGORITHMS, Gpg
from vectors.owner import CREATED, Item, Owner, packet, subpacket
from wasmpuck.openpgp import Certificate, Packet, Policy, RefusalCode, Refused, Rule, Tag, Vetted, vet, walk

ANN, BEN, EVE, SUB = Owner("ann"), Owner("ben"), Owner("eve"), Owner("sub")
TEXT = "Ann <ann@example.org>"
# gpg takes the name of a curve for encryption unless told otherwise.
SIGNING = {name: f"{ALGORITHMS[name][0]}/ecdsa" for name in ALGORITHMS if name.startswith(("nist", "brain", "secp"))}


def vetted(data: bytes, policy: Policy | None = None) -> Vetted:
    """The bytes of one certificate through all rules."""
    return vet(walk(data), policy or Policy())


def refused(data: bytes, policy: Policy | None = None) -> Refused:
    """Why the bytes of one certificate are not taken."""
    with pytest.raises(Refused) as caught:
        vetted(data, policy)
    return caught.value


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_gpgs_certificates_pass_packet_for_packet(algorithm: str) -> None:
    """Of a key that gpg generated, certified and revoked parts of, no packet is dropped and none is altered."""
    with Gpg() as gpg:
        fingerprint = gpg.generate(TEXT, algorithm, expires="2y")
        friend = gpg.generate("Ben <ben@example.org>")
        gpg.run("--quick-add-uid", fingerprint, "Ann at work <ann@work.example>")
        gpg.run("--quick-add-key", fingerprint, SIGNING.get(algorithm, ALGORITHMS[algorithm][0]), "sign", "1y")
        gpg.run("--default-key", friend, "--quick-sign-key", fingerprint)
        gpg.run("--quick-revoke-uid", fingerprint, "Ann at work <ann@work.example>")
        exported = gpg.export(fingerprint)
        result = vetted(exported)
        assert not result.drops
        assert sorted(result.certificate.packets) == sorted(walk(exported))
        with Gpg() as other:
            other.import_(result.certificate.bytes)
            assert Counter(walk(other.export())) == Counter(walk(exported))


@pytest.mark.parametrize("profile", [Profile.RFC4880, Profile.RFC9580])
def test_sequoias_certificates_pass_packet_for_packet(profile: Profile) -> None:
    """Certificates of version 4 and 6, with signing subkeys that sign back, are kept whole."""
    made = bytes(Tsk.generate(user_ids=[TEXT], profile=profile).extract_certificate())
    result = vetted(made)
    assert not result.drops
    assert sorted(result.certificate.packets) == sorted(walk(made))


def test_a_subkey_binding_a_revocation_and_a_friends_signature_stay() -> None:
    """What belongs to a certificate and is true is kept."""
    data = ANN.certificate(
        ANN.revocation(reason=1),
        ANN.user_id(TEXT),
        BEN.certify(ANN, TEXT),
        ANN.revoke_user_id(TEXT),
        ANN.subkey(SUB, signing=True),
    )
    result = vetted(data)
    assert not result.drops
    assert Counter(result.certificate.packets) == Counter(walk(data))


def drop(rule: Rule, count: int, *items: Item | list[Item]) -> tuple[Rule, int, tuple[Item | list[Item], ...]]:
    """A row of the table below."""
    return rule, count, items


ABOUT = ANN.about(TEXT)
DROPPED = {
    "an unknown signature version": drop(Rule.UNPARSEABLE, 1, (2, b"\x05" + ANN.sign(0x13, ABOUT)[1][1:])),
    "an unknown critical subpacket": drop(
        Rule.UNPARSEABLE, 1, ANN.sign(0x13, ABOUT, hashed=subpacket(99, b"x", critical=True))
    ),
    "a signature without an issuer": drop(Rule.UNPARSEABLE, 1, ANN.sign(0x13, ABOUT, unhashed=b"")),
    "a cut signature": drop(Rule.UNPARSEABLE, 1, (2, ANN.sign(0x13, ABOUT)[1][:-1])),
    "a signature and a half": drop(Rule.UNPARSEABLE, 1, (2, ANN.sign(0x13, ABOUT)[1] + b"\0")),
    "an empty signature": drop(Rule.UNPARSEABLE, 1, (2, b"")),
    "a user id with a NUL": drop(Rule.UNPARSEABLE, 2, ANN.user_id("Ann\0 <root@example.org>")),
    "an unreadable subkey": drop(Rule.UNPARSEABLE, 2, (14, b"\x04zzz"), ANN.subkey(SUB)[1]),
    "a picture": drop(Rule.USER_ATTRIBUTE, 2, (17, b"\x01\x01"), ANN.sign(0x13, ABOUT)),
    "a stranger's implausible signature": drop(
        Rule.IMPLAUSIBLE, 1, (2, BEN.sign(0x10, ABOUT, prefix=b"\0\0", spoil=True)[1])
    ),
    "a stranger's signature of something else": drop(Rule.IMPLAUSIBLE, 1, BEN.sign(0x10, EVE.about(TEXT))),
    "a forged self-signature": drop(Rule.INVALID_SELF_SIGNATURE, 1, ANN.sign(0x13, ABOUT, at=1, spoil=True)),
    "a self-signature of something else": drop(Rule.INVALID_SELF_SIGNATURE, 1, ANN.sign(0x13, ANN.about("other"))),
    "a document's signature": drop(Rule.STRUCTURAL_MARTIAN, 1, ANN.sign(0x00, b"text")),
    "a binding at a user id": drop(Rule.STRUCTURAL_MARTIAN, 1, ANN.sign(0x18, ABOUT)),
    "a literal packet and its signature": drop(Rule.STRUCTURAL_MARTIAN, 2, (11, b"text"), ANN.sign(0x13, ABOUT)),
    "a user id without a signature": drop(Rule.UNBOUND, 1, (13, b"Eve")),
    "a user id that only a stranger signed": drop(Rule.UNBOUND, 2, (13, b"Eve"), BEN.sign(0x10, ANN.about("Eve"))),
    "a subkey without a signature": drop(Rule.UNBOUND, 1, ANN.subkey(SUB)[0]),
    "a trust packet": drop(Rule.TRUST, 1, (12, b"trust")),
    "a local signature": drop(Rule.LOCAL, 1, BEN.sign(0x10, ABOUT, hashed=subpacket(4, b"\0"))),
    "a long user id": drop(Rule.OVERSIZED, 2, ANN.user_id("a" * 2049)),
    "a long signature": drop(Rule.OVERSIZED, 1, (2, b"\x04" + bytes(65536))),
    "a signature that is there twice": drop(Rule.DUPLICATE, 1, ANN.user_id(TEXT)[1]),
    "a user id that is there twice": drop(Rule.DUPLICATE, 2, ANN.user_id(TEXT)),
}


@pytest.mark.parametrize("what", DROPPED)
def test_what_has_no_place_is_dropped_by_its_rule(what: str) -> None:
    """One thing that does not belong leaves no trace but a number at its rule."""
    rule, count, items = DROPPED[what]
    clean = ANN.certificate(ANN.user_id(TEXT))
    result = vetted(ANN.certificate(ANN.user_id(TEXT), *items))
    assert result.drops == {rule: count}
    assert result.certificate == vetted(clean).certificate


def test_a_trust_packet_about_a_picture_is_no_accident() -> None:
    """A dropped packet followed by a note about it, which crashes Hockeypuck, is just two dropped packets."""
    result = vetted(ANN.certificate(ANN.user_id(TEXT), (17, b"\x01\x01"), (12, b"trust")))
    assert result.drops == {Rule.USER_ATTRIBUTE: 1, Rule.TRUST: 1}


def test_the_owners_revocation_counts_wherever_it_stands() -> None:
    """A revocation that was appended to a certificate is as good as one at its place; a stranger's is out of place."""
    in_place = vetted(ANN.certificate(ANN.revocation(), ANN.user_id(TEXT), ANN.subkey(SUB)))
    appended = vetted(ANN.certificate(ANN.user_id(TEXT), ANN.subkey(SUB), ANN.revocation()))
    dropped = vetted(ANN.certificate(ANN.user_id(TEXT), (17, b"\x01\x01"), ANN.revocation(), (17, b"\x01\x01")))
    assert appended == in_place
    assert len(dropped.certificate.direct) == 1
    stranger = vetted(ANN.certificate(ANN.user_id(TEXT), BEN.sign(0x20, ANN.framed)))
    assert stranger.drops == {Rule.STRUCTURAL_MARTIAN: 1}


def test_a_signing_subkey_must_sign_back() -> None:
    """Without a signature by the subkey anybody could claim somebody else's signing key as theirs."""
    with_back = vetted(ANN.certificate(ANN.user_id(TEXT), ANN.subkey(SUB, signing=True)))
    without = vetted(ANN.certificate(ANN.user_id(TEXT), ANN.subkey(SUB, signing=True, back=False)))
    assert len(with_back.certificate.subkeys) == 1
    assert without.drops == {Rule.INVALID_SELF_SIGNATURE: 1, Rule.UNBOUND: 1}


def test_markers_and_padding_are_passed_over() -> None:
    """They may stand anywhere and are not counted (RFC 9580 §5.8, §5.14)."""
    user_id, signature = ANN.user_id(TEXT)
    result = vetted(ANN.certificate(user_id, (10, b"PGP"), (21, b"xxx"), signature))
    assert not result.drops
    assert len(result.certificate.packets) == 3


def test_a_key_that_is_only_revoked_stays() -> None:
    """A revocation alone is a valid self-signature."""
    assert len(vetted(ANN.certificate(ANN.revocation())).certificate.packets) == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (packet(5, ANN.body + b"\0secret") + packet(13, b"Ann"), RefusalCode.SECRET_KEY),
        (ANN.certificate(ANN.user_id(TEXT), (7, SUB.body + b"\0secret")), RefusalCode.SECRET_KEY),
        (packet(6, b"\x04nonsense"), RefusalCode.UNPARSEABLE_PRIMARY),
        (packet(6, b"\x04" + bytes(9000)), RefusalCode.UNPARSEABLE_PRIMARY),
        (packet(13, b"Ann"), RefusalCode.UNPARSEABLE_PRIMARY),
        (ANN.certificate(), RefusalCode.NO_SELF_SIGNATURE),
        (ANN.certificate((13, b"Ann"), ANN.subkey(SUB)[0]), RefusalCode.NO_SELF_SIGNATURE),
        (ANN.certificate(BEN.sign(0x1F, ANN.framed)), RefusalCode.NO_SELF_SIGNATURE),
    ],
    ids=[
        "secret key",
        "secret subkey",
        "unreadable",
        "too long",
        "no key first",
        "bare key",
        "nothing bound",
        "only a stranger's",
    ],
)
def test_what_makes_a_certificate_useless_refuses_it(data: bytes, code: RefusalCode) -> None:
    """The whole certificate is refused, with a code for programs and a sentence for people."""
    error = refused(data)
    assert error.code is code
    assert error.text.endswith(".")


def test_limits_refuse_the_owners_excess() -> None:
    """More user ids, subkeys or bytes than allowed, all signed by the owner, are refused with the numbers."""
    many = ANN.certificate(*(ANN.user_id(f"ann{number}") for number in range(4)))
    keys = ANN.certificate(ANN.user_id(TEXT), *(ANN.subkey(Owner(f"sub{number}")) for number in range(4)))
    assert refused(many, Policy(max_user_ids=3)).code is RefusalCode.TOO_MANY_USER_IDS
    assert refused(keys, Policy(max_subkeys=3)).code is RefusalCode.TOO_MANY_SUBKEYS
    error = refused(many, Policy(max_certificate_bytes=100))
    assert error.code is RefusalCode.TOO_LARGE
    assert "at most 100" in error.text


def test_other_peoples_signatures_yield_to_the_limits() -> None:
    """Strangers cannot push out what is the owner's: the oldest of theirs stay as far as there is room."""
    friends = [BEN.certify(ANN, TEXT, at=CREATED + number) for number in range(20)]
    data = ANN.certificate(ANN.user_id(TEXT, at=CREATED + 99), *friends)
    kept = vetted(data, Policy(max_foreign_signatures=5))
    assert kept.drops == {Rule.SURPLUS: 15}
    certificate = kept.certificate
    assert [item.created for item in certificate.user_ids[0].signatures] == [CREATED + 99, *range(CREATED, CREATED + 5)]
    small = vetted(data, Policy(max_certificate_bytes=len(certificate.bytes)))
    assert small.certificate == certificate


def test_checks_are_counted() -> None:
    """A flood of signatures in the owner's name, each with true octets of the digest, is refused in time."""
    flood = [ANN.sign(0x13, ABOUT, at=number, spoil=True) for number in range(50)]
    data = ANN.certificate(ANN.user_id(TEXT), *flood)
    assert vetted(data).drops == {Rule.INVALID_SELF_SIGNATURE: 50}
    assert refused(data, Policy(max_own_checks=40)).code is RefusalCode.TOO_MANY_SELF_SIGNATURES


def test_a_stored_certificate_passes_again_unchanged() -> None:
    """Vetting its own result changes nothing."""
    data = ANN.certificate(ANN.user_id(TEXT), (13, b"Eve"), BEN.certify(ANN, TEXT), ANN.subkey(SUB, signing=True))
    once = vetted(data).certificate
    assert vetted(once.bytes) == Vetted(once, Counter())
    assert Certificate.parse(once.bytes) == once


def test_every_tag_has_a_fate() -> None:
    """A packet of any type with any body in a certificate is kept, dropped or refused, and never an accident."""
    for tag in range(1, 64):
        data = ANN.certificate(ANN.user_id(TEXT), (tag, b"\x04body"))
        if tag in (Tag.SECRET_KEY, Tag.SECRET_SUBKEY):
            assert refused(data).code is RefusalCode.SECRET_KEY
        else:
            assert Packet(tag, b"\x04body") not in vetted(data).certificate.packets


def test_keys_too_small_to_check_are_refused_in_words() -> None:
    """An RSA key that no maintained library checks does not pass as valid."""
    numbers = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key().public_numbers()
    modulus = numbers.n.to_bytes(128, "big")[:32]
    body = b"\x04" + bytes(4) + b"\x01\x01\x00" + modulus + b"\x00\x11\x01\x00\x01"
    assert refused(packet(6, body) + packet(13, b"Ann")).code in (
        RefusalCode.NO_SELF_SIGNATURE,
        RefusalCode.UNPARSEABLE_PRIMARY,
    )
