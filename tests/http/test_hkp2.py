"""HKP version 2 against a real keyserver: what the draft says, row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysequoia import Cert, Profile

from e2e.certificates import generate, revocation_of
from e2e.client import Answer, ask
from e2e.letters import BASE, Sink, mailing_keyserver, text_of
from e2e.serving import ServerThread, keyserver_thread
from vectors.owner import CREATED, Owner
from wasmpuck.config import HTTPSettings, WKDSettings
from wasmpuck.keyserver.webkeys import hashed
from wasmpuck.openpgp.packets import walk

PGP = {"Content-Type": "application/pgp"}
PROVED = "application/pgp;proof=tokens, application/pgp-keys;armor=no;proof=tokens"
METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "POST"]


@pytest.fixture(scope="module")
def sink() -> Sink:
    return Sink()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[ServerThread]:
    """A keyserver that sends mail and shows everything."""
    relay = sink.start()
    try:
        with mailing_keyserver(tmp_path_factory.mktemp("hkp2"), relay.port) as server:
            yield server
    finally:
        relay.stop()


def give(url: str, *certificates: bytes) -> Answer:
    answer = ask(url, "POST", "/pks/v2/certs", b"".join(certificates), PGP)
    assert answer.status == 200, answer.text
    return answer


def fingerprints(answer: Answer) -> list[str]:
    """Of the certificates in a bundle, in their order."""
    return [certificate.fingerprint for certificate in Cert.split_bytes(answer.body)]


@pytest.fixture(scope="module")
def ann(url: str) -> Cert:
    certificate = generate("Ann <ann@example.org>", "Ann Only").extract_certificate()
    give(url, bytes(certificate))
    return certificate


@pytest.fixture(scope="module")
def six(url: str) -> Cert:
    certificate = generate("Six <six@example.org>", profile=Profile.RFC9580).extract_certificate()
    give(url, bytes(certificate))
    return certificate


# --- look up ---


@pytest.mark.parametrize("form", ["04{}", "04/{}"], ids=["one part", "two parts"])
@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_versioned_fingerprints_have_two_spellings(url: str, ann: Cert, form: str, case: type[str]) -> None:
    """Version and fingerprint may be one part of the path or two, in either case (§5.1.2)."""
    answer = ask(url, "GET", "/pks/v2/certs/by-vfingerprint/" + form.format(case(ann.fingerprint)))
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/pgp"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert fingerprints(answer) == [ann.fingerprint]


def test_newer_versions_are_given_as_they_are(url: str, six: Cert) -> None:
    """Version 6 is no less than version 4 here."""
    assert fingerprints(ask(url, "GET", f"/pks/v2/certs/by-vfingerprint/06/{six.fingerprint}")) == [six.fingerprint]


def test_subkeys_lead_to_their_certificate(url: str, ann: Cert) -> None:
    """A subkey's fingerprint and key id match too."""
    listed = ask(url, "GET", "/pks/v2/index/ann@example.org").json
    subkey = listed[0]["subkeys"][0]["fingerprint"]
    assert fingerprints(ask(url, "GET", f"/pks/v2/certs/by-vfingerprint/04{subkey}")) == [ann.fingerprint]
    assert fingerprints(ask(url, "GET", f"/pks/v2/certs/by-keyid/{subkey[-16:]}")) == [ann.fingerprint]


def test_key_ids_stop_at_version_4(url: str, ann: Cert, six: Cert) -> None:
    """By key id nothing newer than version 4 is given (§5.1.3)."""
    assert fingerprints(ask(url, "GET", f"/pks/v2/certs/by-keyid/{ann.fingerprint[-16:]}")) == [ann.fingerprint]
    assert ask(url, "GET", f"/pks/v2/certs/by-keyid/{six.fingerprint[:16]}").status == 404


@pytest.mark.parametrize(
    ("identity", "status"),
    [
        ("ann@example.org", 200),
        ("ANN@Example.ORG", 200),
        ("ann%40example.org", 200),
        ("Ann%20Only", 200),
        ("ann%20only", 200),
        ("Ann%20%3Cann@example.org%3E", 404),
        ("Ann", 404),
        ("ann@example.or", 404),
        ("%3Cann@example.org%3E", 404),
    ],
)
def test_identities_match_exactly(url: str, ann: Cert, identity: str, status: int) -> None:
    """An address in angle brackets or alone, or the whole text of a user id without one; case aside (§5.1.9)."""
    for category in ("certs/by-identity", "index"):
        assert ask(url, "GET", f"/pks/v2/{category}/{identity}").status == status


def test_a_user_id_with_two_addresses_matches_neither(url: str) -> None:
    """Nobody poses as the first by reading mail for the second (§5.1.9)."""
    give(url, Owner("poser").certificate(Owner("poser").user_id("boss@posed.example <me@posed.example>")))
    for identity in ("boss@posed.example", "me@posed.example", "boss@posed.example <me@posed.example>"):
        assert ask(url, "GET", f"/pks/v2/certs/by-identity/{quote(identity)}").status == 404


def test_bundles_begin_with_the_best_and_go_on_with_the_newest(url: str, sink: Sink) -> None:
    """What was confirmed comes first, then the newest key (§5.1.1)."""
    owners = [Owner(f"order {number}", created=CREATED + number) for number in range(3)]
    for owner in owners:
        give(url, owner.certificate(owner.user_id("O <order@example.org>", at=owner.created + 1)))
    oldest, middle, newest = (owner.fingerprint for owner in owners)
    assert fingerprints(ask(url, "GET", "/pks/v2/certs/by-identity/order@example.org")) == [newest, middle, oldest]
    token = token_for(url, sink, "order@example.org")
    body = owners[0].certificate(owners[0].user_id("O <order@example.org>", at=CREATED + 1))
    assert put(url, "order@example.org", body, token).status == 200
    assert fingerprints(ask(url, "GET", "/pks/v2/certs/by-identity/order@example.org")) == [oldest, newest, middle]
    listed = ask(url, "GET", "/pks/v2/index/order@example.org").json
    assert [each["userIDs"][0]["confidence"] for each in listed] == [120, 0, 0]


def test_the_index_has_the_drafts_fields(url: str) -> None:
    """Names and kinds of values are those of §7.1.1."""
    owner = Owner("index")
    gone = "Gone <gone@example.org>"
    give(url, owner.certificate(
        owner.user_id("Index <index@example.org>", at=CREATED + 5),
        [*owner.user_id(gone), owner.revoke_user_id(gone, at=CREATED + 9)],
        owner.subkey(Owner("index subkey")),
    ))  # fmt: skip
    answer = ask(url, "GET", "/pks/v2/index/index@example.org")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    (listed,) = answer.json
    assert {name: listed[name] for name in ("version", "fingerprint", "creation", "isRevoked", "isExpired")} == {
        "version": 4,
        "fingerprint": owner.fingerprint,
        "creation": "2017-07-14T02:40:00Z",
        "isRevoked": False,
        "isExpired": False,
    }
    assert listed["algorithm"]["code"] == 22
    assert listed["algorithm"]["bitLength"] > 0
    by_text = {each["uidString"]: each for each in listed["userIDs"]}
    assert by_text[gone]["isRevoked"]
    assert by_text["Index <index@example.org>"] == {
        "uidString": "Index <index@example.org>",
        "creation": "2017-07-14T02:40:05Z",
        "isRevoked": False,
        "isExpired": False,
        "confidence": 0,
    }
    assert [each["version"] for each in listed["subkeys"]] == [4]


def test_revoked_certificates_are_given_whole(url: str) -> None:
    """Version 2 has no bare revocations: the certificate comes with its revocation."""
    key = generate("Rev <rev@example.org>")
    certificate = key.extract_certificate()
    give(url, bytes(certificate) + revocation_of(key))
    answer = ask(url, "GET", f"/pks/v2/certs/by-vfingerprint/04/{certificate.fingerprint}")
    assert Cert.from_bytes(answer.body).is_revoked


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/pgp"),
        ("application/pgp", "application/pgp"),
        ("application/pgp-keys;armor=no", "application/pgp-keys;armor=no"),
        ("application/pgp-keys, application/pgp", "application/pgp"),
    ],
)
def test_the_older_name_of_the_type_is_given_to_who_asks(url: str, ann: Cert, accept: str, kind: str) -> None:
    """Drafts called a bundle by two names; the newer one wins."""
    path = f"/pks/v2/certs/by-vfingerprint/04{ann.fingerprint}"
    assert ask(url, "GET", path, headers={"Accept": accept}).headers["Content-Type"] == kind


def test_the_prefix_log_names_what_changed(url: str, ann: Cert) -> None:
    """A line of hexadecimal digits for each, ending with CR and LF (§5.1.6)."""
    answer = ask(url, "GET", f"/pks/v2/prefixlog/{datetime.now(UTC):%Y-%m-%d}")
    assert answer.headers["Content-Type"] == "text/plain; charset=us-ascii"
    lines = answer.text.split("\r\n")
    assert lines[-1] == ""
    assert ann.fingerprint[:8] in lines
    assert all(len(line) == 8 for line in lines[:-1])
    assert ask(url, "GET", "/pks/v2/prefixlog/2001-01-01").body == b""
    assert ask(url, "GET", "/pks/v2/prefixlog/9999-12-31").status == 404


def test_head_says_what_get_would(url: str, ann: Cert) -> None:
    """Same status and fields, no body (§5.1.8)."""
    for path in (
        f"certs/by-vfingerprint/04{ann.fingerprint}",
        "certs/by-identity/ann@example.org",
        "index/ann@example.org",
        "certs/by-identity/nobody@example.org",
    ):
        got, head = (ask(url, method, f"/pks/v2/{path}") for method in ("GET", "HEAD"))
        assert head.body == b""
        for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control", "Access-Control-Allow-Origin"):
            assert head.headers[name] == got.headers[name], name
        assert head.status == got.status


def test_what_the_client_has_is_not_sent_again(url: str, ann: Cert) -> None:
    """An entity tag that still holds is answered 304, and another certificate has another tag."""
    for path in (f"certs/by-vfingerprint/04{ann.fingerprint}", "certs/by-identity/ann@example.org",
                 "index/ann@example.org", "prefixlog/2001-01-01"):  # fmt: skip
        got = ask(url, "GET", f"/pks/v2/{path}")
        again = ask(url, "GET", f"/pks/v2/{path}", headers={"If-None-Match": got.headers["ETag"]})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == got.headers["ETag"]
        assert ask(url, "GET", f"/pks/v2/{path}", headers={"If-None-Match": '"other"'}).status == 200


# --- what is not there ---


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 403),
        ("GET", "/", 403),
        ("GET", "/certs", 403),
        ("GET", "/certs/by-identity", 403),
        ("GET", "/certs/by-identity/", 403),
        ("GET", "/certs/by-vfingerprint", 403),
        ("GET", "/certs/by-keyid/", 403),
        ("GET", "/index", 403),
        ("GET", "/canonical", 403),
        ("GET", "/prefixlog", 403),
        ("GET", "/certs/by-vfingerprint/04" + "a" * 39, 422),
        ("GET", "/certs/by-vfingerprint/04" + "g" * 40, 422),
        ("GET", "/certs/by-vfingerprint/0x04" + "a" * 40, 422),
        ("GET", "/certs/by-vfingerprint/06" + "a" * 40, 422),
        ("GET", "/certs/by-vfingerprint/04/" + "a" * 64, 422),
        ("GET", "/certs/by-vfingerprint/4/" + "a" * 40, 422),
        ("GET", "/certs/by-vfingerprint/04" + "a" * 40, 404),
        ("GET", "/certs/by-keyid/" + "a" * 15, 422),
        ("GET", "/certs/by-keyid/0x" + "a" * 16, 422),
        ("GET", "/certs/by-keyid/%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25", 422),
        ("GET", "/certs/by-keyid/" + "a" * 16, 404),
        ("GET", "/certs/by-identity/%00", 422),
        ("GET", "/certs/by-identity/%20", 422),
        ("GET", "/certs/by-identity/" + "a" * 600, 422),
        ("GET", "/index/nobody@example.org", 404),
        ("GET", "/canonical/nobody@example.org", 404),
        ("GET", "/prefixlog/yesterday", 422),
        ("GET", "/prefixlog/2026-02-30", 422),
        ("GET", "/authget/x", 501),
        ("GET", "/unknown", 501),
        ("POST", "/unknown", 501),
        ("DELETE", "/canonical/a@b", 501),
        ("OPTIONS", "/unknown", 501),
        ("OPTIONS", "/", 501),
        ("PUT", "/canonical/a@example.org", 401),
    ],
)
def test_refusals(url: str, method: str, path: str, status: int) -> None:
    """Each has its status, a sentence, and may be read by any web page."""
    answer = ask(url, method, "/pks/v2" + path)
    assert answer.status == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.text.strip()


@pytest.mark.parametrize(
    ("path", "allow", "accept"),
    [
        ("certs/by-vfingerprint", "GET, HEAD, OPTIONS", None),
        ("certs/by-keyid", "GET, HEAD, OPTIONS", None),
        ("certs/by-identity", "GET, HEAD, OPTIONS", None),
        ("certs/by-identity/a@example.org", "GET, HEAD, OPTIONS", None),
        ("index", "GET, HEAD, OPTIONS", None),
        ("prefixlog", "GET, HEAD, OPTIONS", None),
        ("certs", "POST, OPTIONS", "application/pgp, application/pgp-keys;armor=no, multipart/form-data"),
        (
            "canonical",
            "GET, HEAD, PUT, OPTIONS",
            "application/pgp;proof=tokens, application/pgp-keys;armor=no;proof=tokens",
        ),
        ("sendtoken", "POST, OPTIONS", "text/plain"),
    ],
)
def test_options_tells_what_there_is(url: str, path: str, allow: str, accept: str | None) -> None:
    """Features are found by OPTIONS on their category (§5.1.7, §5.2.6)."""
    answer = ask(url, "OPTIONS", f"/pks/v2/{path}")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Allow"] == allow
    assert answer.headers["Accept"] == accept
    assert answer.headers["Access-Control-Allow-Methods"] == allow


def test_without_mail_there_are_no_tokens(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A server that sends no mail says so by OPTIONS, and by 501 to who tries."""
    with keyserver_thread(tmp_path_factory.mktemp("mute")) as server:
        assert ask(server.url, "OPTIONS", "/pks/v2/sendtoken").status == 501
        assert ask(server.url, "POST", "/pks/v2/sendtoken", b"a@example.org").status == 501
        assert ask(server.url, "PUT", "/pks/v2/canonical/a@example.org", b"x", PGP).status == 501
        assert ask(server.url, "OPTIONS", "/pks/v2/canonical").headers["Allow"] == "GET, HEAD, OPTIONS"


# --- take in ---


def test_a_submission_reports_every_list(url: str) -> None:
    """The answer has the lists of §7.2, each entry with version and fingerprint."""
    certificate = generate("New <new@example.org>").extract_certificate()
    entry = {"version": 4, "fingerprint": certificate.fingerprint}
    empty: dict[str, list[object]] = {"inserted": [], "updated": [], "deleted": [], "ignored": [], "invalid": []}
    assert give(url, bytes(certificate)).json == empty | {"inserted": [entry]}
    assert give(url, bytes(certificate)).json == empty | {"ignored": [entry]}


def form(content: bytes, name: str = "keytext", boundary: str = "edge") -> tuple[bytes, dict[str, str]]:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="other"\r\n\r\n1\r\n--{boundary}\r\n'
    head += f'Content-Disposition: form-data; name="{name}"; filename="k.pgp"\r\nContent-Type: application/pgp\r\n\r\n'
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return body, {"Content-Type": f'multipart/form-data; boundary="{boundary}"'}


def test_a_submission_may_be_a_form(url: str) -> None:
    """The part `keytext` holds the bundle, byte for byte (§5.2.5)."""
    certificate = generate("Form <form@example.org>").extract_certificate()
    body, headers = form(bytes(certificate))
    assert (
        ask(url, "POST", "/pks/v2/certs", body, headers).json["inserted"][0]["fingerprint"] == certificate.fingerprint
    )
    assert fingerprints(ask(url, "GET", "/pks/v2/certs/by-identity/form@example.org")) == [certificate.fingerprint]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", PGP, 422),
        (b"hello", PGP, 422),
        (b"\x99\x00", PGP, 422),
        (b"x", {"Content-Type": "text/html"}, 415),
        (b"x", {"Content-Type": "multipart/form-data"}, 422),
        (form(b"x", name="file")[0], form(b"x")[1], 422),
        (form(b"x")[0][:-6], form(b"x")[1], 422),
        (form(b"")[0], form(b"")[1], 422),
    ],
)
def test_malformed_submissions_are_unprocessable(url: str, body: bytes, headers: dict[str, str], status: int) -> None:
    """A body that is no bundle is 422 (§4.2), one of a type that is none 415."""
    assert ask(url, "POST", "/pks/v2/certs", body, headers).status == status


# --- tokens and the canonical bundle ---


def token_for(url: str, sink: Sink, address: str) -> str:
    before = len(sink.letters)
    answer = ask(url, "POST", "/pks/v2/sendtoken", address.encode(), {"Content-Type": "text/plain"})
    assert (answer.status, answer.body) == (200, b"")
    letter = sink.wait(before + 1)[before]
    (part,) = letter.iter_attachments()
    assert part.get_content_type() == "application/ld+json"
    document = json.loads(part.get_content())
    assert document["@context"] == "http://hockeypuck.io/contexts/hkp-sendtoken.jsonld"
    assert document["url"] == f"{BASE}/pks/v2/canonical/{address.lower()}"
    assert document["token"] in text_of(letter)
    datetime.strptime(document["expires"], "%Y-%m-%dT%H:%M:%SZ")
    return str(document["token"])


def put(url: str, identity: str, body: bytes, token: str, header: str = "Authentication") -> Answer:
    headers = PGP | {header: f"Bearer {token}"}
    return ask(url, "PUT", f"/pks/v2/canonical/{quote(identity)}", body, headers)


@pytest.mark.parametrize("header", ["Authentication", "Authorization"])
def test_the_reader_of_a_mailbox_chooses_its_bundle(url: str, sink: Sink, header: str) -> None:
    """With a token from a letter the canonical bundle is set, in its order, and given from then on (§5.2.3)."""
    address = f"{header.lower()}@example.org"
    pair = [generate(f"C <{address}>").extract_certificate() for _ in range(2)]
    bundle = b"".join(map(bytes, pair))
    assert put(url, address, bundle, token_for(url, sink, address), header).status == 200
    answer = ask(url, "GET", f"/pks/v2/canonical/{address.upper()}")
    assert fingerprints(answer) == [certificate.fingerprint for certificate in pair]
    assert [packet.tag for packet in walk(answer.body)].count(6) == 2


def test_a_token_works_once_and_for_its_mailbox_alone(url: str, sink: Sink) -> None:
    """Neither used twice, nor for another address, nor altered is it any good; nothing is changed then."""
    certificate = bytes(generate("T <t@example.org>", "T <u@example.org>").extract_certificate())
    token = token_for(url, sink, "t@example.org")
    assert put(url, "u@example.org", certificate, token).status == 401
    assert put(url, "t@example.org", certificate, token[:-1] + ("A" if token[-1] != "A" else "B")).status == 401
    assert put(url, "t@example.org", certificate, token).status == 200
    replayed = put(url, "t@example.org", certificate, token)
    assert replayed.status == 401
    assert "used already" in replayed.text
    assert ask(url, "GET", "/pks/v2/canonical/u@example.org").status == 404


def test_a_bundle_must_have_the_identity(url: str, sink: Sink) -> None:
    """Certificates of somebody else cannot be given for one's own mailbox, and the token is not lost by trying."""
    own, other = (bytes(generate(f"X <{name}@example.org>").extract_certificate()) for name in ("mine", "yours"))
    token = token_for(url, sink, "mine@example.org")
    assert put(url, "mine@example.org", other, token).status == 422
    assert put(url, "mine@example.org", own + other, token).status == 422
    assert put(url, "mine@example.org", b"", token).status == 422
    assert ask(url, "GET", "/pks/v2/canonical/mine@example.org").status == 404
    assert put(url, "mine@example.org", own, token).status == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"nobody", b"a@example.org\r\nBcc: b@example.org", b"a@example.org b@example.org", b"\xff@example.org",
     b"A <a@example.org>", b"a@example.org\x00", b"a" * 300 + b"@example.org"],
)  # fmt: skip
def test_tokens_go_to_one_mailbox(url: str, sink: Sink, body: bytes) -> None:
    """What is not one plain address gets no letter."""
    before = len(sink.letters)
    assert ask(url, "POST", "/pks/v2/sendtoken", body, {"Content-Type": "text/plain"}).status == 422
    assert len(sink.letters) == before


@given(path=st.lists(st.text(max_size=12), max_size=5), method=st.sampled_from(METHODS))
def test_no_path_makes_it_fail(url: str, path: list[str], method: str) -> None:
    """Whatever the path says, the answer is a client's error or an answer."""
    target = "/pks/v2/" + "/".join(quote(part) for part in path)
    answer = ask(url, method, target, b"" if method in ("PUT", "POST") else None)
    assert answer.status < 500 or answer.status == 501


@given(
    category=st.sampled_from(["certs/by-identity", "index", "canonical", "certs/by-keyid", "certs/by-vfingerprint"]),
    identity=st.binary(min_size=1, max_size=40),
)
def test_no_identifier_makes_it_fail(url: str, category: str, identity: bytes) -> None:
    """Bytes of any kind name nothing, and that is all."""
    assert ask(url, "GET", f"/pks/v2/{category}/{quote(identity, safe='')}").status in (400, 403, 404, 422)


def test_a_confirmed_key_is_not_buried_under_others(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> None:
    """However many keys others stored for an address before, its reader's own is among the answers, and first."""
    relay = sink.start()
    settings = HTTPSettings(max_results=3)
    wkd = WKDSettings(domains=("example.org",))
    folder = tmp_path_factory.mktemp("buried")
    try:
        with mailing_keyserver(folder, relay.port, settings=settings, wkd=wkd) as server:
            spam = [Owner(f"spam {number}") for number in range(5)]
            for owner in spam:
                give(server.url, owner.certificate(owner.user_id("V <victim@example.org>")))
            own = Owner("victim")
            token = token_for(server.url, sink, "victim@example.org")
            assert put(server.url, "victim@example.org", own.certificate(own.user_id("V <victim@example.org>")), token)
            answer = ask(server.url, "GET", "/pks/v2/certs/by-identity/victim@example.org")
            assert fingerprints(answer)[0] == own.fingerprint
            target = f"/.well-known/openpgpkey/example.org/hu/{hashed('victim')}?l=victim"
            assert fingerprints(ask(server.url, "GET", target)) == [own.fingerprint]
    finally:
        relay.stop()
