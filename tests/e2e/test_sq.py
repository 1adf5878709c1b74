"""Sequoia's sq against a real server."""

from __future__ import annotations

from pathlib import Path

import pytest
from pysequoia import Cert

from e2e.client import lookup
from e2e.gnupg import packets_of
from e2e.sequoia import Sequoia
from vectors.packages import install
from wasmpuck.openpgp.armor import dearmor


@pytest.fixture
def sequoia(tmp_path: Path, server: str) -> Sequoia:
    """An sq that knows the server."""
    install("sq", Path("/usr/bin/sq"))
    return Sequoia(tmp_path, server)


def test_a_sent_certificate_comes_back(sequoia: Sequoia) -> None:
    """`send`, then `get` by fingerprint, key id, subkey and address: the same packets."""
    sent = sequoia.generate("Squid <squid@sequoia.example>")
    sequoia.send("cert.pgp")
    fingerprint = Cert.from_bytes(sent).fingerprint.upper()
    for query in (fingerprint, fingerprint[-16:], f"0x{fingerprint}", "squid@sequoia.example"):
        assert packets_of(sequoia.get(query)) == packets_of(sent)


def test_a_subkey_leads_to_its_certificate(sequoia: Sequoia, server: str) -> None:
    """`get` with the id of a subkey."""
    sent = sequoia.generate("Subkeys <subkeys@sequoia.example>")
    sequoia.send("cert.pgp")
    listed = lookup(server, "index", "subkeys@sequoia.example", options="json").json[0]
    for subkey in listed["subKeys"]:
        assert packets_of(sequoia.get(subkey["longKeyID"])) == packets_of(sent)


def test_what_is_not_there_is_said_so(sequoia: Sequoia) -> None:
    """sq ends with an error and its own words, not with those of a server that failed."""
    done = sequoia.attempt(*sequoia.on_keyserver("get", "nobody@sequoia.example"))
    assert done.returncode != 0
    assert b"not found" in done.stderr.lower()


def test_a_revocation_reaches_others(sequoia: Sequoia, server: str) -> None:
    """The revocation that sq keeps in reserve is merged into the certificate on the server."""
    sent = sequoia.generate("Revoked <revoked@sequoia.example>")
    sequoia.send("cert.pgp")
    revocation = dearmor((sequoia.folder / "revocation.pgp").read_bytes())
    (sequoia.folder / "revoked.pgp").write_bytes(sent + revocation)
    sequoia.send("revoked.pgp")
    fingerprint = Cert.from_bytes(sent).fingerprint
    assert lookup(server, "index", f"0x{fingerprint}", options="json").json[0]["revoked"] is True
