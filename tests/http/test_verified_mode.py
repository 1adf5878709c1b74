"""`vks.mode = "verified"`: no protocol shows a user id, or finds by one, that its reader did not confirm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from pysequoia import Cert

from e2e.certificates import armored, generate
from e2e.client import ask, lookup, upload
from e2e.letters import Sink, link_in, mailing_keyserver
from wasmpuck.config import HTTPSettings
from wasmpuck.openpgp.armor import dearmor
from wasmpuck.openpgp.packets import Tag, walk

USER_IDS = ("Ann <ann@example.org>", "Ann <secret@example.org>", "Ann without address")


@pytest.fixture(scope="module")
def sink() -> Sink:
    return Sink()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[str]:
    """A keyserver in verified mode."""
    relay = sink.start()
    try:
        with mailing_keyserver(tmp_path_factory.mktemp("verified"), relay.port, mode="verified") as server:
            yield server.url
    finally:
        relay.stop()


@pytest.fixture(scope="module")
def ann(url: str, sink: Sink) -> Cert:
    """Uploaded, and one of three user ids confirmed."""
    certificate = generate(*USER_IDS).extract_certificate()
    assert upload(url, armored(certificate)).status == 200
    confirm(url, sink, certificate, "ann@example.org")
    return certificate


def confirm(url: str, sink: Sink, certificate: Cert, address: str) -> None:
    before = len(sink.letters)
    headers = {"Content-Type": "application/json"}
    given = ask(url, "POST", "/vks/v1/upload", json.dumps({"keytext": armored(certificate)}).encode(), headers).json
    fields = {"token": given["token"], "addresses": [address]}
    assert ask(url, "POST", "/vks/v1/request-verify", json.dumps(fields).encode(), headers).status == 200
    assert ask(url, "POST", link_in(sink.wait(before + 1)[before])).status == 200


def user_ids(data: bytes) -> list[str]:
    return [packet.body.decode() for packet in walk(data) if packet.tag == Tag.USER_ID]


def test_every_protocol_gives_the_confirmed_user_id_alone(url: str, ann: Cert) -> None:
    """HKP in both versions and VKS cut the certificate alike, and leave its subkeys whole."""
    fingerprint = ann.fingerprint
    bodies = [
        dearmor(lookup(url, "get", "0x" + fingerprint, options="mr").body),
        lookup(url, "get", "0x" + fingerprint, options="bin").body,
        dearmor(lookup(url, "get", "ann@example.org", options="mr").body),
        ask(url, "GET", f"/pks/v2/certs/by-vfingerprint/04{fingerprint}").body,
        ask(url, "GET", f"/pks/v2/certs/by-keyid/{fingerprint[-16:]}").body,
        ask(url, "GET", "/pks/v2/certs/by-identity/ann@example.org").body,
        dearmor(ask(url, "GET", f"/vks/v1/by-fingerprint/{fingerprint.upper()}").body),
        dearmor(ask(url, "GET", "/vks/v1/by-email/ann@example.org").body),
    ]
    for body in bodies:
        assert user_ids(body) == [USER_IDS[0]]
        assert body == bodies[0]
    tags = [packet.tag for packet in walk(bodies[0])]
    assert tags.count(Tag.PUBLIC_SUBKEY) == [packet.tag for packet in walk(bytes(ann))].count(Tag.PUBLIC_SUBKEY)
    assert Cert.from_bytes(bodies[0]).fingerprint == fingerprint


def test_listings_and_pages_name_no_other(url: str, ann: Cert) -> None:
    """No index, in whatever form, and no page for people has what was not confirmed."""
    answers = [
        lookup(url, "index", "ann@example.org", options="mr"),
        lookup(url, "index", "ann@example.org", options="json"),
        lookup(url, "vindex", "0x" + ann.fingerprint, accept="text/html"),
        ask(url, "GET", f"/key/{ann.fingerprint}", headers={"Accept": "text/html"}),
        ask(url, "GET", "/pks/v2/index/ann@example.org"),
    ]
    for answer in answers:
        assert answer.status == 200, answer.text
        assert "ann@example.org" in answer.text
        assert "secret" not in answer.text
        assert "without address" not in answer.text


@pytest.mark.parametrize("search", ["secret@example.org", "Ann without address", "Ann <secret@example.org>"])
def test_nothing_is_found_by_what_is_not_shown(url: str, ann: Cert, search: str) -> None:
    """A search for a hidden user id fails as if it were not there."""
    assert lookup(url, "get", search).status == 404
    assert lookup(url, "index", search, options="mr").status == 404
    for path in ("pks/v2/certs/by-identity", "pks/v2/index"):
        assert ask(url, "GET", f"/{path}/{quote(search)}").status == 404


def test_a_key_that_nobody_confirmed_is_given_without_name(url: str) -> None:
    """By its fingerprint it is still there, for those who have it and want its revocations and subkeys."""
    certificate = generate("Shy <shy@example.org>").extract_certificate()
    assert upload(url, armored(certificate)).status == 200
    body = ask(url, "GET", f"/pks/v2/certs/by-vfingerprint/04{certificate.fingerprint}").body
    assert user_ids(body) == []
    assert lookup(url, "index", "shy@example.org", options="mr").status == 404


def test_what_was_cached_is_told_from_what_is_confirmed_now(url: str, sink: Sink) -> None:
    """Confirming changes the answer without a change of the certificate, and its entity tag with it."""
    certificate = generate("Tag <tag@example.org>").extract_certificate()
    assert upload(url, armored(certificate)).status == 200
    for target in (f"/pks/v2/certs/by-vfingerprint/04{certificate.fingerprint}",
                   f"/pks/lookup?op=get&search=0x{certificate.fingerprint}",
                   f"/vks/v1/by-fingerprint/{certificate.fingerprint}"):  # fmt: skip
        before = ask(url, "GET", target).headers
        assert ask(url, "GET", target, headers={"If-None-Match": before["ETag"]}).status == 304
    tags = [ask(url, "GET", f"/pks/v2/certs/by-vfingerprint/04{certificate.fingerprint}").headers["ETag"]]
    confirm(url, sink, certificate, "tag@example.org")
    tags.append(ask(url, "GET", f"/pks/v2/certs/by-vfingerprint/04{certificate.fingerprint}").headers["ETag"])
    assert tags[0] != tags[1]


def test_the_secret_of_tokens_is_the_owners(tmp_path: Path, sink: Sink) -> None:
    """The file with the secret is for the server's user alone, and outlives a restart."""
    with mailing_keyserver(tmp_path, 25) as server:
        assert server.url
        secret = (tmp_path / "tokens.key").read_bytes()
        assert (tmp_path / "tokens.key").stat().st_mode & 0o777 == 0o600
    with mailing_keyserver(tmp_path, 25):
        assert (tmp_path / "tokens.key").read_bytes() == secret


def test_no_number_of_others_hides_what_was_confirmed(tmp_path: Path, sink: Sink) -> None:
    """Keys that anybody made under somebody's name and stored before do not fill the pages of an answer."""
    relay = sink.start()
    settings = HTTPSettings(max_results=2)
    try:
        with mailing_keyserver(tmp_path, relay.port, mode="verified", settings=settings) as server:
            for _ in range(5):
                assert (
                    upload(server.url, armored(generate("Zoe <zoe@example.org>").extract_certificate())).status == 200
                )
            zoe = generate("Zoe <zoe@example.org>").extract_certificate()
            assert lookup(server.url, "get", "zoe@example.org").status == 404
            assert upload(server.url, armored(zoe)).status == 200
            confirm(server.url, sink, zoe, "zoe@example.org")
            for search in ("zoe@example.org", "Zoe <zoe@example.org>"):
                assert lookup(server.url, "index", search, options="mr").text.startswith("info:1:1\n")
                answer = lookup(server.url, "get", search, options="bin")
                assert Cert.from_bytes(answer.body).fingerprint == zoe.fingerprint
                assert answer.headers["Link"] is None
    finally:
        relay.stop()
