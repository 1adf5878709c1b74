"""Searches that have several answers or that the operator has to allow, and uploads in several parts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from e2e.certificates import armored, generate
from e2e.client import Answer, ask, lookup, upload
from e2e.serving import ServerThread, keyserver_thread
from vectors.owner import Owner
from wasmpuck.config import HTTPSettings
from wasmpuck.keyserver import SearchRules
from wasmpuck.openpgp.armor import armor
from wasmpuck.openpgp.splitter import pieces_of_armor

SHARED = Owner("a subkey of everybody")
PEOPLE = [Owner(f"person {number}") for number in range(5)]
NAMES = ["Ann Blue", "Ben Blue", "Cleo Green", "Dora Green", "Ed Blue Green"]


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    """A server that answers everything, two certificates at a time."""
    rules = SearchRules(short_key_ids=True, words=True, domains=("listed.example",))
    folder = tmp_path_factory.mktemp("open")
    with keyserver_thread(folder, HTTPSettings(max_results=2), search=rules) as server:
        for person, name in zip(PEOPLE, NAMES, strict=True):
            address = f"{name.split()[0].lower()}@listed.example"
            data = person.certificate(person.user_id(f"{name} <{address}>"), person.subkey(SHARED))
            assert upload(server.url, armor(data)).json["inserted"]
        yield server


@pytest.fixture(scope="module")
def served(open_server: ServerThread) -> str:
    """Its URL."""
    return open_server.url


def pages(url: str, operation: str, search: str, options: str) -> Iterator[Answer]:
    """The answers, from one `rel="next"` to the next."""
    target = f"/pks/lookup?op={operation}&options={options}&search={quote(search)}"
    while target:
        answer = ask(url, "GET", target)
        assert answer.status == 200
        yield answer
        link = answer.headers["Link"]
        assert link is None or link.endswith('; rel="next"')
        target = link[1 : link.index(">")] if link else ""


@pytest.mark.parametrize(
    "search",
    ["@listed.example", "listed.example", f"0x{SHARED.fingerprint}", f"0x{SHARED.fingerprint[-16:]}",
     f"0x{SHARED.fingerprint[-8:]}", "listed example"],
)  # fmt: skip
def test_nothing_is_cut_off_in_silence(served: str, search: str) -> None:
    """Whatever finds five certificates finds them on three pages, each of which leads to the next, in every form."""
    fingerprints = [person.fingerprint for person in PEOPLE]
    listed = [key["fingerprint"] for answer in pages(served, "index", search, "json") for key in answer.json]
    assert listed == fingerprints
    lines = [line for answer in pages(served, "index", search, "mr") for line in answer.text.splitlines()]
    assert [line.split(":")[1].lower() for line in lines if line.startswith("pub:")] == fingerprints
    assert [line for line in lines if line.startswith("info:")] == ["info:1:2", "info:1:2", "info:1:1"]
    blocks = [answer.body.splitlines(keepends=True) for answer in pages(served, "get", search, "mr")]
    assert [sum(1 for _ in pieces_of_armor(lines, 1 << 20)) for lines in blocks] == [2, 2, 1]


def test_a_page_for_people_leads_to_the_next(served: str) -> None:
    """The listing has a link to what follows, and the second page links back."""
    first = lookup(served, "index", "@listed.example", accept="text/html")
    assert 'rel="next"' in first.text
    assert "offset=2" in first.text
    assert 'rel="prev"' in lookup(served, "index", "@listed.example", accept="text/html", offset="2").text


def test_a_large_page_is_as_a_small_one(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made beside the loop, and is in the reader's language there too."""
    target = "/pks/lookup?op=vindex&search=%40listed.example"
    headers = {"Accept": "text/html", "Accept-Language": "de"}
    small = ask(served, "GET", target, headers=headers)
    monkeypatch.setattr("wasmpuck.http.hkp._IN_THREAD", 0)
    large = ask(served, "GET", target, headers=headers)
    assert (large.status, large.headers["Content-Language"]) == (200, "de")
    assert large.text == small.text


def test_the_client_may_ask_for_less(served: str) -> None:
    """`limit` and `offset` choose the page; more than the server gives is not to be had."""

    def names(**parameters: str) -> list[str]:
        found = lookup(served, "index", "blue", options="json", **parameters).json
        return [key["userIDs"][0]["keywords"].split()[0] for key in found]

    assert names() == ["Ann", "Ben"]
    assert names(limit="1") == ["Ann"]
    assert names(limit="1", offset="2") == ["Ed"]
    assert names(limit="1000") == ["Ann", "Ben"]
    assert lookup(served, "index", "blue", offset="3").status == 404
    for name in ("limit", "offset"):
        for value in ("-1", "x", "1.5", "", "9" * 20, "\u0663"):
            assert lookup(served, "index", "blue", **{name: value}).status == 400
    assert lookup(served, "index", "blue", limit="0").status == 400
    assert lookup(served, "index", "blue", offset="10001").status == 400


def test_words_find_names(served: str) -> None:
    """As gpg sends them, in any order; with `exact` only whole user ids do."""
    answer = lookup(served, "index", "green Ed", options="mr", fingerprint="on")
    assert answer.text.splitlines()[2].startswith("uid:Ed Blue Green <ed@listed.example>:")
    assert lookup(served, "index", "green Ed", options="mr", exact="on").status == 404
    assert lookup(served, "get", "Ed Blue Green <ed@listed.example>", exact="on").status == 200
    assert "Every word" in lookup(served, "get", "green violet").text


@pytest.mark.parametrize("operation", ["get", "index", "vindex"])
def test_short_ids_come_with_a_warning(served: str, operation: str) -> None:
    """Whoever asks for 8 digits is told that they prove nothing."""
    answer = lookup(served, operation, f"0x{PEOPLE[0].fingerprint[-8:]}")
    assert answer.status == 200
    assert answer.headers["Warning"].startswith('299 - "Key ids of 8 digits are easily forged')
    if operation != "get":
        assert "Key ids of 8 digits are easily forged" in answer.text
    else:
        assert "\nComment: Key ids of 8 digits are easily forged" in answer.text
    assert lookup(served, operation, f"0x{PEOPLE[0].fingerprint[-16:]}").headers["Warning"] is None


def test_by_default_nobody_can_list_people(url: str) -> None:
    """Short ids, words and domains are refused or find nothing unless the operator allows them."""
    person = Owner("alone")
    assert upload(url, armor(person.certificate(person.user_id("Alone Here <alone@private.example>")))).status == 200
    short = lookup(url, "get", f"0x{person.fingerprint[-8:]}")
    assert (short.status, "full fingerprint" in short.text) == (400, True)
    for search in ("alone here", "alone", "@private.example", "private.example", "alone@"):
        answer = lookup(url, "index", search)
        assert (answer.status, "as a whole only" in answer.text) == (404, True)
    assert lookup(url, "index", "alone@private.example").status == 200


def form(boundary: str, *parts: tuple[str, bytes]) -> bytes:
    """A body in several parts: what stands behind `form-data` in each part's header, and its content."""
    lines = [
        b"\r\n".join((f"--{boundary}".encode(), f"Content-Disposition: form-data{about}".encode(), b"", content))
        for about, content in parts
    ]
    return b"\r\n".join([*lines, f"--{boundary}--".encode(), b""])


@pytest.mark.parametrize("as_text", [True, False], ids=["armored", "binary"])
def test_a_form_in_several_parts_is_taken(url: str, as_text: bool) -> None:
    """What a browser or `curl -F keytext=@file` sends, armored or not."""
    certificate = generate("Parted <parted@example.org>").extract_certificate()
    content = armored(certificate).encode() if as_text else bytes(certificate)
    body = form("xYz", ('; name="other"', b"nothing"), ('; name="keytext"; filename="key.asc"', content))
    answer = ask(url, "POST", "/pks/add", body, {"Content-Type": 'multipart/form-data; boundary="xYz"'})
    assert answer.status == 200
    assert answer.json["inserted"][0]["fingerprint"] == certificate.fingerprint


def test_a_form_in_several_parts_needs_its_part(url: str) -> None:
    """Without the part, or with an empty one, the answer says where the certificates belong."""
    for parts in ([('; name="other"', b"x")], [('; name="keytext"', b"  ")]):
        answer = ask(url, "POST", "/pks/add", form("b", *parts), {"Content-Type": "multipart/form-data; boundary=b"})
        assert answer.status in (400, 422)
        assert "keytext" in answer.text


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/pks/lookup?op=index&options=mr&search=cors@example.org", 200),
        ("GET", "/pks/lookup?op=index&search=cors@example.org", 200),
        ("GET", "/pks/lookup?op=get&search=nobody@example.org", 404),
        ("GET", "/pks/lookup", 400),
        ("GET", "/pks/lookup?op=x-odd&search=x", 501),
        ("GET", "/pks/add", 405),
        ("DELETE", "/pks/lookup", 405),
        ("GET", "/nothing/here", 404),
        ("POST", "/pks/add", 415),
        ("POST", "/pks/hashquery", 400),
        ("GET", "/pks/stats?options=json", 200),
        ("HEAD", "/pks/health", 200),
        ("OPTIONS", "/pks/hashquery", 200),
    ],
)
def test_every_answer_may_be_read_by_any_page(url: str, method: str, target: str, status: int) -> None:
    """Listings and failures carry the CORS field too (Hockeypuck leaves it out of both)."""
    certificate = generate("Cors <cors@example.org>").extract_certificate()
    assert upload(url, armored(certificate)).status == 200
    answer = ask(url, method, target, headers={"Origin": "https://elsewhere.example"})
    assert answer.status == status
    assert answer.headers.get_all("Access-Control-Allow-Origin") == ["*"]


@pytest.mark.parametrize("search", ["", "nobody@example.org", "0x123"])
def test_failures_are_structured_for_programs(url: str, search: str) -> None:
    """Who accepts JSON gets a problem with title, status, detail and hint (RFC 9457)."""
    answer = lookup(url, "index", search, accept="application/json")
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json["status"] == answer.status
    assert answer.json["detail"]
    assert answer.json["hint"]


def test_a_damaged_record_does_not_hide_others(tmp_path: Path) -> None:
    """Of two certificates the one whose summary can be read is listed; both are given (Hockeypuck fails as a whole)."""
    people = [Owner("sound"), Owner("damaged")]
    with keyserver_thread(tmp_path) as server:
        for person in people:
            data = person.certificate(person.user_id("Twin <twin@example.org>"))
            assert upload(server.url, armor(data)).json["inserted"]
        with closing(sqlite3.connect(tmp_path / "keys.sqlite")) as database, database:
            database.execute(
                "UPDATE certificates SET summary = x'ff00' WHERE fingerprint = ?",
                (bytes.fromhex(people[1].fingerprint),),
            )
        for options in ("json", "mr", ""):
            answer = lookup(server.url, "index", "twin@example.org", options=options)
            assert answer.status == 200
            assert people[0].fingerprint in answer.text.lower().replace(" ", "")
        blocks = lookup(server.url, "get", "twin@example.org").body.splitlines(keepends=True)
        assert len(list(pieces_of_armor(blocks, 1 << 20))) == 2
        assert lookup(server.url, "index", f"0x{people[1].fingerprint}", options="mr").status == 503
