"""The very requests that gpg's dirmngr makes, and what gpg does with the answers.

`ks-engine-hkp.c` asks in HTTP/1.0 and percent-encodes every character that is not a letter, a digit or a blank.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from e2e.certificates import armored, generate
from e2e.client import ask, lookup, upload
from e2e.command import wasmpuck_serve
from e2e.gnupg import GnuPG, packets_of

ED25519 = "Key-Type: eddsa\nKey-Curve: ed25519\nSubkey-Type: ecdh\nSubkey-Curve: cv25519"
CONFIGURATION = """\
[plugins]
enabled = false

[search]
shortKeyIds = true
words = true
domains = ["words.example"]
"""


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
def fingerprint(owner: GnuPG) -> str:
    """Of a key on the server."""
    made = owner.generate(ED25519, "Asked Often <asked@requests.example>")
    owner.run("--send-keys", made)
    return made


def dirmngr(server: str, path: str) -> tuple[str, bytes]:
    """Asks like dirmngr, and returns the status line and the body: the connection is closed behind it."""
    parts = urlsplit(server)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:
        head = (f"GET {path} HTTP/1.0", f"Host: {parts.netloc}", "Pragma: no-cache", "Cache-Control: no-cache", "", "")
        connection.sendall("\r\n".join(head).encode())
        with connection.makefile("rb") as answer:
            received = answer.read()
    head_lines, _, body = received.partition(b"\r\n\r\n")
    return head_lines.splitlines()[0].decode(), body


def escaped(text: str) -> str:
    """As dirmngr writes a search."""
    return "".join(
        character if character.isalnum() else "+" if character == " " else f"%{ord(character):02X}"
        for character in text
    )


def test_a_search_by_mail(server: str, fingerprint: str) -> None:
    """`--search-keys` asks for a machine-readable index, whose first line tells the version and the count."""
    search = escaped("asked@requests.example")
    status, body = dirmngr(server, f"/pks/lookup?op=index&options=mr&fingerprint=on&search={search}")
    assert status.split()[1] == "200"
    assert body.startswith(f"info:1:1\npub:{fingerprint}:22:263:".encode())


@pytest.mark.parametrize("digits", [16, 40])
@pytest.mark.parametrize("operation", ["get&options=mr", "index&options=mr&fingerprint=on"])
def test_a_search_by_id(server: str, fingerprint: str, operation: str, digits: int) -> None:
    """`--recv-keys` and `--search-keys` write ids in capitals behind 0x; `get` is answered with armor."""
    status, body = dirmngr(server, f"/pks/lookup?op={operation}&search=0x{fingerprint[-digits:]}")
    assert status.split()[1] == "200"
    assert body.startswith(b"-----BEGIN PGP" if operation.startswith("get") else b"info:1:1\n")


def test_a_key_by_exact_mail(server: str, fingerprint: str) -> None:
    """Locating a key by its address asks for a `get` with `exact=on`."""
    search = escaped("asked@requests.example")
    status, body = dirmngr(server, f"/pks/lookup?op=get&options=mr&search={search}&exact=on")
    assert status.split()[1] == "200"
    assert body.startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n")


def test_nothing_found_is_404(server: str) -> None:
    """Other failures than 404 are something else to gpg: it would ask again, or call the host dead."""
    for path in ("op=index&options=mr&search=nobody", "op=get&options=mr&search=0x" + "0" * 40):
        assert dirmngr(server, f"/pks/lookup?{path}")[0].split()[1] == "404"


def test_head_and_unknown_options_do_no_harm(server: str, fingerprint: str) -> None:
    """Scripts that look first, and clients with options of their own, are answered like others."""
    target = f"/pks/lookup?op=get&options=nm,x-new,mr&x=y&search=0x{fingerprint}"
    head, got = ask(server, "HEAD", target), ask(server, "GET", target)
    assert (head.status, got.status, head.body) == (200, 200, b"")
    assert head.headers["Content-Length"] == str(len(got.body))


def test_a_key_is_located_by_mail(friend: GnuPG, fingerprint: str) -> None:
    """`--locate-external-keys` with the keyserver alone."""
    friend.run("--auto-key-locate", "clear,keyserver", "--locate-external-keys", "asked@requests.example")
    assert friend.fingerprints() == [fingerprint]


def test_a_key_is_received_by_its_subkey(owner: GnuPG, friend: GnuPG, fingerprint: str) -> None:
    """By the subkey's whole fingerprint and by its id."""
    listing = owner.run("--with-colons", "--list-keys", fingerprint).decode().splitlines()
    subkey = next(line.split(":")[9] for line in reversed(listing) if line.startswith("fpr:"))
    assert subkey != fingerprint
    friend.run("--recv-keys", subkey)
    assert packets_of(friend.export(fingerprint)) == packets_of(owner.export(fingerprint))
    friend.run("--recv-keys", subkey[-16:])


def test_several_keys_are_received_at_once(owner: GnuPG, friend: GnuPG, fingerprint: str) -> None:
    """One command, several ids."""
    other = owner.generate(ED25519, "Other <other@requests.example>")
    owner.run("--send-keys", other)
    friend.run("--recv-keys", fingerprint, other[-16:])
    assert sorted(friend.fingerprints()) == sorted([fingerprint, other])


def test_data_of_every_length_is_read_to_its_end(server: str, friend: GnuPG) -> None:
    """gpg 2.2 reads on behind base64 that has neither padding nor a checksum, whatever RFC 9580 §6.1 says of those."""
    found: dict[int, str] = {}
    for length in range(40):
        certificate = generate(f"Length {'x' * length} <length{length}@requests.example>").extract_certificate()
        alignment = len(bytes(certificate)) % 3
        if alignment not in found:
            found[alignment] = certificate.fingerprint.upper()
            assert upload(server, armored(certificate)).json["inserted"]
    assert len(found) == 3
    friend.run("--recv-keys", *found.values())
    assert sorted(friend.fingerprints()) == sorted(found.values())


# --- a server that answers more than it must ---


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server with words, domains and short ids."""
    with wasmpuck_serve(tmp_path_factory.mktemp("open"), CONFIGURATION) as running:
        yield running.url


@pytest.fixture(scope="module")
def writer(open_server: str, gnupg: None) -> Iterator[GnuPG]:
    """A gpg with its own keyserver."""
    with GnuPG(open_server) as gpg:
        yield gpg


def test_words_names_and_domains(writer: GnuPG) -> None:
    """`--search-keys` with a name, with words in any order, and with a domain."""
    fingerprint = writer.generate(ED25519, "Wilma Wordsworth <wilma@words.example>")
    writer.run("--send-keys", fingerprint)
    for search in ("Wilma Wordsworth", "wordsworth wilma", "Wordsworth", "@words.example"):
        found = writer.run("--with-colons", "--search-keys", search).decode().splitlines()
        assert found[0] == "info:1:1"
        assert found[1].startswith(f"pub:{fingerprint}:")
    assert writer.attempt("--search-keys", "wilma nobody").returncode != 0


def test_short_ids_are_received_where_they_are_allowed(writer: GnuPG, open_server: str) -> None:
    """With eight digits, as old habits have it; the answer says what that means."""
    fingerprint = writer.generate(ED25519, "Short <short@words.example>")
    writer.run("--send-keys", fingerprint)
    with GnuPG(open_server) as other:
        other.run("--recv-keys", f"0x{fingerprint[-8:]}")
        assert other.fingerprints() == [fingerprint]
    assert "forged" in lookup(open_server, "get", f"0x{fingerprint[-8:]}").headers["Warning"]


def test_short_ids_are_not_received_by_default(owner: GnuPG, friend: GnuPG, fingerprint: str) -> None:
    """gpg says that there is no data."""
    assert friend.attempt("--recv-keys", f"0x{fingerprint[-8:]}").returncode != 0
    assert friend.fingerprints() == []
