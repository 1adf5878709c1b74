"""One browser for all tests here, and one server with keys of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pysequoia import Cert

from browser.chromium import Chromium
from e2e.certificates import armored, generate, revocation_of
from e2e.client import ask, upload
from e2e.serving import ServerThread, keyserver_thread
from vectors.packages import install
from wasmpuck.config import HTTPSettings
from wasmpuck.keyserver import Accept, Candidate, Reject, Verdict

HOSTILE = (
    "\u202e<script>alert(1)</script>\u202c Z\u0301\u0302\u0303\u0304\u0305\u0306\u0307 <evil@browser.example>",
    "B\u043eb <bob@browser.example>",
    "x" * 1900,
    "\u05d0\u05dc\u05d9\u05e1 <alef@browser.example>",
)


class NoStaff:
    """An admission rule as a plugin would have it."""

    async def judge(self, candidate: Candidate) -> Verdict:
        """Refuses one domain."""
        if any("staff.example" in text for text in candidate.submission.user_ids):
            return Reject("no-staff", "Keys of staff.example are <managed> elsewhere.")
        return Accept()


@dataclass(frozen=True, slots=True)
class Keys:
    """Certificates on the server, and its URL."""

    url: str
    alice: Cert
    hostile: Cert
    revoked: Cert

    @property
    def targets(self) -> list[str]:
        """Every kind of page."""
        return [
            "/", "/submit", "/help", "/pks/stats",
            "/pks/lookup?op=index&search=alice@browser.example",
            "/pks/lookup?op=index&search=many@browser.example&limit=2",
            "/pks/lookup?op=vindex&search=evil@browser.example",
            f"/key/{self.alice.fingerprint}", f"/key/{self.hostile.fingerprint}", f"/key/{self.revoked.fingerprint}",
        ]  # fmt: skip


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    """A keyserver over SQLite that refuses one domain."""
    settings = HTTPSettings(hostname="keys.example.org", contact="keymaster@example.org")
    with keyserver_thread(tmp_path_factory.mktemp("keyserver"), settings, admission=NoStaff()) as running:
        yield running


@pytest.fixture(scope="session")
def keys(server: ServerThread) -> Keys:
    """What the pages show."""
    alice = generate("Alice Lovelace <alice@browser.example>", "Alice at work <alice@work.example>")
    hostile = generate(*HOSTILE)
    revoked = generate("Revoked <revoked@browser.example>")
    many = [generate(f"Number {number} <many@browser.example>").extract_certificate() for number in range(5)]
    certificates = [tsk.extract_certificate() for tsk in (alice, hostile, revoked)]
    taken = upload(server.url, armored(*certificates, *many)).status
    assert taken == 200
    body = bytes(certificates[2]) + revocation_of(revoked)
    assert ask(server.url, "POST", "/pks/add", body, {"Content-Type": "application/pgp-keys"}).status == 200
    return Keys(server.url, *certificates)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """The browser."""
    install("chromium", Path("/usr/bin/chromium"))
    install("chromium-driver", Path("/usr/bin/chromedriver"))
    browser = Chromium(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium: Chromium) -> Chromium:
    """The browser as most people have it, whatever the test before did."""
    chromium.driver.get("about:blank")
    chromium.emulate()
    chromium.complaints()
    return chromium
