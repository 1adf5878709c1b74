"""Whose signature counts: made by any means, judged as of now."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pysequoia import ArmorKind, CipherSuite, Profile, SignatureMode, Tsk, armor, sign

from vectors.gpg import ALGORITHMS, Gpg
from vectors.owner import Item, Owner, packet, subpacket
from vectors.packages import install
from wasmpuck.keyserver.signed_text import SignedText, open_clear, open_detached
from wasmpuck.keyserver.signers import Window, find_signers, hard_revoked, lost_revocations
from wasmpuck.openpgp.certificate import Certificate
from wasmpuck.openpgp.ingest import Prepared, examine
from wasmpuck.openpgp.policy import Policy

NOW = 1_700_000_000
WINDOW = Window(earliest=NOW - 3_600, latest=NOW + 120, now=NOW)
EVER = Window(earliest=0, latest=4e9, now=NOW)
TEXT = b"/pks/delete\nserver: keys.example.org\n"
ADA = Owner("ada")
SUBKEY = Owner("subkey")
USER_ID = "Ada <ada@example.org>"


def stored(certificate: bytes) -> bytes:
    """As a store holds it."""
    prepared = examine(certificate, Policy()).outcomes[0]
    assert isinstance(prepared, Prepared), prepared
    return prepared.data


def detached(signature: Item, text: bytes = TEXT) -> SignedText:
    """A text with one signature."""
    return open_detached(text, armor(packet(*signature), ArmorKind.Signature).encode())


def verdict(signature: Item, certificate: bytes, window: Window = WINDOW, text: bytes = TEXT) -> str:
    """The owner's fingerprint, or what is said against the only signature."""
    (signer,) = find_signers(detached(signature, text), [certificate], window)
    assert bool(signer.fingerprint) != bool(signer.problem)
    return signer.fingerprint or signer.problem


def by(owner: Owner, *, kind: int = 0, at: int = NOW, hashed: bytes = b"", spoil: bool = False) -> Item:
    """A signature over the text."""
    return owner.sign(kind, TEXT if kind == 0 else TEXT.replace(b"\n", b"\r\n"), at=at, hashed=hashed, spoil=spoil)


PLAIN = stored(ADA.certificate(ADA.user_id(USER_ID)))


@pytest.mark.parametrize("kind", [0, 1])
def test_the_primary_key_signs(kind: int) -> None:
    """A binary and a text signature by the primary key are the owner's."""
    assert verdict(by(ADA, kind=kind), PLAIN) == ADA.fingerprint


@pytest.mark.parametrize("kind", [2, 0x10, 0x13, 0x18, 0x1F, 0x20, 0x40])
def test_a_signature_of_another_type_is_none_over_a_text(kind: int) -> None:
    """Certifications, revocations and timestamps do not serve, even if the digest is right."""
    assert "not a signature over a text" in verdict(by(ADA, kind=kind), PLAIN)


def test_a_cleartext_message_needs_a_text_signature() -> None:
    """A binary signature in a cleartext-signed message is refused."""
    block = armor(packet(*ADA.sign(0, b"a", at=NOW)), ArmorKind.Signature)
    message = open_clear(f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\na\n{block}".encode())
    (signer,) = find_signers(message, [PLAIN], WINDOW)
    assert "not a signature over a text" in signer.problem


def test_what_was_changed_after_signing_does_not_count() -> None:
    """Another text, and a signature that is not true, are told apart from a stranger's."""
    assert "is not true" in verdict(by(ADA), PLAIN, text=TEXT + b"x")
    assert "is not true" in verdict(by(ADA, spoil=True), PLAIN)
    assert "no say" in verdict(by(Owner("eve")), PLAIN)


def test_a_stranger_who_names_the_owner_as_issuer_is_found_out() -> None:
    """The issuer that a signature names is only where to look."""
    foot = subpacket(33, b"\x04" + bytes.fromhex(ADA.fingerprint))
    assert "is not true" in verdict(Owner("eve").sign(0, TEXT, at=NOW, unhashed=foot), PLAIN)


@pytest.mark.parametrize(
    ("at", "said"), [(NOW + 121, "in the future"), (NOW - 3_601, "too old"), (NOW - 3_600, ""), (NOW + 120, "")]
)
def test_the_date_of_a_signature_is_bounded(at: int, said: str) -> None:
    """A signature from the future or from long ago is refused."""
    found = verdict(by(ADA, at=at), PLAIN)
    assert said in found if said else found == ADA.fingerprint


def test_a_signature_may_expire() -> None:
    """One that ended is refused; one that will end counts until then."""
    assert "expired" in verdict(by(ADA, at=NOW - 60, hashed=subpacket(3, (60).to_bytes(4, "big"))), PLAIN)
    assert verdict(by(ADA, at=NOW - 60, hashed=subpacket(3, (61).to_bytes(4, "big"))), PLAIN) == ADA.fingerprint


def test_a_signature_with_an_unknown_critical_subpacket_does_not_count() -> None:
    """What is marked as critical and not understood makes the signature unusable (RFC 9580 §5.2.3.7)."""
    assert "cannot be used" in verdict(by(ADA, hashed=subpacket(99, b"?", critical=True)), PLAIN)


def test_a_key_of_tomorrow_signs_nothing_today() -> None:
    """A certificate dated in the future, and a signature dated before its key, are refused."""
    tomorrow = Owner("tomorrow", created=NOW + 86_400)
    certificate = stored(tomorrow.certificate(tomorrow.user_id(USER_ID)))
    assert "future" in verdict(tomorrow.sign(0, TEXT, at=NOW), certificate)
    young = Owner("young", created=NOW - 10)
    certificate = stored(young.certificate(young.user_id(USER_ID)))
    assert "before that key was made" in verdict(young.sign(0, TEXT, at=NOW - 20), certificate)


# --- keys that may not ---------------------------------------------------------------------------


def with_subkey(*more: Item, signing: bool = True, at: int | None = None) -> bytes:
    """Ada's certificate with one subkey; `more` goes behind it."""
    return stored(ADA.certificate(ADA.user_id(USER_ID), ADA.subkey(SUBKEY, signing=signing, at=at), list(more)))


def revoke_subkey(*, reason: int | None = None, at: int = NOW - 100) -> Item:
    """The revocation of the subkey."""
    hashed = b"" if reason is None else subpacket(29, bytes((reason,)))
    return ADA.sign(0x28, ADA.framed + SUBKEY.framed, at=at, hashed=hashed)


def test_a_signing_subkey_signs_for_its_certificate() -> None:
    """The answer names the certificate, not the subkey."""
    assert verdict(by(SUBKEY), with_subkey()) == ADA.fingerprint


def test_an_encryption_subkey_does_not_sign() -> None:
    """A true signature by a subkey that is bound for encryption is refused."""
    assert "not meant for signing" in verdict(by(SUBKEY), with_subkey(signing=False))


def test_the_newest_binding_says_what_a_subkey_is_for() -> None:
    """An owner who binds a signing subkey anew without that purpose has taken it away."""
    again = ADA.subkey(SUBKEY, signing=False, at=NOW - 50)[1]
    assert "not meant for signing" in verdict(by(SUBKEY), with_subkey(again))


@pytest.mark.parametrize("reason", [None, 0, 1, 2, 3])
def test_a_revoked_subkey_does_not_sign(reason: int | None) -> None:
    """Whatever the reason, and also when the signature pretends to be older than the revocation."""
    certificate = with_subkey(revoke_subkey(reason=reason))
    assert "subkey is revoked" in verdict(by(SUBKEY), certificate)
    assert "subkey is revoked" in verdict(by(SUBKEY, at=NOW - 200), certificate)
    assert verdict(by(ADA), certificate) == ADA.fingerprint


def test_an_expired_subkey_does_not_sign() -> None:
    """As of now, also when the signature pretends to be older than the end."""
    ends = subpacket(9, (NOW - 60 - SUBKEY.created).to_bytes(4, "big"))
    scope = ADA.framed + SUBKEY.framed
    back = subpacket(32, SUBKEY.sign(0x19, scope)[1])
    binding = ADA.sign(0x18, scope, hashed=subpacket(27, b"\x02") + ends + back)
    certificate = stored(ADA.certificate(ADA.user_id(USER_ID), [(14, SUBKEY.body), binding]))
    assert "subkey has expired" in verdict(by(SUBKEY), certificate)
    assert "subkey has expired" in verdict(by(SUBKEY, at=NOW - 120), certificate)


def test_an_expired_certificate_does_not_sign() -> None:
    """As of now; the answer says what to do."""
    ends = subpacket(9, (NOW - 60 - ADA.created).to_bytes(4, "big"))
    certificate = stored(ADA.certificate(ADA.user_id(USER_ID, hashed=ends)))
    assert "has expired: extend it" in verdict(by(ADA), certificate)
    assert "has expired" in verdict(by(ADA, at=NOW - 120), certificate)


@pytest.mark.parametrize(("reason", "counts"), [(None, False), (0, False), (2, False), (1, True), (3, True)])
def test_only_a_soft_revocation_leaves_the_owner_a_say(reason: int | None, counts: bool) -> None:
    """Superseded or retired: the owner may still ask. Compromised or no reason: anybody might have the key."""
    certificate = stored(ADA.certificate(ADA.revocation(reason=reason, at=NOW - 100), ADA.user_id(USER_ID)))
    assert hard_revoked(Certificate.parse(certificate)) is not counts
    found = verdict(by(ADA), certificate)
    assert found == ADA.fingerprint if counts else "revoked" in found


def test_a_subkey_without_a_signature_back_has_no_say() -> None:
    """Somebody else's signing key that is bound without its consent does not sign for the certificate."""
    prepared = examine(ADA.certificate(ADA.user_id(USER_ID), ADA.subkey(SUBKEY, signing=True, back=False)), Policy())
    assert isinstance(prepared.outcomes[0], Prepared)
    assert "no say" in verdict(by(SUBKEY), prepared.outcomes[0].data)


# --- revocations that a replacement would lose ---------------------------------------------------


def test_a_lost_revocation_is_named() -> None:
    """Of the key, of a user id that stays, of a subkey that stays; what goes takes its revocation along."""
    key = stored(ADA.certificate(ADA.revocation(reason=3), ADA.user_id(USER_ID)))
    assert lost_revocations(key, PLAIN) == "the revocation of the key"
    assert lost_revocations(PLAIN, key) == ""
    name = stored(ADA.certificate(ADA.user_id("Old"), ADA.revoke_user_id("Old", at=NOW), ADA.user_id(USER_ID)))
    kept = stored(ADA.certificate(ADA.user_id("Old"), ADA.user_id(USER_ID)))
    assert lost_revocations(name, kept) == "the revocation of the user id 'Old'"
    assert lost_revocations(name, PLAIN) == ""
    subkey = with_subkey(revoke_subkey())
    assert lost_revocations(subkey, with_subkey()) == f"the revocation of the subkey {SUBKEY.fingerprint}"
    assert lost_revocations(subkey, PLAIN) == ""
    assert lost_revocations(subkey, subkey) == ""


# --- real programs -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    """A home with secret keys."""
    with Gpg() as home:
        yield home


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_gpg_signs_counts(gpg: Gpg, algorithm: str) -> None:
    """Cleartext, detached binary and detached text signatures of every algorithm that gpg makes keys for."""
    fingerprint = gpg.generate(f"{algorithm} <{algorithm}@example.org>", algorithm)
    certificate = stored(gpg.export(fingerprint))
    text = b"/pks/delete  \n- a line\n-----BEGIN\n\nlast \t\n"
    as_user = ("--local-user", fingerprint, "--armor")
    window = Window(0, 4e9, Certificate.parse(certificate).primary.created + 1)
    for signed in (
        open_clear(gpg.run(*as_user, "--clearsign", data=text.replace(b"\t", b" "))),
        open_detached(text, gpg.run(*as_user, "--detach-sign", data=text)),
        open_detached(text, gpg.run(*as_user, "--textmode", "--detach-sign", data=text)),
        open_detached(text.replace(b"\n", b"\r\n"), gpg.run(*as_user, "--detach-sign", data=text)),
    ):
        assert [signer.fingerprint for signer in find_signers(signed, [PLAIN, certificate], window)] == [fingerprint]


@pytest.mark.parametrize("digest", ["SHA1", "RIPEMD160", "SHA224", "SHA256", "SHA384", "SHA512"])
def test_outdated_digests_do_not_count(gpg: Gpg, digest: str) -> None:
    """SHA-1 and its contemporaries are refused, with what to tell gpg."""
    fingerprint = gpg.generate(f"{digest} <{digest}@example.org>", "rsa")
    weak = ("--allow-weak-digest-algos", "--digest-algo", digest, "--local-user", fingerprint, "--clearsign")
    signed = open_clear(gpg.run(*weak, data=TEXT))
    (signer,) = find_signers(signed, [stored(gpg.export(fingerprint))], Window(0, 4e9, 3e9))
    if digest in ("SHA1", "RIPEMD160"):
        assert "--digest-algo SHA256" in signer.problem
    else:
        assert signer.fingerprint == fingerprint


def test_two_signatures_of_gpg_are_two_answers(gpg: Gpg) -> None:
    """Each signature is judged by itself, in the order of the message."""
    names = [gpg.generate(f"{name} <{name}@example.org>") for name in ("one", "two")]
    users = [argument for name in names for argument in ("--local-user", name)]
    signed = open_clear(gpg.run(*users, "--clearsign", data=TEXT))
    first, second = (stored(gpg.export(name)) for name in names)
    window = Window(0, 4e9, 3e9)
    assert {signer.fingerprint for signer in find_signers(signed, [first, second], window)} == set(names)
    assert sum("no say" in signer.problem for signer in find_signers(signed, [first], window)) == 1


@pytest.mark.parametrize(
    "suite",
    [CipherSuite.Cv25519, CipherSuite.Cv448, CipherSuite.P384, CipherSuite.RSA2k, CipherSuite.MLDSA65_Ed25519],
    ids=["cv25519", "cv448", "p384", "rsa", "mldsa65"],
)
def test_keys_of_version_6_sign(suite: CipherSuite) -> None:
    """With a salt in the signature, elliptic, RSA and post-quantum; a flipped bit of the text is noticed."""
    key = Tsk.generate(user_ids=["Ada"], profile=Profile.RFC9580, cipher_suite=suite)
    certificate = stored(bytes(key.extract_certificate()))
    window = Window(0, 4e9, 3e9)
    message = sign(key.signer(), TEXT, mode=SignatureMode.CLEAR)
    (signer,) = find_signers(open_clear(message), [certificate], window)
    assert signer.fingerprint == key.extract_certificate().fingerprint
    (signer,) = find_signers(open_clear(message.replace(b"keys", b"kexs")), [certificate], window)
    assert "is not true" in signer.problem


def test_what_sq_signs_counts(tmp_path: Path) -> None:
    """Cleartext and detached signatures of Sequoia's `sq`, whose keys sign with a subkey."""
    install("sq", Path("/usr/bin/sq"))

    def sq(*arguments: str) -> bytes:
        return subprocess.run(["sq", *arguments], cwd=tmp_path, check=True, capture_output=True).stdout

    (tmp_path / "text").write_bytes(TEXT)
    sq("key", "generate", "--userid", USER_ID, "--export", "key")
    certificate = stored(sq("key", "extract-cert", "key"))
    fingerprint = Certificate.parse(certificate).fingerprint
    for signed in (
        open_clear(sq("sign", "--cleartext-signature", "--signer-key", "key", "text")),
        open_detached(TEXT, sq("sign", "--detached", "--signer-key", "key", "text")),
    ):
        window = Window(0, 4e9, Certificate.parse(certificate).primary.created + 1)
        assert [signer.fingerprint for signer in find_signers(signed, [certificate], window)] == [fingerprint]
