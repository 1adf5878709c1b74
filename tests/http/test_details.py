"""What a key's own page tells beyond a listing, from certificates made packet by packet."""

from __future__ import annotations

import pytest

from e2e.client import ask
from e2e.pages import Reader
from vectors.owner import Owner, subpacket
from wasmpuck.http.pages.details import details_of
from wasmpuck.openpgp.certificate import Certificate
from wasmpuck.openpgp.packets import walk
from wasmpuck.openpgp.signatures import SignatureType

NAME = "Alice <alice@details.example>"
START = 1_600_000_000
DAY = 86_400


def parsed(data: bytes) -> Certificate:
    return Certificate.parse(b"".join(bytes(packet) for packet in walk(data)))


def test_signatures_by_others_are_counted_by_user_id() -> None:
    """Each with its issuer, newest first; the owner's own are no others'."""
    alice, bob, carol = Owner("alice"), Owner("bob"), Owner("carol")
    data = alice.certificate(
        alice.user_id(NAME), bob.certify(alice, NAME, at=START), carol.certify(alice, NAME, at=START + DAY)
    )
    details = details_of(parsed(data))
    assert [signature.issuer for signature in details.foreign[NAME]] == [carol.fingerprint, bob.fingerprint]
    assert details.foreign[""] == ()
    assert details.foreign_count == 2


def test_usage_is_that_of_the_newest_signature() -> None:
    """Key flags of the primary key come from a direct signature or a user id, a subkey's from its binding."""
    alice, signing = Owner("alice"), Owner("signing")
    data = alice.certificate(
        alice.user_id(NAME, at=START, hashed=subpacket(27, b"\x03")),
        alice.user_id("Old", at=START - DAY, hashed=subpacket(27, b"\x01")),
        alice.subkey(signing, signing=True, at=START),
    )
    flags = details_of(parsed(data)).flags
    assert flags == {alice.fingerprint: 3, signing.fingerprint: 2}
    bare = details_of(parsed(alice.certificate(alice.user_id(NAME)))).flags
    assert bare == {alice.fingerprint: None}
    direct = alice.sign(SignatureType.DIRECT_KEY, alice.framed, at=START, hashed=subpacket(27, b"\x21"))
    assert details_of(parsed(alice.certificate(direct, alice.user_id(NAME)))).flags[alice.fingerprint] == 0x21


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [(1, None, (START + DAY, None)), (2, 1, (START, 2)), (3, 1, (START, 3)), (1, 2, (START + DAY, 2))],
)
def test_the_gravest_revocation_is_told(first: int, second: int | None, told: tuple[int, int | None]) -> None:
    """A compromise, or no reason at all, goes before a change of mind; of the same kind, the first."""
    alice = Owner("alice")
    data = alice.certificate(
        alice.revocation(reason=first, at=START), alice.revocation(reason=second, at=START + DAY), alice.user_id(NAME)
    )
    assert details_of(parsed(data)).revocations == {alice.fingerprint: told}


def test_the_page_tells_it_all(url: str) -> None:
    """Whoever signed is linked, fifty of them are listed, the rest is counted; a lost user id says when it was lost."""
    alice = Owner("page")
    signers = [Owner(f"signer {number}") for number in range(53)]
    data = alice.certificate(
        alice.user_id(NAME, hashed=subpacket(27, b"\x03")),
        *(signer.certify(alice, NAME, at=START + number * DAY) for number, signer in enumerate(signers)),
        alice.user_id("Lost <lost@details.example>"),
        alice.revoke_user_id("Lost <lost@details.example>", at=START),
    )
    assert ask(url, "POST", "/pks/add", data, {"Content-Type": "application/pgp-keys"}).status == 200
    page = Reader(ask(url, "GET", f"/key/{alice.fingerprint}", headers={"Accept": "text/html"}).text)
    said = page.text()
    assert "53 signatures" in said
    assert "and 3 more, which the downloaded key has" in said
    linked = [href for href in page.attributes("href") if href.startswith("/key/") and "lang=" not in href]
    assert linked == [f"/key/{signer.fingerprint}" for signer in reversed(signers[3:])]
    assert "revoked on 13 September 2020" in said
    assert "certify, sign" in said


def test_a_large_key_is_shown(url: str) -> None:
    """Keys whose reading takes long are read beside the other requests."""
    alice = Owner("large")
    signers = [Owner(f"large {number}") for number in range(700)]
    data = alice.certificate(alice.user_id(NAME), *(signer.certify(alice, NAME) for signer in signers))
    assert len(data) > 65_536
    assert ask(url, "POST", "/pks/add", data, {"Content-Type": "application/pgp-keys"}).status == 200
    page = Reader(ask(url, "GET", f"/key/{alice.fingerprint}", headers={"Accept": "text/html"}).text)
    assert "700 signatures" in page.text()
