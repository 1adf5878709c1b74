"""VKS against a real keyserver and a real relay: keys by address, once its reader said yes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysequoia import Cert, Profile

from e2e.certificates import armored, generate
from e2e.client import Answer, ask, upload
from e2e.letters import Sink, link_in, mailing_keyserver, text_of
from e2e.serving import ServerThread, keyserver_thread
from vectors.owner import CREATED, Owner
from wasmpuck.keyserver.notices import LANGUAGES, language_of, token_letter, verification_letter
from wasmpuck.mail import Mailbox

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def sink() -> Sink:
    return Sink()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[ServerThread]:
    """A keyserver that sends mail and shows everything."""
    relay = sink.start()
    try:
        with mailing_keyserver(tmp_path_factory.mktemp("vks"), relay.port) as server:
            yield server
    finally:
        relay.stop()


def post(url: str, path: str, fields: object, **headers: str) -> Answer:
    return ask(url, "POST", f"/vks/v1/{path}", json.dumps(fields).encode(), JSON | headers)


def give(url: str, certificate: Cert) -> Any:
    answer = post(url, "upload", {"keytext": armored(certificate)})
    assert answer.status == 200, answer.text
    return answer.json


def publish(url: str, sink: Sink, certificate: Cert, *addresses: str) -> None:
    """The whole way: upload, ask, read the letters, press the buttons."""
    before = len(sink.letters)
    given = give(url, certificate)
    answer = post(url, "request-verify", {"token": given["token"], "addresses": list(addresses)})
    assert answer.status == 200, answer.text
    for letter in sink.wait(before + len(addresses))[before:]:
        assert ask(url, "POST", link_in(letter)).status == 200


def test_a_long_request_is_read_as_a_short_one(running: ServerThread) -> None:
    """Blanks in JSON mean nothing; who asks for letters has nothing long to say."""
    certificate = generate("Long <long@vks.example>").extract_certificate()
    body = json.dumps({"keytext": armored(certificate)}).encode() + b" " * 100_000
    answer = ask(running.url, "POST", "/vks/v1/upload", body, JSON)
    assert answer.json["status"] == {"long@vks.example": "unpublished"}
    refused = ask(running.url, "POST", "/vks/v1/upload", b"[]" + b" " * 100_000, JSON)
    assert (refused.status, "no object" in refused.json["error"]) == (400, True)
    wish = ask(running.url, "POST", "/vks/v1/request-verify", json.dumps({"token": "x" * 70_000}).encode(), JSON)
    broken = post(running.url, "upload", {"keytext": "AAAA"}).json["error"]
    assert ".." not in broken
    assert (wish.status, "Name fewer addresses" in wish.json["error"]) == (413, True)


def test_an_address_is_published_when_its_reader_says_so(url: str, sink: Sink) -> None:
    """Upload, request, letter, page, button: then the key is found by its address, and not before."""
    certificate = generate("Ann <ann@example.org>", "Ann <ann@other.example>").extract_certificate()
    given = give(url, certificate)
    assert given["key_fpr"] == certificate.fingerprint.upper()
    assert given["status"] == {"ann@example.org": "unpublished", "ann@other.example": "unpublished"}
    assert ask(url, "GET", "/vks/v1/by-email/ann%40example.org").status == 404

    before = len(sink.letters)
    asked = post(url, "request-verify", {"token": given["token"], "addresses": ["ann@example.org"]}).json
    assert asked["status"] == {"ann@example.org": "pending", "ann@other.example": "unpublished"}
    letter = sink.wait(before + 1)[before]
    assert sink.envelopes[before] == ("keys@example.org", ["ann@example.org"])
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Subject"] == "Confirm ann@example.org on keys.example.org"
    page = ask(url, "GET", link_in(letter))
    assert page.status == 200
    assert "ann@example.org" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert ask(url, "GET", "/vks/v1/by-email/ann%40example.org").status == 404

    assert ask(url, "POST", link_in(letter)).status == 200
    found = ask(url, "GET", "/vks/v1/by-email/ann%40example.org")
    assert found.headers["Content-Type"] == "application/pgp-keys"
    assert Cert.from_bytes(found.body).fingerprint == certificate.fingerprint
    assert ask(url, "GET", "/vks/v1/by-email/ANN@EXAMPLE.ORG").status == 200
    assert ask(url, "GET", "/vks/v1/by-email/ann%40other.example").status == 404
    assert give(url, certificate)["status"] == {"ann@example.org": "published", "ann@other.example": "unpublished"}


def test_a_link_works_once(url: str, sink: Sink) -> None:
    """The second press of the button is told that the link was used."""
    certificate = generate("Once <once@example.org>").extract_certificate()
    given = give(url, certificate)
    before = len(sink.letters)
    post(url, "request-verify", {"token": given["token"], "addresses": ["once@example.org"]})
    link = link_in(sink.wait(before + 1)[before])
    assert ask(url, "POST", link).status == 200
    again = ask(url, "POST", link)
    assert again.status == 410
    assert "used" in again.text


def test_letters_speak_the_language_that_was_asked_for(url: str, sink: Sink) -> None:
    """The first locale that the server knows decides, and the page follows the browser."""
    certificate = generate("Udo <udo@example.org>").extract_certificate()
    given = give(url, certificate)
    before = len(sink.letters)
    fields = {"token": given["token"], "addresses": ["udo@example.org"], "locale": ["xx_YY", "de_CH", "en_US"]}
    post(url, "request-verify", fields)
    letter = sink.wait(before + 1)[before]
    assert letter["Content-Language"] == "de"
    assert "Guten Tag" in text_of(letter)
    assert letter["Subject"].endswith("bestätigen")
    page = ask(url, "GET", link_in(letter), headers={"Accept-Language": "nl, de-DE;q=0.8, en;q=0.1"})
    assert "Adresse bestätigen" in page.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_letters_say_what_they_have_to_in_every_language(language: str) -> None:
    """Address, server, fingerprint, link and time are in each, and nothing is left unfilled."""
    to = Mailbox.parse("ann@example.org")
    letters = [
        verification_letter(to, server="s.example", fingerprint="ab" * 20, link="L!", until="U!", language=language),
        token_letter(to, server="s.example", url="R!", token="T!", until="U!", language=language),
    ]
    for letter, needed in zip(letters, (("ABAB ABAB", "L!"), ("T!",)), strict=True):
        assert letter.language == language
        for word in ("ann@example.org", "s.example", "U!", *needed):
            assert word in letter.text
        assert "ann@example.org" in letter.subject
        assert "{" not in letter.subject + letter.text
    assert language_of([f"{language}-XX"]) == language


def test_a_letter_on_its_way_is_not_sent_again(url: str, sink: Sink) -> None:
    """Asking twice is answered alike and causes one letter."""
    certificate = generate("Two <two@example.org>").extract_certificate()
    given = give(url, certificate)
    before = len(sink.letters)
    for _ in range(3):
        asked = post(url, "request-verify", {"token": given["token"], "addresses": ["two@example.org"]})
        assert asked.json["status"] == {"two@example.org": "pending"}
    assert give(url, certificate)["status"] == {"two@example.org": "pending"}
    sink.wait(before + 1)
    publish(url, sink, generate("After <after@example.org>").extract_certificate(), "after@example.org")
    assert [to for _, to in sink.envelopes[before:]] == [["two@example.org"], ["after@example.org"]]


def test_an_address_gets_only_so_many_letters(url: str, sink: Sink) -> None:
    """Whoever uploads key after key for one address is told to wait, and its reader is left in peace."""
    answers = []
    before = len(sink.letters)
    for _ in range(4):
        given = give(url, generate("Victim <victim@example.org>").extract_certificate())
        answers.append(post(url, "request-verify", {"token": given["token"], "addresses": ["victim@example.org"]}))
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert "lately" in answers[-1].json["error"]
    assert len(sink.wait(before + 3)) == before + 3


def test_the_last_confirmed_certificate_is_given(url: str, sink: Sink) -> None:
    """When an address is confirmed for a second key, that one is found by it."""
    first, second = (generate("Moved <moved@example.org>").extract_certificate() for _ in range(2))
    publish(url, sink, first, "moved@example.org")
    publish(url, sink, second, "moved@example.org")
    found = Cert.from_bytes(ask(url, "GET", "/vks/v1/by-email/moved@example.org").body)
    assert found.fingerprint == second.fingerprint


def test_revoked_addresses_get_no_letters(url: str, sink: Sink) -> None:
    """A user id that its owner withdrew is said to be revoked, and cannot be confirmed."""
    owner = Owner("gone")
    gone = "Gone <gone@example.org>"
    data = owner.certificate(
        [*owner.user_id(gone), owner.revoke_user_id(gone, at=CREATED + 9)], owner.user_id("Kept <kept@example.org>")
    )
    given = post(url, "upload", {"keytext": base64.b64encode(data).decode()}).json
    assert given["status"] == {"gone@example.org": "revoked", "kept@example.org": "unpublished"}
    before = len(sink.letters)
    asked = post(url, "request-verify", {"token": given["token"], "addresses": ["gone@example.org"]})
    assert asked.json["status"] == given["status"]
    assert len(sink.letters) == before


def test_keytext_may_be_base64(url: str) -> None:
    """Instead of armor, `keytext` may be base64 of the packets."""
    certificate = generate("Base <base@example.org>").extract_certificate()
    answer = post(url, "upload", {"keytext": base64.b64encode(bytes(certificate)).decode()})
    assert answer.json["key_fpr"] == certificate.fingerprint.upper()


@pytest.mark.parametrize("profile", [Profile.RFC4880, Profile.RFC9580], ids=["v4", "v6"])
def test_keys_are_found_by_fingerprint_and_key_id(url: str, profile: Profile) -> None:
    """Digits may be of either case, of the primary key or of a subkey; without verification in open mode."""
    certificate = generate("Fin <fin@example.org>", profile=profile).extract_certificate()
    give(url, certificate)
    fingerprint = certificate.fingerprint
    key_id = fingerprint[:16] if len(fingerprint) == 64 else fingerprint[-16:]
    for path in (
        f"by-fingerprint/{fingerprint.upper()}",
        f"by-fingerprint/{fingerprint}",
        f"by-keyid/{key_id.upper()}",
    ):
        answer = ask(url, "GET", f"/vks/v1/{path}")
        assert Cert.from_bytes(answer.body).fingerprint == fingerprint
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    head = ask(url, "HEAD", f"/vks/v1/by-fingerprint/{fingerprint}")
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("by-fingerprint/" + "A" * 40, 404),
        ("by-fingerprint/" + "A" * 39, 400),
        ("by-fingerprint/0x" + "A" * 38, 400),
        ("by-keyid/" + "A" * 16, 404),
        ("by-keyid/" + "A" * 8, 400),
        ("by-email/nobody@example.org", 404),
        ("by-email/nobody", 422),
        ("by-email/a%0D%0AB@example.org", 422),
        ("by-email/", 404),
    ],
)
def test_failed_look_ups_say_why_in_plain_text(url: str, path: str, status: int) -> None:
    """GET errors are text for people, with the status that fits."""
    answer = ask(url, "GET", f"/vks/v1/{path}")
    assert answer.status == status
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "body", "kind", "status"),
    [
        ("upload", b"{", "application/json", 400),
        ("upload", b"[]", "application/json", 400),
        ("upload", b"{}", "application/json", 400),
        ("upload", b'{"keytext": 7}', "application/json", 400),
        ("upload", b'{"keytext": "hello"}', "application/json", 400),
        ("upload", b'{"keytext": "aGVsbG8="}', "application/json", 400),
        ("upload", b"[" * 100_000, "application/json", 400),
        ("upload", b'{"keytext": "x"}', "text/plain", 415),
        ("request-verify", b"{}", "application/json", 400),
        ("request-verify", b'{"token": "x", "addresses": ["a@b"]}', "application/json", 400),
        ("request-verify", b'{"token": "x", "addresses": "a@b"}', "application/json", 400),
    ],
)
def test_failed_posts_say_why_in_json(url: str, path: str, body: bytes, kind: str, status: int) -> None:
    """POST errors are a JSON object with the one attribute `error`."""
    answer = ask(url, "POST", f"/vks/v1/{path}", body, {"Content-Type": kind})
    assert answer.status == status
    assert list(answer.json) == ["error"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_addresses_must_be_those_of_the_certificate(url: str, sink: Sink) -> None:
    """Nobody is written to who is not in the certificate, and no header can be slipped in by an address."""
    given = give(url, generate("Own <own@example.org>").extract_certificate())
    before = len(sink.letters)
    for address in (
        "other@example.org",
        "own@example.org\r\nBcc: other@example.org",
        "own@example.org, other@example.org",
        "<own@example.org>",
        "own@example.org\x00",
        "own@[127.0.0.1]",
        '"own"@example.org',
    ):
        answer = post(url, "request-verify", {"token": given["token"], "addresses": ["own@example.org", address]})
        assert answer.status in (400, 422), address
    assert len(sink.letters) == before


def test_two_addresses_in_one_user_id_are_none(url: str) -> None:
    """Who reads mail for the second cannot have the first published."""
    given = give(url, generate("boss@example.org <me@evil.example>").extract_certificate())
    assert given["status"] == {}


def test_who_has_a_key_does_not_learn_its_addresses(url: str) -> None:
    """Uploading a part of a stored certificate names the part's addresses alone, and lets no others be guessed."""
    owner = Owner("private")
    known, hidden = owner.user_id("K <known@example.org>"), owner.user_id("H <hidden@example.org>")
    for data, addresses in (
        (owner.certificate(known, hidden), {"known@example.org", "hidden@example.org"}),
        (owner.certificate(known), {"known@example.org"}),
        (owner.certificate(owner.subkey(Owner("private subkey"))), set()),
    ):
        given = post(url, "upload", {"keytext": base64.b64encode(data).decode()}).json
        assert set(given["status"]) == addresses
    guess = post(url, "request-verify", {"token": given["token"], "addresses": ["hidden@example.org"]})
    wrong = post(url, "request-verify", {"token": given["token"], "addresses": ["hidder@example.org"]})
    assert guess.status == wrong.status == 400
    assert guess.json["error"].replace("hidden", "") == wrong.json["error"].replace("hidder", "")


def test_letters_are_sent_all_or_none(url: str, sink: Sink) -> None:
    """When one of the addresses may get no letter now, the others get none either."""
    before = len(sink.letters)
    for _ in range(3):
        ask(url, "POST", "/pks/v2/sendtoken", b"full@example.org", {"Content-Type": "text/plain"})
    sink.wait(before + 3)
    given = give(url, generate("E <empty@example.org>", "F <full@example.org>").extract_certificate())
    fields = {"token": given["token"], "addresses": ["empty@example.org", "full@example.org"]}
    assert post(url, "request-verify", fields).status == 429
    publish(url, sink, generate("G <gate@example.org>").extract_certificate(), "gate@example.org")
    assert ["empty@example.org"] not in [to for _, to in sink.envelopes]


def test_internationalised_domains_are_one(url: str, sink: Sink) -> None:
    """A user id in Unicode is confirmed by a letter to the ASCII form, and found by both."""
    certificate = generate("Büro <info@bücher.example>").extract_certificate()
    publish(url, sink, certificate, "info@bücher.example")
    assert sink.envelopes[-1][1] == ["info@xn--bcher-kva.example"]
    for address in ("info%40b%C3%BCcher.example", "info@xn--bcher-kva.example", "INFO@XN--BCHER-KVA.EXAMPLE"):
        assert (
            Cert.from_bytes(ask(url, "GET", f"/vks/v1/by-email/{address}").body).fingerprint == certificate.fingerprint
        )


def test_several_certificates_at_once_are_refused_but_not_lost(url: str) -> None:
    """VKS speaks of one key; the answer says so."""
    pair = [generate(f"P{number} <p{number}@example.org>").extract_certificate() for number in range(2)]
    answer = post(url, "upload", {"keytext": armored(*pair)})
    assert answer.status == 422
    assert "one at a time" in answer.json["error"]


def test_what_came_by_hkp_can_be_confirmed_too(url: str, sink: Sink) -> None:
    """Uploading again what is stored already gives a token like the first time."""
    certificate = generate("Old <old@example.org>").extract_certificate()
    assert upload(url, armored(certificate)).status == 200
    publish(url, sink, certificate, "old@example.org")
    assert ask(url, "GET", "/vks/v1/by-email/old@example.org").status == 200


@given(token=st.one_of(st.text(max_size=200), st.text("ABCabc019-_", max_size=300)))
def test_made_up_tokens_are_refused(url: str, token: str) -> None:
    """No text but a token of the server's is one, and none makes it fail."""
    answer = post(url, "request-verify", {"token": token, "addresses": ["a@example.org"]})
    assert answer.status == 400


@given(
    fields=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
        max_leaves=6,
    ),
    name=st.sampled_from(["keytext", "token", "addresses", "locale"]),
    path=st.sampled_from(["upload", "request-verify"]),
)
def test_no_json_makes_it_fail(url: str, fields: object, name: str, path: str) -> None:
    """Whatever stands in the fields is the client's mistake, never the server's."""
    assert 400 <= post(url, path, {name: fields, "token": "x"}).status < 500
    assert 400 <= post(url, path, fields).status < 500


@given(path=st.text(max_size=60))
def test_no_path_makes_it_fail(url: str, path: str) -> None:
    """Nor does anything in a path."""
    for kind in ("by-email", "by-keyid", "by-fingerprint"):
        assert 400 <= ask(url, "GET", f"/vks/v1/{kind}/{quote(path)}").status < 500
    assert 400 <= ask(url, "GET", f"/verify/{quote(path)}").status < 500


def test_hkp_clients_are_told_to_wait_too(url: str, sink: Sink) -> None:
    """Tokens of HKP version 2 count for the same address, and the refusal says until when."""
    before = len(sink.letters)
    answers = [
        ask(url, "POST", "/pks/v2/sendtoken", b"slow@example.org", {"Content-Type": "text/plain"}) for _ in range(4)
    ]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    sink.wait(before + 3)


def test_a_full_queue_is_the_servers_fault(tmp_path_factory: pytest.TempPathFactory) -> None:
    """When no letter can be taken, clients are told to come again, and nothing counts as on its way."""
    with mailing_keyserver(tmp_path_factory.mktemp("full"), 25, queue=0) as server:
        certificate = generate("Q <queue@example.org>").extract_certificate()
        given = give(server.url, certificate)
        answer = post(server.url, "request-verify", {"token": given["token"], "addresses": ["queue@example.org"]})
        assert answer.status == 503
        assert "no mail can be sent now" in answer.json["error"]
        assert int(answer.headers["Retry-After"]) > 0
        assert give(server.url, certificate)["status"] == {"queue@example.org": "unpublished"}


def test_without_mail_uploads_are_taken_and_letters_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Such a server says so when a letter is asked for."""
    with keyserver_thread(tmp_path_factory.mktemp("mute")) as server:
        given = give(server.url, generate("M <mute@example.org>").extract_certificate())
        answer = post(server.url, "request-verify", {"token": given["token"], "addresses": ["mute@example.org"]})
        assert answer.status == 501
        assert "sends no mail" in answer.json["error"]
