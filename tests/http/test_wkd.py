"""A Web Key Directory against a real keyserver: by both methods, for the operator's domains alone."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysequoia import Cert

from e2e.client import Answer, ask
from e2e.letters import mailing_keyserver
from e2e.serving import ServerThread
from vectors.owner import CREATED, Owner
from wasmpuck.config import WKDSettings
from wasmpuck.keyserver.webkeys import hashed
from wasmpuck.openpgp.packets import Tag, walk

PGP = {"Content-Type": "application/pgp"}
SETTINGS = WKDSettings(
    domains=("example.org", "xn--bcher-kva.example"),
    publish="all",
    policy=("mailbox-only",),
    submission_address="keys@example.org",
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    """A directory of every key that has an address in its domains."""
    with mailing_keyserver(tmp_path_factory.mktemp("wkd"), 25, wkd=SETTINGS) as server:
        yield server


def give(url: str, owner: Owner, *user_ids: str, at: int = CREATED, revoked: bool = False) -> str:
    """Stores a certificate; returns its fingerprint."""
    items = [[owner.revocation(reason=1, at=CREATED + 99)]] if revoked else []
    data = owner.certificate(*items, *(owner.user_id(text, at=at) for text in user_ids))
    assert ask(url, "POST", "/pks/v2/certs", data, PGP).status == 200
    return owner.fingerprint


def direct(url: str, local: str, domain: str = "example.org", *, named: bool = True, method: str = "GET") -> Answer:
    query = f"?l={quote(local)}" if named else ""
    return ask(url, method, f"/.well-known/openpgpkey/hu/{hashed(local)}{query}", headers={"Host": domain})


def advanced(url: str, local: str, domain: str = "example.org", *, named: bool = True) -> Answer:
    query = f"?l={quote(local)}" if named else ""
    target = f"/.well-known/openpgpkey/{domain}/hu/{hashed(local)}{query}"
    return ask(url, "GET", target, headers={"Host": f"openpgpkey.{domain}"})


def found(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [certificate.fingerprint for certificate in Cert.split_bytes(answer.body)]


def user_ids(data: bytes) -> list[str]:
    return [packet.body.decode() for packet in walk(data) if packet.tag == Tag.USER_ID]


def test_names_are_hashed_as_the_draft_says() -> None:
    """The draft's own example, and case is no matter."""
    assert hashed("Joe.Doe") == hashed("joe.doe") == "iy9q119eutrkn8s1mk4r39qejnbu3n5q"


def test_both_methods_give_the_key_of_a_mailbox(url: str) -> None:
    """By host or by path, with the name in `l` or by its hash alone, in whatever case."""
    fingerprint = give(url, Owner("joe"), "Joe <Joe.Doe@Example.ORG>", "Joe <joe@elsewhere.example>")
    for answer in (
        direct(url, "Joe.Doe"),
        direct(url, "joe.doe", named=False),
        direct(url, "JOE.DOE", "EXAMPLE.ORG:443"),
        advanced(url, "Joe.Doe"),
        advanced(url, "joe.doe", "Example.org", named=False),
    ):
        assert found(answer) == [fingerprint]
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert user_ids(answer.body) == ["Joe <Joe.Doe@Example.ORG>"]
    head = direct(url, "joe.doe", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(direct(url, "joe.doe").body))


def test_the_client_may_keep_what_it_has(url: str) -> None:
    """An entity tag that holds is answered 304."""
    give(url, Owner("etag"), "E <etag@example.org>")
    tag = direct(url, "etag").headers["ETag"]
    target = f"/.well-known/openpgpkey/hu/{hashed('etag')}?l=etag"
    assert ask(url, "GET", target, headers={"Host": "example.org", "If-None-Match": tag}).status == 304


def test_one_key_and_the_revoked_ones(url: str) -> None:
    """Of several the newest that can be used is given, and behind it those that were revoked."""
    old = give(url, Owner("many 1"), "M <many@example.org>")
    new = give(url, Owner("many 2", created=CREATED + 10), "M <many@example.org>", at=CREATED + 11)
    gone = give(url, Owner("many 3", created=CREATED + 20), "M <many@example.org>", at=CREATED + 21, revoked=True)
    assert found(direct(url, "many")) == [new, gone]
    assert old not in found(direct(url, "many"))


def test_a_mailbox_with_nothing_but_revoked_keys(url: str) -> None:
    """Then those are what the client has to learn of."""
    gone = give(url, Owner("lost"), "L <lost@example.org>", revoked=True)
    assert found(direct(url, "lost")) == [gone]


def test_internationalised_domains_have_one_directory(url: str) -> None:
    """The host is ASCII on the wire; user ids may be in either form."""
    fingerprint = give(url, Owner("buch"), "Buch <info@bücher.example>")
    assert found(direct(url, "info", "xn--bcher-kva.example")) == [fingerprint]
    assert found(direct(url, "info", "xn--bcher-kva.example", named=False)) == [fingerprint]
    assert found(advanced(url, "info", "b%C3%BCcher.example")) == [fingerprint]


@pytest.mark.parametrize("domain", ["elsewhere.example", "localhost", "example.org.evil.example", "[::1]", "org", "*"])
def test_other_domains_have_no_directory(url: str, domain: str) -> None:
    """Keys are stored for them, but this server does not speak for them."""
    give(url, Owner("joe"), "Joe <Joe.Doe@Example.ORG>", "Joe <joe@elsewhere.example>")
    for path in (f"hu/{hashed('joe')}?l=joe", "policy", "submission-address"):
        assert ask(url, "GET", f"/.well-known/openpgpkey/{path}", headers={"Host": domain}).status == 404
    assert ask(url, "GET", f"/.well-known/openpgpkey/{quote(domain)}/policy").status == 404


def test_policy_and_submission_address_are_files(url: str) -> None:
    """The policy has a keyword a line, the address is one line (§4.1, §4.5)."""
    for prefix, host in (("", "example.org"), ("example.org/", "openpgpkey.example.org")):
        headers = {"Host": host}
        policy = ask(url, "GET", f"/.well-known/openpgpkey/{prefix}policy", headers=headers)
        assert policy.text == "protocol-version: 21\nmailbox-only\nsubmission-address: keys@example.org\n"
        address = ask(url, "GET", f"/.well-known/openpgpkey/{prefix}submission-address", headers=headers)
        assert address.text == "keys@example.org\n"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("hu/" + "0" * 32, 404),
        ("hu/short", 404),
        (f"hu/{'y' * 32}?l=joe.doe", 400),
        (f"hu/{'y' * 32}", 404),
        (f"hu/{'y' * 32}?l=%00", 404),
        (f"hu/{'y' * 32}?l=a%40b%40c", 404),
        ("hu/", 404),
        ("", 404),
    ],
)
def test_what_is_no_name_is_not_found(url: str, path: str, status: int) -> None:
    """Paths that no client makes."""
    assert ask(url, "GET", f"/.well-known/openpgpkey/{path}", headers={"Host": "example.org"}).status == status


def test_verified_directories_wait_for_the_reader(tmp_path_factory: pytest.TempPathFactory) -> None:
    """With `publish = "verified"` what nobody confirmed is not there, and no revoked key either."""
    settings = WKDSettings(domains=("example.org",))
    with mailing_keyserver(tmp_path_factory.mktemp("strict"), 25, wkd=settings) as server:
        give(server.url, Owner("joe"), "Joe <joe@example.org>")
        give(server.url, Owner("joe again"), "Joe <joe@example.org>", revoked=True)
        assert direct(server.url, "joe").status == 404
        assert direct(server.url, "joe", named=False).status == 404
        assert ask(server.url, "GET", "/.well-known/openpgpkey/policy", headers={"Host": "example.org"}).status == 200


@given(local=st.text(max_size=30), digest=st.text("ybndrfg8ejkmcpqxot1uwisza345h769", min_size=32, max_size=32))
def test_no_name_makes_it_fail(url: str, local: str, digest: str) -> None:
    """Any `l`, and any hash, is answered."""
    target = f"/.well-known/openpgpkey/example.org/hu/{digest}?l={quote(local)}"
    assert ask(url, "GET", target).status in (400, 404)


@given(host=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
def test_no_host_makes_it_fail(url: str, host: str) -> None:
    """Nor does anything in the Host field."""
    assert ask(url, "GET", "/.well-known/openpgpkey/policy", headers={"Host": host}).status in (200, 400, 404)
