"""`wasmpuck serve` on PostgreSQL, with gpg as its client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from e2e.client import lookup
from e2e.command import Running, wasmpuck_serve
from e2e.gnupg import GnuPG, packets_of
from postgres import PASSWORD, PostgresServer, postgres

__all__ = ["postgres"]

CONFIGURATION = """\
[storage]
url = "{url}"
passwordFile = "password"
isolation = "{isolation}"
retryFor = "30s"

[plugins]
enabled = false
"""


@pytest.fixture(scope="module", params=["read committed", "serializable"])
def served(
    request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, Running, str]]:
    """Two servers on one database, and the database's name."""
    name = asyncio.run(postgres.database(request.param))
    folders = [tmp_path_factory.mktemp("server") for _ in range(2)]
    url = postgres.url(name, tcp=True, password=False)
    text = CONFIGURATION.format(url=url, isolation=request.param)
    for folder in folders:
        (folder / "password").write_text(PASSWORD + "\n")
    with wasmpuck_serve(folders[0], text) as first, wasmpuck_serve(folders[1], text) as second:
        yield first, second, name
    for folder in folders:
        assert PASSWORD not in (folder / "log").read_text()


def test_what_gpg_sends_to_one_server_it_gets_from_another(
    served: tuple[Running, Running, str], gnupg: None, postgres: PostgresServer
) -> None:
    """By fingerprint and by address, packet for packet; connections that an administrator ends do not matter."""
    first, second, name = served
    with GnuPG(first.url) as owner, GnuPG(second.url) as friend:
        fingerprint = owner.generate(
            "Key-Type: eddsa\nKey-Curve: ed25519\nSubkey-Type: ecdh\nSubkey-Curve: cv25519", "Ann <ann@example.org>"
        )
        owner.run("--send-keys", fingerprint)
        assert asyncio.run(postgres.terminate(name)) > 0
        friend.run("--recv-keys", fingerprint)
        assert packets_of(friend.export(fingerprint)) == packets_of(owner.export(fingerprint))
        asyncio.run(postgres.terminate(name))
        found = friend.run("--with-colons", "--search-keys", "ann@example.org").decode()
        assert fingerprint.upper() in found.upper()
        stored = lookup(second.url, "get", f"0x{fingerprint}")
        assert stored.status == 200
        assert stored.body == lookup(first.url, "get", f"0x{fingerprint}").body
