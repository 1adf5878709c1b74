"""Some 900 real certificates, loaded over HTTP and compared packet for packet with what comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.client import ask, lookup
from e2e.gnupg import GnuPG, packets_of
from wasmpuck.openpgp.packets import Packet, Tag, walk
from wasmpuck.openpgp.policy import Rule

BINARY = {"Content-Type": "application/pgp"}


@dataclass(frozen=True, slots=True)
class Upload:
    """One certificate that was uploaded, and what the server said it left out."""

    fingerprint: str
    data: bytes
    dropped: Counter[str]


def certificates_of(keyring: bytes) -> list[bytes]:
    """The certificates of a keyring, each from its primary key to the next."""
    found: list[bytearray] = []
    for packet in walk(keyring):
        if packet.tag == Tag.PUBLIC_KEY:
            found.append(bytearray())
        found[-1] += bytes(packet)
    return [bytes(certificate) for certificate in found]


@pytest.fixture(scope="module")
def uploads(server: str, debian_keyrings: list[Path]) -> list[Upload]:
    """Every certificate of the keyrings, uploaded alone, so that each has a report of its own."""
    found: dict[str, Upload] = {}
    for keyring in debian_keyrings:
        for data in certificates_of(keyring.read_bytes()):
            answer = ask(server, "POST", "/pks/add", data, BINARY)
            assert answer.status == 200, answer.text
            report = answer.json
            (entry,) = report["inserted"] + report["updated"] + report["ignored"]
            found.setdefault(entry["fingerprint"], Upload(entry["fingerprint"], data, Counter(report["dropped"])))
    return list(found.values())


def served(server: str, fingerprint: str) -> Counter[Packet]:
    answer = lookup(server, "get", f"0x{fingerprint}", options="bin")
    assert answer.status == 200
    return packets_of(answer.body)


def test_all_of_them_are_taken(server: str, uploads: list[Upload]) -> None:
    """There are hundreds, none was refused, and the server counts them."""
    assert len(uploads) > 800
    assert ask(server, "GET", "/pks/stats?options=json").json["total"] >= len(uploads)


def test_nothing_is_added_or_lost_without_a_rule(server: str, uploads: list[Upload]) -> None:
    """What comes back is what went in but for the packets that named rules left out, as many as the report said."""
    for upload in uploads:
        before, after = packets_of(upload.data), served(server, upload.fingerprint)
        assert not after - before, upload.fingerprint
        assert (before - after).total() == upload.dropped.total(), (upload.fingerprint, upload.dropped)
        assert {Rule(name) for name in upload.dropped} <= set(Rule)


def test_a_second_upload_changes_nothing(server: str, uploads: list[Upload]) -> None:
    """What the server gave out is known when it is sent back."""
    for upload in uploads[::25]:
        data = lookup(server, "get", f"0x{upload.fingerprint}", options="bin").body
        report = ask(server, "POST", "/pks/add", data, BINARY).json
        assert [entry["fingerprint"] for entry in report["ignored"]] == [upload.fingerprint]
        assert report["dropped"] == {}


def is_subkey_binding(packet: Packet) -> bool:
    """RFC 9580 §5.2.1.8, in a version 4 signature (§5.2.3)."""
    return packet.tag == Tag.SIGNATURE and packet.body[:2] == bytes((4, 0x18))


@pytest.fixture
def friend(server: str, gnupg: None) -> Iterator[GnuPG]:
    """A gpg that knows nothing yet."""
    with GnuPG(server) as gpg:
        yield gpg


def test_gpg_receives_them(server: str, uploads: list[Upload], friend: GnuPG) -> None:
    """`--recv-keys` of the largest and of every fiftieth: all arrives, but for what gpg itself drops on import.

    Those are subkey bindings that a newer one replaced.
    """
    by_size = sorted(uploads, key=lambda upload: len(upload.data))
    chosen = {upload.fingerprint for upload in [*by_size[-3:], *by_size[::50]]}
    friend.run("--recv-keys", *chosen)
    assert {fingerprint.lower() for fingerprint in friend.fingerprints()} == chosen
    friend.run("--refresh-keys")
    for fingerprint in chosen:
        mine, theirs = packets_of(friend.export(fingerprint)), served(server, fingerprint)
        assert not mine - theirs
        assert all(is_subkey_binding(packet) for packet in theirs - mine)


def test_gpg_finds_them_by_address(server: str, uploads: list[Upload], friend: GnuPG) -> None:
    """`--search-keys` with an address that a certificate carries lists that certificate."""
    for upload in uploads[::200]:
        listing = lookup(server, "index", f"0x{upload.fingerprint}", options="json").json[0]
        address = next(
            name["keywords"].rpartition("<")[2].rstrip(">") for name in listing["userIDs"] if "@" in name["keywords"]
        )
        found = friend.run("--with-colons", "--search-keys", address).decode()
        assert f"pub:{upload.fingerprint.upper()}:" in found
