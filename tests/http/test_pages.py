"""The pages: what they say of keys, uploads and the server, and that no stranger's text gets out of its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysequoia import Profile

from e2e.certificates import armored, generate, revocation_of
from e2e.client import ask, lookup, upload
from e2e.pages import DAY, FINGERPRINT, NOW, Reader, key, user_id
from e2e.serving import ServerThread
from wasmpuck.config import HTTPSettings
from wasmpuck.http import visit
from wasmpuck.http.assets import SCRIPT, STYLE
from wasmpuck.http.pages.details import Details, Foreign
from wasmpuck.http.pages.help import help_page
from wasmpuck.http.pages.key import key_page, server_of
from wasmpuck.http.pages.listing import Paging, listing_page
from wasmpuck.http.pages.problem import problem_page
from wasmpuck.http.pages.qr import fingerprint_uri, qr_code
from wasmpuck.http.pages.report import report_page
from wasmpuck.http.pages.statistics import statistics_page
from wasmpuck.http.pages.words import algorithm, is_mixed, usage, validity_in_words
from wasmpuck.http.plot import Bar, bar_chart, ceiling
from wasmpuck.keyserver import SubmitEntry, SubmitReport
from wasmpuck.openpgp.policy import OPTIONAL_FILTERS, REFUSALS, Policy
from wasmpuck.storage import Statistics, Tally

HOSTILE = st.one_of(
    st.text(),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "'-alert(1)-'",
            "</title><svg onload=alert(1)>",
            "--><!--",
            "&lt;b&gt;&#60;",
            "\u202e<b>drawkcab",
            "x" * 2048,
            "Z\u0301\u0302\u0303\u0304\u0305\u0306\u0307algo",
            "javascript:alert(1)",
            "{search} {count} {0}",
            "%s %(a)s",
        ]
    ),
)
PLAIN = "plain"


def details(**changes: Any) -> Details:
    return replace(Details({}, {}, {}), **changes)


@contextmanager
def seen_by(monkeypatch: pytest.MonkeyPatch, **site: Any) -> Iterator[None]:
    """Pages of a server with this site."""
    with monkeypatch.context() as patched:
        patched.setattr(visit, "_NOBODY", visit.Visit(site=visit.Site(**site)))
        yield


def pages_with(text: str) -> list[str]:
    """Every page that can show a stranger's text, with it in every place."""
    named = key(user_id(text), user_id(f"{PLAIN}{text}", revoked=True))
    report = SubmitReport(
        inserted=[SubmitEntry(4, FINGERPRINT)],
        rejected=[SubmitEntry(4, "", text, text)],
        drops={"drop:UAT": 1, text: 2},
    )
    foreign = details(
        foreign={text: (Foreign(FINGERPRINT, 1, False),), f"{PLAIN}{text}": (Foreign("0" * 16, 1, True),)}
    )
    return [
        listing_page(text, [named], NOW, detailed=False, paging=Paging(5, 1, True, "index", text), warning=text),
        listing_page(text, [named], NOW, detailed=True),
        key_page(named, foreign, (NOW, NOW), NOW),
        report_page(report),
        problem_page(400, text, hint=text, reference=text),
        statistics_page(Statistics(1), HTTPSettings(hostname=text, contact=text), NOW),
    ]


ALLOWED = {shape for text in ("", "a", "a\u0430") for page in pages_with(text) for shape in Reader(page).shape}
"""Elements, each with the names of its attributes, of pages that show harmless texts, a mixed one and none."""


def visible(page: str) -> str:
    return "".join(data for _, data in Reader(page).texts)


@given(HOSTILE)
def test_no_text_becomes_markup(text: str) -> None:
    """Whatever a user id, a search or a plugin says, no page has an element or attribute for it that no text has."""
    for page in pages_with(text):
        reader = Reader(page)
        assert set(reader.shape) <= ALLOWED
        assert not any(name.startswith("on") or name == "style" for _, names in reader.elements for name in names)
        for address in [*reader.attributes("href"), *reader.attributes("action"), *reader.attributes("src")]:
            assert address.startswith(("/", "#"))
            assert not address.startswith("//")
        assert not set(page) & set("\u202e\u202d\u2066\u2067\u2068\0\x1b")


@given(HOSTILE)
def test_a_user_id_is_isolated(text: str) -> None:
    """Outside titles and attributes, a user id is only ever inside an element that isolates its direction."""
    marked = f"\u05d0{text}"
    for page in (
        listing_page("x", [key(user_id(marked))], NOW, detailed=True),
        key_page(key(user_id(marked)), details(), (NOW, NOW), NOW),
    ):
        for around, data in Reader(page).texts:
            assert "\u05d0" not in data or "bdi" in around or "title" in around


@given(st.text(max_size=300))
def test_a_search_comes_back_in_the_form_and_in_links(search: str) -> None:
    """What was searched for stands in the field again, and the next page asks for the same."""
    shown = Reader(listing_page(search, [key()], NOW, detailed=False, paging=Paging(10, 10, True)))
    if search and "\ufffd" not in listing_page(search, [], NOW, detailed=False):
        assert shown.all("input")[0]["value"] == search
    following = next(each["href"] or "" for each in shown.all("a") if each.get("rel") == "next")
    asked = parse_qs(urlsplit(following).query, keep_blank_values=True)
    assert asked["offset"] == ["20"]
    if not any(0xD800 <= ord(character) < 0xE000 for character in search):
        assert asked["search"] == [search]


def test_paging_leads_both_ways() -> None:
    """The first page has no way back, the last none onwards, and one page alone neither."""

    def relations(paging: Paging | None) -> list[str]:
        shown = Reader(listing_page("x", [key()] * 2, NOW, detailed=False, paging=paging))
        return [rel for rel in shown.attributes("rel") if rel in ("prev", "next")]

    assert relations(None) == []
    assert relations(Paging(0, 2, False)) == []
    assert relations(Paging(0, 2, True)) == ["next"]
    assert relations(Paging(2, 2, True)) == ["prev", "next"]
    assert relations(Paging(2, 2, False)) == ["prev"]
    assert "Keys 3 to 4 for" in visible(listing_page("x", [key()] * 2, NOW, detailed=False, paging=Paging(2, 2, True)))
    assert "No more keys" in visible(listing_page("x", [], NOW, detailed=False, paging=Paging(2, 2, False)))


def words(markup: str) -> str:
    return "".join(data for _, data in Reader(markup).texts)


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        ({"revoked": False, "expires": int(NOW) - 3 * 366 * DAY}, "expired on 13 January 2024 (3 years ago)"),
        ({"revoked": False, "expires": int(NOW) - 70 * DAY}, "expired on 6 November 2026 (2 months ago)"),
        ({"revoked": False, "expires": int(NOW) - 40 * DAY}, "expired on 6 December 2026 (40 days ago)"),
        ({"revoked": False, "expires": int(NOW) - DAY}, "expired on 14 January 2027 (1 day ago)"),
        ({"revoked": False, "expires": int(NOW) + 400 * DAY}, "valid until 19 February 2028 (1 year left)"),
    ],
)
def test_distances_in_time_are_said_in_words(thing: dict[str, Any], said: str) -> None:
    """In the largest unit that fits."""
    assert words(validity_in_words(thing, NOW)) == said


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (2, "because the secret key fell into wrong hands"),
        (3, "because it is no longer used"),
        (100, "for reason number 100"),
        (0, "without a reason"),
    ],
)
def test_a_revocation_says_when_and_why(reason: int, said: str) -> None:
    """The codes of RFC 9580 §5.2.3.31 are sentences to people."""
    markup = validity_in_words({"revoked": True, "expires": None}, NOW, (NOW, reason))
    assert words(markup) == f"revoked on 15 January 2027 {said}"


def test_algorithms_and_usages_are_said_in_words() -> None:
    """Names that people know, sizes and curves."""
    assert algorithm(key(algorithm=1, bits=4096, curve=None)) == "RSA, 4096 bits"
    assert algorithm(key()) == "EdDSA on Curve25519"
    assert algorithm(key(algorithm=27, name="ed25519", curve=None)) == "Ed25519"
    assert algorithm(key(algorithm=99, name="unk(#99)", curve=None)) == "Number 99"
    assert usage(0x03) == "certify, sign"
    assert usage(0x0C) == "encrypt"
    assert usage(None) == "not stated"


@pytest.mark.parametrize(
    ("text", "mixed"),
    [
        ("Bob <bob@example.org>", False),
        ("Иван Петров <ivan@example.org>", False),
        ("Müller", False),
        ("B\u043eb", True),
        ("\u0391lice", True),
        ("Αλίκη Alice", False),
        ("山田 Yamada太郎", False),
    ],
)
def test_imitations_are_marked(text: str, mixed: bool) -> None:
    """A word with letters of two alphabets that look alike is suspicious, two words in two alphabets are not."""
    assert is_mixed(text) is mixed
    assert ("mixes alphabets" in listing_page("x", [key(user_id(text))], NOW, detailed=False)) is mixed


def test_addresses_can_be_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the operator wants it, pages show whole only the address that somebody searched for."""
    found = key(user_id("Alice <alice@example.org>"), user_id("Al <Al@Work.example> al@home.example"))

    def pages() -> list[str]:
        return [
            listing_page("alice@example.org", [found], NOW, detailed=True),
            key_page(found, details(), (NOW, NOW), NOW),
        ]

    assert all("Al@Work.example" in visible(page) for page in pages())
    with seen_by(monkeypatch, addresses=False):
        listing, detailed = pages()
        assert "alice@example.org" in visible(listing)
        for page in (listing, detailed):
            assert "A…@Work.example" in visible(page)
            assert "al@home.example" not in page
        assert "alice@example.org" not in detailed
        assert "Search for the whole address" in visible(detailed)


def test_the_operator_names_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A title stands in the header and in the name of every page, the contact at its foot, both as text."""
    with seen_by(monkeypatch, title="Keys of <X>", hostname="keys.example.org", contact="ops <ops@example.org>"):
        shown = Reader(problem_page(404, "x"))
    assert shown.text("title") == "404 Not found · Keys of <X>"
    assert "Keys of <X>" in shown.text("header")
    assert "keys.example.org is served by Wasmpuck. Contact: ops <ops@example.org>." in shown.text("footer")


def test_a_report_gives_every_reason() -> None:
    """Taken, refused by the server, refused by a plugin and left out, each with its words."""
    report = SubmitReport(
        inserted=[SubmitEntry(4, FINGERPRINT)],
        ignored=[SubmitEntry(4, "1" * 40)],
        rejected=[
            SubmitEntry(4, "2" * 40, REFUSALS[next(iter(REFUSALS))], next(iter(REFUSALS))),
            SubmitEntry(4, "", "Only <staff> here.", "not-staff"),
        ],
        drops={"drop:UAT": 2},
    )
    said = visible(report_page(report))
    for part in (
        "2 keys are on this server.",
        "2 keys were refused.",
        "new",
        "already known",
        "Only <staff> here.",
        "not-staff",
        "unreadable",
        "It is a secret key.",
        "User attributes (pictures)",
    ):
        assert part in said
    assert "Nothing was taken" in visible(report_page(SubmitReport(rejected=report.rejected)))


def test_statistics_list_plugins_without_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, versions and states are public; why a plugin failed is the operator's business."""
    rows = [
        {"name": "ratelimit", "version": "1.2", "state": "running", "since": NOW, "reason": "", "hint": ""},
        {"name": "broken", "version": "", "state": "failed", "since": NOW, "reason": "secret", "hint": "secret"},
    ]
    with seen_by(monkeypatch, plugins=lambda: rows):
        said = visible(statistics_page(Statistics(1), HTTPSettings(), NOW))
    assert "ratelimit" in said
    assert "failed" in said
    assert "secret" not in said
    with seen_by(monkeypatch, plugins=list):
        assert "No plugins are loaded." in visible(statistics_page(Statistics(1), HTTPSettings(), NOW))
    assert "Plugins" not in visible(statistics_page(Statistics(1), HTTPSettings(), NOW))


def test_a_chart_says_what_it_shows() -> None:
    """Each bar has its words, the axis ends above the tallest, and the numbers are there as a table too."""
    hour = int(NOW) // 3600 * 3600
    page = statistics_page(Statistics(9, hourly=(Tally(hour, 7, 2, 0),)), HTTPSettings(), NOW)
    assert "08:00: 7 Inserted" in visible(page)
    assert "Last 24 hours: 9 keys inserted, updated or removed" in visible(page)
    assert ("7",) in [(data,) for around, data in Reader(page).texts if "td" in around]
    assert [ceiling(value) for value in (0, 1, 3, 5, 10, 11, 41, 4000, 4001)] == [1, 1, 4, 10, 10, 20, 100, 4000, 10000]
    tall = bar_chart([Bar("a", (("inserted", 10**6),)), Bar("b", (("inserted", 1),))], "x")
    heights = [float(each["height"] or 0) for each in Reader(tall).all("rect")]
    assert heights == [150.0, 1.0]


def test_the_code_holds_the_fingerprint() -> None:
    """Apps read a URI in capitals; the picture has its words and a margin of four modules."""
    assert fingerprint_uri(FINGERPRINT) == f"OPENPGP4FPR:{FINGERPRINT.upper()}"
    drawn = Reader(qr_code(FINGERPRINT, "the fingerprint"))
    assert drawn.all("svg")[0]["role"] == "img"
    assert drawn.text("title") == "the fingerprint"
    assert "style" not in drawn.attributes("class")
    assert (drawn.all("path")[1]["d"] or "").startswith("M4 4h7v1h-7z")


@pytest.mark.parametrize(
    ("origin", "server"),
    [
        ("https://keys.example.org", "hkps://keys.example.org"),
        ("http://keys.example.org", "hkp://keys.example.org:80"),
        ("http://keys.example.org:11371", "hkp://keys.example.org:11371"),
        ("http://[::1]:11371", "hkp://[::1]:11371"),
        ("https://[::1]", "hkps://[::1]"),
    ],
)
def test_commands_name_this_server(origin: str, server: str) -> None:
    """In the scheme that keyserver clients know."""
    assert server_of(origin) == server


# --- over HTTP ---


@pytest.fixture(scope="module")
def alice(url: str) -> str:
    """The fingerprint of a key on the server."""
    made = generate("Alice <alice@pages.example>", "<b>Alice</b>").extract_certificate()
    assert upload(url, armored(made)).status == 200
    return str(made.fingerprint)


def page(url: str, target: str, **headers: str) -> Reader:
    answer = ask(url, "GET", target, headers={"Accept": "text/html"} | headers)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return Reader(answer.text)


def targets(fingerprint: str) -> list[str]:
    return [
        "/", "/submit", "/help", "/pks/stats", "/nowhere", f"/key/{fingerprint}",
        "/pks/lookup?op=index&search=alice@pages.example", "/pks/lookup?op=vindex&search=alice@pages.example",
    ]  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "de", "fr"])
def test_every_page_has_one_heading_and_its_landmarks(url: str, alice: str, lang: str) -> None:
    """Landmarks, one h1, headings without gaps, labelled fields, captions, unique ids, links that lead somewhere."""
    for target in targets(alice):
        shown = page(url, f"{target}{'&' if '?' in target else '?'}lang={lang}")
        for landmark in ("header", "nav", "main", "footer"):
            assert shown.all(landmark), (target, landmark)
        levels = [int(tag[1]) for tag, _ in shown.elements if tag in ("h1", "h2", "h3", "h4")]
        assert levels.count(1) == 1, target
        assert all(after <= before + 1 for before, after in pairwise(levels)), target
        assert shown.all("html")[0]["lang"] == lang
        ids = shown.attributes("id")
        assert len(ids) == len(set(ids)), target
        inner = {href[1:] for href in shown.attributes("href") if href.startswith("#")}
        assert inner | set(shown.attributes("for")) | set(shown.attributes("aria-describedby")) <= set(ids)
        labelled = set(shown.attributes("for"))
        for field in [*shown.all("input"), *shown.all("textarea")]:
            assert field.get("type") == "hidden" or field["id"] in labelled
        assert len(shown.all("caption")) == len(shown.all("table")), target
        assert all(image["alt"] is not None for image in shown.all("img"))
        assert shown.text("title").strip()


def test_nothing_comes_from_elsewhere(url: str, alice: str) -> None:
    """No page refers to another server, and the policy would not let it; no script or style stands in a page."""
    for target in targets(alice):
        answer = ask(url, "GET", target, headers={"Accept": "text/html"})
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in answer.headers
        shown = Reader(answer.text)
        assert not shown.attributes("style")
        assert not shown.all("style")
        assert [script["src"] for script in shown.all("script")] == [SCRIPT.path]
        assert shown.text("script") == ""
        for address in [*shown.attributes("href"), *shown.attributes("src"), *shown.attributes("action")]:
            assert address.startswith(("/", "#"))


@pytest.mark.parametrize("target", ["//evil.example/", "///evil.example", "/\\evil.example", "//evil.example/?a=//b"])
def test_a_strange_path_leads_nowhere_else(url: str, target: str) -> None:
    """The links that repeat a page's own address stay on this server."""
    shown = page(url, target)
    for address in shown.attributes("href"):
        assert address.startswith(("/", "#"))
        assert not address.startswith(("//", "/\\"))


def test_files_are_kept_for_good(url: str) -> None:
    """Their names hold a digest, so browsers may keep them; another name is not found."""
    for asset, kind in ((STYLE, "text/css"), (SCRIPT, "text/javascript")):
        answer = ask(url, "GET", asset.path)
        assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.body == asset.body
    assert ask(url, "GET", "/static/style-0.css").status == 404
    assert ask(url, "GET", "/static/..%2Fapp.py").status == 404


def test_the_front_page_searches(url: str) -> None:
    """The first page has a labelled form that asks for a listing, and robots are kept from keys."""
    shown = page(url, "/")
    form = shown.all("form")[0]
    assert (form["action"], form["method"], form["role"]) == ("/pks/lookup", "get", "search")
    assert {"search", "op"} <= {field.get("name") for field in shown.all("input")}
    assert "Disallow: /pks/" in ask(url, "GET", "/robots.txt").text


def test_the_forms_submit(url: str) -> None:
    """One form takes pasted armor, one a file; both send the field that the server reads."""
    shown = page(url, "/submit")
    forms = [form for form in shown.all("form") if form["action"] == "/pks/add"]
    assert [form.get("enctype") for form in forms] == [None, "multipart/form-data"]
    assert shown.all("textarea")[0]["name"] == "keytext"
    assert next(field["name"] for field in shown.all("input") if field["type"] == "file") == "keytext"


def test_a_key_has_its_page(url: str, alice: str) -> None:
    """Fingerprint, code, user ids, subkeys, downloads and commands; any spelling of the fingerprint leads there."""
    shown = page(url, f"/key/0x{alice.upper()}")
    said = shown.text()
    grouped = " ".join(alice.upper()[start : start + 4] for start in range(0, 40, 4))
    for part in (grouped, "<b>Alice</b>", "does not expire", "encrypt", "certify", f"--recv-keys {alice.upper()}"):
        assert part in said
    assert shown.all("svg")
    for download in [each for each in shown.all("a") if "download" in each]:
        assert ask(url, "GET", download["href"] or "").status == 200


def test_a_key_of_version_6_is_fetched_by_what_can_read_it(url: str) -> None:
    """gpg is not offered a key that it cannot read; what is offered works."""
    made = generate("Six <six@pages.example>", profile=Profile.RFC9580).extract_certificate()
    assert ask(url, "POST", "/pks/add", bytes(made), {"Content-Type": "application/pgp-keys"}).status == 200
    shown = page(url, f"/key/{made.fingerprint}")
    assert "Ed25519" in shown.text()
    assert "--recv-keys" not in shown.text()
    (download,) = [each for each in shown.all("a") if "download" in each]
    assert ask(url, "GET", download["href"] or "").status == 200


def test_a_subkey_leads_to_its_key(url: str, alice: str) -> None:
    """The page of a key is reached by the fingerprint of each of its subkeys; the chosen language stays."""
    answer = lookup(url, "index", "alice@pages.example", accept="application/json").json
    subkey = answer[0]["subKeys"][0]["fingerprint"]
    moved = ask(url, "GET", f"/key/{subkey}?lang=de")
    assert (moved.status, moved.headers["Location"]) == (302, f"/key/{alice}?lang=de")


def test_a_page_that_the_browser_has_is_not_sent_again(url: str, alice: str) -> None:
    """Its entity tag tells, and depends on the language."""
    for target in ("/", "/help", f"/key/{alice}"):
        tags = {}
        for language in ("en", "de"):
            tags[language] = ask(url, "GET", target, headers={"Accept-Language": language}).headers["ETag"]
            headers = {"Accept-Language": language, "If-None-Match": tags[language]}
            again = ask(url, "GET", target, headers=headers)
            assert (again.status, again.body) == (304, b"")
            assert "Accept-Language" in again.headers["Vary"]
        assert tags["en"] != tags["de"]
        assert ask(url, "GET", target, headers={"If-None-Match": tags["de"]}).status == 200


@pytest.mark.parametrize(("target", "status"), [(f"/key/{'0' * 40}", 404), ("/key/alice", 400), ("/key/0x123", 400)])
def test_keys_that_are_not_there(url: str, target: str, status: int) -> None:
    """A fingerprint of nothing is not found, anything else is no fingerprint."""
    answer = ask(url, "GET", target, headers={"Accept": "text/html"})
    assert answer.status == status
    assert Reader(answer.text).all("h1")


def test_a_revoked_key_says_so(url: str) -> None:
    """When, and that no reason was given."""
    made = generate("Revoked <revoked@pages.example>")
    certificate = made.extract_certificate()
    upload(url, armored(certificate))
    body = bytes(certificate) + revocation_of(made)
    assert ask(url, "POST", "/pks/add", body, {"Content-Type": "application/pgp-keys"}).status == 200
    assert "revoked on" in page(url, f"/key/{certificate.fingerprint}").text()


def test_the_help_page_is_the_configuration(url: str, running: ServerThread) -> None:
    """Limits, rules and kinds of search are those of this server; what the operator keeps back is not told."""
    said = page(url, "/help").text()
    assert "http.maxBodyBytes" in said
    assert f"{running.settings.max_body_bytes:,}" in said
    assert "drop:UAT" in said
    assert "secret-key" in said
    assert "openpgp.blacklist" not in said
    assert "drop:unattested" not in said


def test_the_help_page_has_the_rules_in_force() -> None:
    """A rule that the operator chose is told, one that was left out is not."""
    page = help_page([], [], Policy(third_party="attested", filters=()))
    assert "drop:unattested" in visible(page)
    assert "drop:thirdParty" not in visible(page)
    assert not any(rule in visible(page) for rule in OPTIONAL_FILTERS)
    assert "`" not in page


@pytest.mark.parametrize("host", ["evil.example;rm -rf", "$(id)", "-oProxy", "a'b", "x" * 300, ""])
def test_commands_never_quote_a_strange_host(url: str, alice: str, host: str) -> None:
    """A `Host` that is no host name is not put into a command that people paste into a shell."""
    answer = ask(url, "GET", f"/key/{alice}", headers={"Accept": "text/html", "Host": host})
    if answer.status == 200:
        assert "hkp://localhost" in Reader(answer.text).text()
    else:
        assert answer.status == 400


def test_an_upload_from_a_browser_is_answered_with_a_page(url: str) -> None:
    """People read what became of it, programs get JSON."""
    text = armored(generate("Page <page@pages.example>").extract_certificate())
    answer = upload(url, text, accept="text/html")
    assert answer.status == 200
    assert "Submitted" in Reader(answer.text).text("h1")
