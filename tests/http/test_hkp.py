"""HKP against a real keyserver: what clients ask, and what they get."""

from __future__ import annotations

import pytest
from multidict import MultiDict
from pysequoia import Cert, Profile

from e2e.certificates import armored, generate, revocation_of
from e2e.client import ask, lookup, upload
from wasmpuck.errors import BadRequest
from wasmpuck.http.query import parse_lookup
from wasmpuck.openpgp.armor import dearmor

ODD_NAME = "Ünal: 100% <b>\N{SNOWMAN}</b> <odd@example.org>"


@pytest.fixture(scope="module")
def alice(url: str) -> Cert:
    certificate = generate("Alice <alice@example.org>", "Alice at work <alice@work.example>").extract_certificate()
    assert upload(url, armored(certificate)).status == 200
    return certificate


@pytest.fixture(scope="module")
def odd(url: str) -> Cert:
    certificate = generate(ODD_NAME, "odd@example.org").extract_certificate()
    assert upload(url, armored(certificate)).status == 200
    return certificate


@pytest.fixture(scope="module")
def modern(url: str) -> Cert:
    certificate = generate("Six <six@example.org>", profile=Profile.RFC9580).extract_certificate()
    assert upload(url, armored(certificate)).status == 200
    return certificate


# --- get ---


@pytest.mark.parametrize(
    "form",
    ["0x{0}", "0X{0}", "{0}", "0x{1}", "0x{2}", "{3}"],
    ids=["0x", "0X", "bare", "upper", "key id", "spaced"],
)
@pytest.mark.parametrize("operation", ["get", "index", "vindex"])
def test_a_fingerprint_is_understood_in_every_form(url: str, alice: Cert, operation: str, form: str) -> None:
    """Fingerprints and key ids are found with 0x, 0X, without it and in groups, by every operation alike."""
    digits = alice.fingerprint
    spaced = " ".join(digits[start : start + 4] for start in range(0, 40, 4))
    assert lookup(url, operation, form.format(digits, digits.upper(), digits[-16:], spaced)).status == 200


def test_get_gives_armor_with_what_was_uploaded(url: str, alice: Cert) -> None:
    """A look-up answers with one armored block that holds the very packets that came in."""
    answer = lookup(url, "get", "0x" + alice.fingerprint, options="mr")
    assert answer.headers["Content-Type"] == "application/pgp-keys"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{alice.fingerprint}.asc"'
    assert answer.text.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    assert answer.text.endswith("-----END PGP PUBLIC KEY BLOCK-----\n")
    assert bytes(Cert.from_bytes(answer.body)) == bytes(alice)


def test_get_finds_by_subkey(url: str, alice: Cert) -> None:
    """A subkey's fingerprint leads to its certificate."""
    listing = lookup(url, "index", "0x" + alice.fingerprint, options="json").json
    subkey = listing[0]["subKeys"][0]["fingerprint"]
    assert Cert.from_bytes(lookup(url, "get", "0x" + subkey).body).fingerprint == alice.fingerprint


@pytest.mark.parametrize("search", ["alice@example.org", "ALICE@Example.ORG", "<alice@example.org>"])
def test_get_finds_by_address(url: str, alice: Cert, search: str) -> None:
    """An e-mail address finds its key whatever its case, with or without brackets."""
    assert Cert.from_bytes(lookup(url, "get", search, exact="on").body).fingerprint == alice.fingerprint


def test_get_finds_by_digest(url: str, alice: Cert) -> None:
    """`hget` finds by the SKS digest, in either case."""
    digest = lookup(url, "index", "alice@example.org", options="json").json[0]["md5"]
    assert Cert.from_bytes(lookup(url, "hget", digest.upper()).body).fingerprint == alice.fingerprint
    assert lookup(url, "hget", "0" * 32).status == 404
    assert lookup(url, "hget", "what").status == 400


def test_bin_gives_bare_packets(url: str, alice: Cert) -> None:
    """The option `bin` answers without armor."""
    answer = lookup(url, "get", "alice@example.org", options="bin")
    assert answer.headers["Content-Type"] == "application/pgp"
    assert answer.body[0] & 0x80
    assert Cert.from_bytes(answer.body).fingerprint == alice.fingerprint


def test_version_6_is_kept_from_old_clients(url: str, modern: Cert) -> None:
    """A version 6 certificate is not found by the legacy operations, which says so, and is given in binary."""
    for operation in ("get", "index", "vindex"):
        answer = lookup(url, operation, "six@example.org")
        assert answer.status == 404
        assert "options=bin" in answer.text
    answer = lookup(url, "get", "six@example.org", options="bin")
    assert Cert.from_bytes(answer.body).fingerprint == modern.fingerprint


def test_a_revoked_key_without_user_ids_comes_as_its_revocation(url: str) -> None:
    """gpg drops a certificate without user ids, so that it gets the one signature that it can merge."""
    key = generate()
    revocation = revocation_of(key)
    revoked = Cert.from_bytes(bytes(key.extract_certificate()) + revocation)
    assert upload(url, armored(revoked)).json["inserted"]
    answer = lookup(url, "get", "0x" + key.extract_certificate().fingerprint)
    assert dearmor(answer.body) == revocation


def test_nothing_found_is_404_in_text(url: str) -> None:
    """A search without a match says so, and what could be done."""
    answer = lookup(url, "get", "nobody@example.org")
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text == "no key matches this search\nAddresses and user ids are found as a whole only.\n"


# --- index ---


def test_a_machine_readable_index(url: str, alice: Cert) -> None:
    """The listing that gpg reads has a count, a line for the key and one for each user id."""
    answer = lookup(url, "index", "alice@example.org", options="mr")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    info, pub, *uids = answer.text.splitlines()
    assert info == "info:1:1"
    kind, fingerprint, algorithm, bits, created, expires, flags = pub.split(":")
    assert (kind, fingerprint, algorithm, bits) == ("pub", alice.fingerprint.upper(), "22", "263")
    assert int(created) > 0
    assert (expires, flags) == ("", "")
    assert {line.split(":")[1] for line in uids} == {"Alice <alice@example.org>", "Alice at work <alice@work.example>"}


def test_user_ids_are_escaped_for_gpg(url: str, odd: Cert) -> None:
    """Colons, per cent signs and everything beyond ASCII are percent-encoded in a machine-readable listing."""
    answer = lookup(url, "index", "odd@example.org", options="mr")
    assert answer.body.isascii()
    names = [line.split(":")[1] for line in answer.text.splitlines()[2:]]
    assert "%C3%9Cnal%3A 100%25 <b>%E2%98%83</b> <odd@example.org>" in names


def test_json_wins_over_machine_readable(url: str, alice: Cert) -> None:
    """With both options the listing is JSON, and so it is for a client that accepts only JSON."""
    for answer in (
        lookup(url, "vindex", "alice@example.org", options="mr,json"),
        lookup(url, "index", "alice@example.org", accept="application/json"),
    ):
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        (key,) = answer.json
        assert key["fingerprint"] == alice.fingerprint
        assert key["neverExpires"] is True
        assert key["revoked"] is False
        assert key["algorithm"] == {"name": "eddsa_Curve25519", "code": 22, "bitLength": 263, "curve": "Curve25519"}
        assert [user_id["keywords"] for user_id in key["userIDs"] if "work" in user_id["keywords"]]


def test_an_index_for_people_is_a_page(url: str, odd: Cert) -> None:
    """Without an option the listing is a page, in which what a stranger wrote is text."""
    for operation in ("index", "vindex"):
        answer = lookup(url, operation, "odd@example.org", accept="text/html,*/*;q=0.8")
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "<b>" not in answer.text
        assert "&lt;b&gt;\N{SNOWMAN}&lt;/b&gt;" in answer.text
        assert "does not expire" in answer.text


# --- queries ---


def test_head_is_get_without_the_body(url: str, alice: Cert) -> None:
    """`HEAD` has the status and the length of `GET`."""
    target = f"/pks/lookup?op=get&search=0x{alice.fingerprint}"
    got, head = ask(url, "GET", target), ask(url, "HEAD", target)
    assert head.status == 200
    assert head.body == b""
    assert head.headers["Content-Length"] == str(len(got.body))
    assert ask(url, "HEAD", "/pks/lookup?op=get&search=0x" + "0" * 40).status == 404


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/pks/lookup", 400),
        ("/pks/lookup?op=get", 400),
        ("/pks/lookup?op=get&search=", 400),
        ("/pks/lookup?op=get&search=%20%20", 400),
        ("/pks/lookup?search=alice", 400),
        ("/pks/lookup?op=frobnicate&search=alice", 501),
        ("/pks/lookup?op=GET&search=alice", 501),
        ("/pks/lookup?op=get&search=0x%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25", 400),
        ("/pks/lookup?op=get&search=0x________________", 400),
        ("/pks/lookup?op=get&search=0x123", 400),
        ("/pks/lookup?op=get&search=%25", 404),
        ("/pks/lookup?op=get&search=*", 404),
        ("/pks/lookup?op=get&search=%25%40example.org", 404),
        ("/pks/lookup?op=get&search=alice%00", 400),
        ("/pks/lookup?op=get&search=%FF%FE", 404),
        ("/pks/lookup?op=index&options=mr&search=%1B%5B31m%0D%0Ainfo:1:99", 404),
        ("/pks/lookup?op=get&search=" + "a" * 2000, 400),
        ("/pks/lookup?op=get&search=';DROP%20TABLE%20keys;--", 404),
        ("/pks/lookup?op=get&op=frobnicate&search=nobody&search=other", 404),
        ("/nowhere", 404),
        ("/pks/add", 405),
        ("/pks/", 404),
    ],
)
def test_odd_queries_have_their_status(url: str, target: str, status: int) -> None:
    """What cannot be meant is 400, what is not there 404, what is not done 501; no search is a pattern."""
    answer = ask(url, "GET", target)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Traceback" not in answer.text


def test_a_search_is_escaped_where_it_is_repeated(url: str, odd: Cert) -> None:
    """A search that a page repeats stays text, and its control characters are shown, not obeyed."""
    answer = lookup(url, "index", ODD_NAME, accept="text/html")
    assert "<h1>1 key for <bdi>Ünal: 100% &lt;b&gt;" in answer.text
    answer = lookup(url, "get\x1b<script>", "x", accept="text/html")
    assert answer.status == 501
    assert "<script>" not in answer.text
    assert "\x1b" not in answer.text


def test_options_are_a_list() -> None:
    """The options are separated by commas, unknown ones are passed over, and the first occurrence of a name counts."""
    query = MultiDict([("op", "index"), ("search", " x "), ("options", "mr, nm,what"), ("options", "json")])
    query.add("exact", "on")
    found = parse_lookup(query, 100)
    assert (found.operation, found.search, found.exact) == ("index", "x", True)
    assert found.options == {"mr", "nm", "what"}


def test_statistics_need_no_search() -> None:
    """`op=stats` is understood alone."""
    assert parse_lookup(MultiDict([("op", "stats")]), 100).search == ""
    with pytest.raises(BadRequest):
        parse_lookup(MultiDict([("op", "hget")]), 100)


@pytest.mark.parametrize("path", ["/pks/lookup", "/pks/add", "/pks/stats", "/pks/health"])
def test_options_says_what_is_possible(url: str, path: str) -> None:
    """`OPTIONS` names the methods and lets pages from elsewhere ask."""
    answer = ask(url, "OPTIONS", path, headers={"Origin": "https://elsewhere.example"})
    assert answer.status == 200
    assert answer.body == b""
    assert answer.headers["Allow"].endswith("OPTIONS")
    assert answer.headers["Access-Control-Allow-Methods"] == answer.headers["Allow"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_every_answer_names_the_server(url: str) -> None:
    """The software is named, with nothing about the interpreter or libraries below it."""
    for target in ("/", "/pks/health", "/nowhere"):
        assert ask(url, "GET", target).headers["Server"].startswith("Wasmpuck/")


# --- the rest ---


def test_health(url: str) -> None:
    """`/pks/health` says OK while the database answers."""
    assert ask(url, "GET", "/pks/health").text == "OK\n"
    assert ask(url, "HEAD", "/pks/health").status == 200


def test_statistics(url: str, alice: Cert) -> None:
    """Statistics are JSON for programs and a page with a plot for people."""
    for target in ("/pks/stats?options=json", "/pks/lookup?op=stats&options=mr"):
        statistics = ask(url, "GET", target).json
        assert statistics["total"] >= 1
        assert statistics["software"] == "Wasmpuck"
        assert sum(tally["Inserted"] for tally in statistics["hourly"]) >= 1
    page = ask(url, "GET", "/pks/stats").text
    assert "<svg" in page
    assert f"{statistics['total']} keys." in page
    assert "style=" not in page
