"""gpg and a keyserver in verified mode: sending, fetching, searching and refreshing, before and after confirmation."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from e2e.client import ask
from e2e.gnupg import GnuPG
from e2e.letters import Sink, link_in, mailing_keyserver

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def sink() -> Sink:
    return Sink()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[str]:
    relay = sink.start()
    try:
        with mailing_keyserver(tmp_path_factory.mktemp("verified"), relay.port, mode="verified") as server:
            yield server.url
    finally:
        relay.stop()


def expiry(gpg: GnuPG, fingerprint: str) -> bytes:
    """When a key ends, as gpg lists it (doc/DETAILS, field 7)."""
    listing = gpg.run("--with-colons", "--list-keys", fingerprint)
    return next(line.split(b":")[6] for line in listing.splitlines() if line.startswith(b"pub:"))


def test_gpg_gets_what_was_confirmed(url: str, sink: Sink) -> None:
    """Only once its reader confirmed an address gpg finds, fetches and refreshes the key, with that user id alone."""
    with GnuPG(url) as ann, GnuPG(url) as bob:
        fingerprint = ann.generate("Key-Type: eddsa\nKey-Curve: ed25519", "Ann <ann@example.org>")
        ann.run("--quick-add-uid", fingerprint, "Ann <hidden@example.org>")
        ann.run("--send-keys", fingerprint)

        assert bob.attempt("--search-keys", "ann@example.org").returncode != 0
        bob.attempt("--recv-keys", fingerprint)
        assert b"ann@example.org" not in bob.attempt("--list-keys").stdout

        keytext = ann.run("--armor", "--export", fingerprint).decode()
        given = ask(url, "POST", "/vks/v1/upload", json.dumps({"keytext": keytext}).encode(), JSON).json
        assert given["key_fpr"] == fingerprint
        fields = {"token": given["token"], "addresses": ["ann@example.org"]}
        assert ask(url, "POST", "/vks/v1/request-verify", json.dumps(fields).encode(), JSON).status == 200
        (letter,) = sink.wait(1)
        assert ask(url, "POST", link_in(letter)).status == 200

        found = bob.attempt("--with-colons", "--search-keys", "ann@example.org").stdout
        assert f"pub:{fingerprint}:".encode() in found
        assert b"hidden" not in found
        bob.run("--recv-keys", fingerprint)
        listed = bob.run("--list-keys", fingerprint)
        assert b"ann@example.org" in listed
        assert b"hidden" not in listed

        before = expiry(bob, fingerprint)
        ann.run("--quick-set-expire", fingerprint, "1y")
        ann.run("--send-keys", fingerprint)
        bob.run("--refresh-keys")
        assert before != expiry(bob, fingerprint) == expiry(ann, fingerprint)
