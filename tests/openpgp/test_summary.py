from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from vectors.gpg import ALGORITHMS, Gpg
from vectors.owner import CREATED, Item, Owner, subpacket
from wasmpuck.openpgp import Policy, dearmor, summarise, vet, walk

VECTORS = Path(__file__).parents[1] / "vectors"
ANN, SUB = Owner("ann"), Owner("sub", created=CREATED + 10)
DAY = 86_400


def summary(*items: Item | list[Item]) -> dict[str, Any]:
    """Of a certificate of Ann's with these."""
    return summarise(vet(walk(ANN.certificate(*items)), Policy()).certificate)


@pytest.mark.parametrize(
    ("name", "algorithm", "bits", "created", "text", "since"),
    [
        ("alice", 22, 263, 1548158185, "Alice Lovelace <alice@openpgp.example>", 1571135290),
        ("bob", 1, 3072, 1571134706, "Bob Babbage <bob@openpgp.example>", 1571135226),
    ],
)
def test_the_samples_are_listed_as_elsewhere(
    name: str, algorithm: int, bits: int, created: int, text: str, since: int
) -> None:
    """Alice and Bob of draft-bre-openpgp-samples have the numbers that Hockeypuck's index gives them."""
    listing = summarise(vet(walk(dearmor((VECTORS / f"{name}.asc").read_bytes())), Policy()).certificate)
    assert (listing["algorithm"], listing["bits"], listing["created"]) == (algorithm, bits, created)
    assert (listing["expires"], listing["revoked"]) == (None, False)
    assert [(item["text"], item["created"]) for item in listing["user_ids"]] == [(text, since)]


@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
def test_times_are_those_that_gpg_lists(algorithm: str) -> None:
    """Creation and expiration of key, user id and subkey agree with gpg's listing."""
    assert algorithm in ALGORITHMS
    with Gpg() as gpg:
        gpg.generate("Ann <ann@example.org>", algorithm, expires="2y")
        rows = {row[0]: row for row in gpg.colons("Ann")}
        listing = summarise(vet(walk(gpg.export()), Policy()).certificate)
    assert (listing["created"], listing["expires"]) == (int(rows["pub"][5]), int(rows["pub"][6]))
    subkey = listing["subkeys"][0]
    assert (subkey["created"], subkey["expires"]) == (int(rows["sub"][5]), int(rows["sub"][6]))
    assert listing["user_ids"][0]["created"] == int(rows["uid"][5])
    years = [datetime.fromtimestamp(listing[name], UTC).year for name in ("created", "expires")]
    assert years[1] == years[0] + 2


def test_it_survives_json() -> None:
    """A summary is what JSON gives back, whatever the user id looks like."""
    listing = summary(ANN.user_id("Änn \U0001f511 <ann@example.org>"), ANN.user_id(b"\xff\x01 latin"))
    assert json.loads(json.dumps(listing)) == listing
    assert {item["text"] for item in listing["user_ids"]} == {"Änn \U0001f511 <ann@example.org>", "? latin"}


def test_the_newest_certification_decides_when_a_user_id_ends() -> None:
    """It was certified first at one time, and ends when its newest certification or the key by it does."""
    listing = summary(
        ANN.user_id("Ann", at=CREATED + 1, hashed=subpacket(9, (30 * DAY).to_bytes(4, "big"))),
        ANN.user_id("Ann", at=CREATED + 2, hashed=subpacket(9, (60 * DAY).to_bytes(4, "big"))),
    )
    user_id = listing["user_ids"][0]
    assert (user_id["created"], user_id["expires"]) == (CREATED + 1, CREATED + 60 * DAY)
    assert listing["expires"] == CREATED + 60 * DAY


def test_a_signatures_own_end_counts_if_it_comes_first() -> None:
    """A certification that ends before the key ends the user id."""
    listing = summary(
        ANN.user_id("Ann", hashed=subpacket(3, DAY.to_bytes(4, "big")) + subpacket(9, (9 * DAY).to_bytes(4, "big")))
    )
    assert listing["user_ids"][0]["expires"] == CREATED + DAY


def test_a_direct_signature_may_say_when_the_key_ends() -> None:
    """The newest direct-key signature that says so goes before user ids."""
    direct = ANN.sign(0x1F, ANN.framed, hashed=subpacket(9, (5 * DAY).to_bytes(4, "big")))
    assert summary(direct, ANN.user_id("Ann"))["expires"] == CREATED + 5 * DAY


def test_a_user_id_is_revoked_until_it_is_certified_again() -> None:
    """A revocation of a user id can be taken back by a newer certification."""
    revoked = summary(ANN.user_id("Ann", at=CREATED), ANN.revoke_user_id("Ann", at=CREATED + 1))
    again = summary(ANN.user_id("Ann", at=CREATED + 2), ANN.revoke_user_id("Ann", at=CREATED + 1))
    only = summary((13, b"Ann"), ANN.revoke_user_id("Ann"))
    assert [item["user_ids"][0]["revoked"] for item in (revoked, again, only)] == [True, False, True]
    assert only["user_ids"][0]["created"] is None


@pytest.mark.parametrize("reason", [None, 0, 1, 2, 3])
def test_a_revoked_key_is_listed_as_revoked(reason: int | None) -> None:
    """For whatever reason it was revoked; its user ids stay listed if the past is not in doubt."""
    listing = summary(ANN.revocation(reason=reason), ANN.user_id("Ann"))
    assert listing["revoked"] is True
    assert len(listing["user_ids"]) == (1 if reason in (1, 3) else 0)


def test_a_revoked_subkey_is_listed_as_revoked() -> None:
    """A subkey that is compromised stays revoked; one that was superseded lives on when it is bound again."""
    scope = ANN.framed + SUB.framed

    def revoked(reason: int) -> bool:
        revocation = ANN.sign(0x28, scope, at=CREATED + 20, hashed=subpacket(29, bytes((reason,))))
        listing = summary(ANN.user_id("Ann"), ANN.subkey(SUB, at=CREATED + 30), revocation)
        return bool(listing["subkeys"][0]["revoked"])

    assert (revoked(2), revoked(1)) == (True, False)
