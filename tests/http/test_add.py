"""Uploads: what is taken in which form, what is refused, and that nothing breaks the server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pysequoia import Cert

from e2e.certificates import armored, generate
from e2e.client import ask, lookup, upload
from e2e.serving import ServerThread, keyserver_thread
from wasmpuck.keyserver import Accept, Candidate, Reject, Verdict

TEN_MEGABYTES = 10 * 1024 * 1024

patient = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_new_certificate_is_inserted_then_known_then_updated(url: str) -> None:
    """The report says what became of each certificate of an upload."""
    key = generate("New <new@example.org>")
    certificate = key.extract_certificate()
    listed = [{"version": 4, "fingerprint": certificate.fingerprint}]
    assert upload(url, armored(certificate)).json["inserted"] == listed
    assert upload(url, armored(certificate)).json["ignored"] == listed
    grown = certificate.add_user_id("More <more@example.org>", key.certifier())
    assert upload(url, armored(grown)).json["updated"] == listed
    assert Cert.from_bytes(lookup(url, "get", "more@example.org").body).fingerprint == certificate.fingerprint


@pytest.mark.parametrize(
    "content_type", ["application/pgp", "application/pgp-keys", "Application/PGP-Keys; charset=us-ascii"]
)
@pytest.mark.parametrize("is_armored", [True, False])
def test_a_raw_body_is_taken(url: str, content_type: str, is_armored: bool) -> None:
    """A body that is OpenPGP data by its type is taken, armored or not, whatever parameters the type carries."""
    certificate = generate("Raw <raw@example.org>").extract_certificate()
    body = armored(certificate).encode() if is_armored else bytes(certificate)
    answer = ask(url, "POST", "/pks/add", body, {"Content-Type": content_type})
    assert answer.status == 200
    assert answer.json["inserted"]


def test_a_form_as_gpg_writes_it_is_taken(url: str) -> None:
    """gpg escapes every punctuation character of the armor."""
    certificate = generate("Gpg <gpg@example.org>").extract_certificate()
    body = b"keytext=" + quote(armored(certificate), safe="").replace("-", "%2D").encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ask(url, "POST", "/pks/add", body, headers).json["inserted"]


def test_a_long_form_whose_every_character_is_escaped_is_taken(url: str) -> None:
    """Unpacking it is work for another process; what is refused there is refused in the same words."""
    certificate = generate("Long <long@example.org>").extract_certificate()
    everything = "".join(f"%{octet:02X}" for octet in b" " * 20_000 + armored(certificate).encode()).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ask(url, "POST", "/pks/add", b"options=mr&keytext=" + everything, headers).json["inserted"]
    refused = ask(url, "POST", "/pks/add", b"keytext=" + b"%0A" * 20_000, headers)
    assert (refused.status, "no field keytext" in refused.text, "Put the armored" in refused.text) == (400, True, True)


def test_several_certificates_in_one_upload(url: str) -> None:
    """One block may hold many certificates; each is reported."""
    certificates = [generate(f"Many <many{number}@example.org>").extract_certificate() for number in range(5)]
    report = upload(url, armored(*certificates)).json
    assert {entry["fingerprint"] for entry in report["inserted"]} == {each.fingerprint for each in certificates}


def test_a_browser_gets_a_page(url: str) -> None:
    """A form sent by a browser is answered with a page, unless it asks for JSON."""
    certificate = generate("Page <page@example.org>").extract_certificate()
    answer = upload(url, armored(certificate), accept="text/html,application/xhtml+xml")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert certificate.fingerprint[:4].upper() in answer.text
    assert upload(url, armored(certificate), accept="text/html", options="json").json["ignored"]


def test_a_secret_key_is_refused_with_its_reason(url: str) -> None:
    """A secret key is never stored, and its sender is told what that means."""
    key = generate("Secret <secret@example.org>")
    answer = ask(url, "POST", "/pks/add", bytes(key), {"Content-Type": "application/pgp"})
    assert answer.status == 422
    assert answer.json["invalid"][0]["code"] == "secret-key"
    assert lookup(url, "get", "secret@example.org").status == 404


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"", 400),
        ("application/x-www-form-urlencoded", b"keytext=", 400),
        ("application/x-www-form-urlencoded", b"key=value", 400),
        ("application/x-www-form-urlencoded", b"&".join(b"a=b" for _ in range(100)), 400),
        ("application/x-www-form-urlencoded", b"keytext=hello", 400),
        ("application/x-www-form-urlencoded", b"keytext=%00%00%00", 422),
        ("application/pgp-keys", b"", 400),
        ("application/pgp", b"hello", 400),
        ("application/pgp", b"\xff\xff\xff", 422),
        ("multipart/form-data; boundary=x", b"--x--", 422),
        ("multipart/form-data", b"--x--", 422),
        ("text/plain", b"-----BEGIN PGP PUBLIC KEY BLOCK-----", 415),
    ],
)
def test_bad_uploads_have_their_status(url: str, content_type: str, body: bytes, status: int) -> None:
    """What is no upload is refused with the reason and what to do instead."""
    answer = ask(url, "POST", "/pks/add", body, {"Content-Type": content_type})
    assert answer.status == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.text.strip()


def test_an_upload_without_a_type_is_refused(url: str) -> None:
    """Without a content type there is no telling what a body is."""
    assert ask(url, "POST", "/pks/add", b"hello").status == 415


@given(cut=st.integers(0, 2000))
@patient
def test_truncated_certificates_never_break_the_server(url: str, cut: int) -> None:
    """A certificate that ends anywhere is either taken as far as it holds or refused: never a failure of the server."""
    whole = TRUNCATED
    answer = ask(url, "POST", "/pks/add", whole[: min(cut, len(whole))], {"Content-Type": "application/pgp"})
    assert answer.status in {200, 400, 422}


@given(body=st.binary(max_size=4096))
@patient
def test_random_bytes_never_break_the_server(url: str, body: bytes) -> None:
    """Random bytes are refused as what they are."""
    for content_type in ("application/pgp", "application/x-www-form-urlencoded"):
        answer = ask(url, "POST", "/pks/add", body, {"Content-Type": content_type})
        assert answer.status in {200, 400, 422}


@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
@patient
def test_damaged_certificates_never_break_the_server(url: str, place: int, value: int) -> None:
    """A certificate with one wrong byte is refused, or taken without what the byte broke."""
    damaged = bytearray(TRUNCATED)
    damaged[place % len(damaged)] = value
    answer = ask(url, "POST", "/pks/add", bytes(damaged), {"Content-Type": "application/pgp"})
    assert answer.status in {200, 400, 422}


TRUNCATED = bytes(generate("Cut <cut@example.org>", "Cut again <again@example.org>").extract_certificate())


def test_ten_megabytes_are_refused_quickly(url: str) -> None:
    """A body over the limit is answered 413 without being read, with the limit in the answer."""
    began = time.monotonic()
    answer = ask(url, "POST", "/pks/add", bytes(TEN_MEGABYTES), {"Content-Type": "application/pgp"})
    assert answer.status == 413
    assert "8,388,608" in answer.text
    assert time.monotonic() - began < 10
    assert ask(url, "GET", "/pks/health").status == 200


class Picky:
    """Refuses whoever is called Mallory."""

    async def judge(self, candidate: Candidate) -> Verdict:
        """Looks at the names."""
        self.seen = submission = candidate.submission
        if any("Mallory" in user_id for user_id in submission.user_ids):
            return Reject("unwelcome-name", "Mallory may not come in.", "picky")
        return Accept()


@pytest.fixture
def picky(tmp_path: Path) -> Iterator[tuple[ServerThread, Picky]]:
    admission = Picky()
    with keyserver_thread(tmp_path, admission=admission) as server:
        yield server, admission


def test_admission_refuses_with_its_reason(picky: tuple[ServerThread, Picky]) -> None:
    """When all of an upload is refused by admission the status is 403, and people see why on every kind of answer."""
    server, admission = picky
    mallory = generate("Mallory <mallory@example.org>").extract_certificate()
    answer = upload(server.url, armored(mallory))
    assert answer.status == 403
    assert answer.json["invalid"] == [
        {
            "version": 4,
            "fingerprint": mallory.fingerprint,
            "code": "unwelcome-name",
            "comment": "Mallory may not come in.",
        }
    ]
    assert "Mallory may not come in." in upload(server.url, armored(mallory), accept="text/html").text
    assert lookup(server.url, "get", "mallory@example.org").status == 404
    assert admission.seen.client == "127.0.0.1"
    assert 'wasmpuck_store_rejected_keys_total{reason="unwelcome-name"} 2.0' in server.metrics.render().decode()


def test_one_refusal_does_not_stop_the_others(picky: tuple[ServerThread, Picky]) -> None:
    """An upload of which something was taken is 200, with the refused in the report."""
    server, _ = picky
    mallory = generate("Mallory <mallory@example.org>").extract_certificate()
    bob = generate("Bob <bob@example.org>").extract_certificate()
    answer = upload(server.url, armored(mallory, bob))
    assert answer.status == 200
    assert [entry["fingerprint"] for entry in answer.json["inserted"]] == [bob.fingerprint]
    assert [entry["code"] for entry in answer.json["invalid"]] == ["unwelcome-name"]
