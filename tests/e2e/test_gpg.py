"""Real gpg against a real server: what goes in comes back, packet for packet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.client import lookup, upload
from e2e.gnupg import GnuPG, packets_of

ALGORITHMS = {
    "rsa3072": "Key-Type: RSA\nKey-Length: 3072\nSubkey-Type: RSA\nSubkey-Length: 3072",
    "dsa2048": "Key-Type: DSA\nKey-Length: 2048\nSubkey-Type: ELG-E\nSubkey-Length: 2048",
    "ed25519": "Key-Type: eddsa\nKey-Curve: ed25519\nSubkey-Type: ecdh\nSubkey-Curve: cv25519",
    "nistp256": "Key-Type: ecdsa\nKey-Curve: nistp256\nSubkey-Type: ecdh\nSubkey-Curve: nistp256",
    "nistp384": "Key-Type: ecdsa\nKey-Curve: nistp384\nSubkey-Type: ecdh\nSubkey-Curve: nistp384",
    "brainpoolP256r1": "Key-Type: ecdsa\nKey-Curve: brainpoolP256r1\nSubkey-Type: ecdh\nSubkey-Curve: brainpoolP256r1",
}


@pytest.fixture(scope="module")
def owner(server: str, gnupg: None) -> Iterator[GnuPG]:
    """The gpg that holds secret keys and uploads."""
    with GnuPG(server) as gpg:
        yield gpg


@pytest.fixture
def friend(server: str, gnupg: None) -> Iterator[GnuPG]:
    """A gpg that knows nothing yet."""
    with GnuPG(server) as gpg:
        yield gpg


@pytest.fixture(scope="module")
def keys(owner: GnuPG) -> dict[str, str]:
    """A key of each algorithm: its name and its fingerprint."""
    return {
        name: owner.generate(parameters, f"Owner {name} <{name}@example.org>")
        for name, parameters in ALGORITHMS.items()
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_sent_key_comes_back_packet_for_packet(
    owner: GnuPG, friend: GnuPG, keys: dict[str, str], algorithm: str
) -> None:
    """`--send-keys`, then `--recv-keys` by fingerprint elsewhere: the same packets, none more and none less."""
    fingerprint = keys[algorithm]
    owner.run("--send-keys", fingerprint)
    friend.run("--recv-keys", fingerprint)
    assert packets_of(friend.export(fingerprint)) == packets_of(owner.export(fingerprint))


def test_keys_are_received_by_key_id(owner: GnuPG, friend: GnuPG, keys: dict[str, str]) -> None:
    """`--recv-keys` with 16 digits of a primary key, and with those of a subkey."""
    fingerprint = keys["ed25519"]
    owner.run("--send-keys", fingerprint)
    friend.run("--recv-keys", fingerprint[-16:])
    assert friend.fingerprints() == [fingerprint]


@pytest.mark.parametrize("exact", [True, False], ids=["address", "key id"])
def test_search_finds_and_shows_a_key(owner: GnuPG, friend: GnuPG, keys: dict[str, str], exact: bool) -> None:
    """`--search-keys` lists the key with its user id, algorithm and size."""
    fingerprint = keys["rsa3072"]
    owner.run("--send-keys", fingerprint)
    term = "rsa3072@example.org" if exact else f"0x{fingerprint[-16:]}"
    found = friend.run("--with-colons", "--search-keys", term).decode().splitlines()
    assert found[0] == "info:1:1"
    assert found[1].startswith(f"pub:{fingerprint}:1:3072:")
    assert found[2].startswith("uid:Owner rsa3072 <rsa3072@example.org>:")


def test_a_search_without_a_match_is_not_an_error_of_the_server(friend: GnuPG) -> None:
    """gpg says that there is no data, and asks neither again nor elsewhere."""
    done = friend.attempt("--search-keys", "nobody@example.org")
    assert done.returncode != 0
    assert b"not found" in done.stderr or b"No data" in done.stderr


def test_an_unusual_user_id_survives_the_search(owner: GnuPG, friend: GnuPG) -> None:
    """Colons, per cent signs and letters beyond ASCII reach gpg as they were."""
    fingerprint = owner.generate(ALGORITHMS["ed25519"], "Ünal: 100%41 zufrieden <unal@example.org>")
    owner.run("--send-keys", fingerprint)
    listing = friend.run("--with-colons", "--search-keys", "unal@example.org").decode()
    friend.run("--recv-keys", fingerprint)
    assert "zufrieden" in listing
    assert "Ünal\\x3a 100%41 zufrieden <unal@example.org>" in friend.run("--with-colons", "--list-keys").decode()


def test_refresh_brings_what_is_new(owner: GnuPG, friend: GnuPG, keys: dict[str, str]) -> None:
    """After the owner added a user id and sent the key again, `--refresh-keys` fetches it."""
    fingerprint = keys["nistp256"]
    owner.run("--send-keys", fingerprint)
    friend.run("--recv-keys", fingerprint)
    owner.run("--quick-add-uid", fingerprint, "Second <second@example.org>")
    owner.run("--send-keys", fingerprint)
    friend.run("--refresh-keys")
    assert packets_of(friend.export(fingerprint)) == packets_of(owner.export(fingerprint))
    assert b"second@example.org" in friend.run("--list-keys", fingerprint)


def refresh(friend: GnuPG) -> None:
    """`--refresh-keys` by a gpg with a trust database, as everybody's is: gpg 2.2 takes no bare revocation without."""
    friend.run("--trust-model", "pgp", "--check-trustdb")
    friend.run("--refresh-keys")


def test_refresh_brings_a_revocation(server: str, owner: GnuPG, friend: GnuPG) -> None:
    """After the owner revoked the key, everybody who refreshes knows, and searches show it."""
    fingerprint = owner.generate(ALGORITHMS["ed25519"], "Gone <gone@example.org>")
    owner.run("--send-keys", fingerprint)
    friend.run("--recv-keys", fingerprint)
    stored = (owner.home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text()
    owner.import_(stored.replace(":-----BEGIN", "-----BEGIN").encode())
    owner.run("--send-keys", fingerprint)
    refresh(friend)
    assert "pub:r:" in friend.run("--with-colons", "--list-keys", fingerprint).decode()
    assert lookup(server, "index", f"0x{fingerprint}", options="mr").text.splitlines()[1].endswith(":r")
    assert lookup(server, "index", "gone@example.org", options="mr").status == 404
    assert packets_of(friend.export(fingerprint)) == packets_of(owner.export(fingerprint))


def test_a_revocation_alone_reaches_the_stored_key(owner: GnuPG, friend: GnuPG, server: str) -> None:
    """The revocation certificate that gpg keeps in reserve is enough: it is merged into the stored key."""
    fingerprint = owner.generate(ALGORITHMS["ed25519"], "Reserve <reserve@example.org>")
    owner.run("--send-keys", fingerprint)
    friend.run("--recv-keys", fingerprint)
    reserve = (owner.home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text()
    armored = reserve[reserve.index(":-----BEGIN") + 1 :]
    answer = upload(server, armored)
    assert [entry["fingerprint"] for entry in answer.json["updated"]] == [fingerprint.lower()]
    refresh(friend)
    assert "pub:r:" in friend.run("--with-colons", "--list-keys", fingerprint).decode()


def test_signatures_by_others_are_kept(owner: GnuPG, friend: GnuPG, keys: dict[str, str]) -> None:
    """A certification by somebody else's key goes in and comes back."""
    signer, signed = keys["rsa3072"], keys["nistp384"]
    owner.run("--yes", "--default-key", signer, "--quick-sign-key", signed)
    owner.run("--send-keys", signed)
    friend.run("--recv-keys", signed)
    assert packets_of(friend.export(signed)) == packets_of(owner.export(signed))
    assert signer[-16:] in friend.run("--with-colons", "--list-sigs", signed).decode()
