"""Answers that clients and caches may keep: entity tags, dates, and 304 for those who have the answer already."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pysequoia import Cert

from e2e.certificates import armored, generate
from e2e.client import Answer, ask, upload
from e2e.serving import keyserver_thread
from vectors.owner import Owner
from wasmpuck.config import HTTPSettings
from wasmpuck.http.caching import entity_tag, http_date
from wasmpuck.storage import Record

FORMS = {
    "armor": "op=get&search=0x{0}",
    "binary": "op=get&options=bin&search=0x{0}",
    "digest": "op=hget&search={1}",
    "machine readable": "op=index&options=mr&search=0x{0}",
    "json": "op=index&options=json&search=0x{0}",
    "page": "op=index&search=0x{0}",
    "details": "op=vindex&search=0x{0}",
    "address": "op=get&search=cached@example.org",
}
DATED = {"armor", "binary", "machine readable", "json"}
"""Forms that were asked for by fingerprint and hold nothing of this day's or this reader's."""


@pytest.fixture(scope="module")
def target(url: str) -> dict[str, str]:
    """Where each form of one certificate is."""
    certificate = generate("Cached <cached@example.org>").extract_certificate()
    assert upload(url, armored(certificate)).status == 200
    fingerprint = certificate.fingerprint
    digest = ask(url, "GET", f"/pks/lookup?op=index&options=json&search=0x{fingerprint}").json[0]["md5"]
    return {form: "/pks/lookup?" + query.format(fingerprint, digest) for form, query in FORMS.items()}


def fresh(url: str, method: str, target: str, **conditions: str) -> Answer:
    """Asks with conditions such as `If_None_Match`."""
    return ask(url, method, target, headers={name.replace("_", "-"): value for name, value in conditions.items()})


@pytest.mark.parametrize("form", FORMS)
def test_who_has_the_answer_gets_304(url: str, target: dict[str, str], form: str) -> None:
    """`GET` and `HEAD` with the entity tag of the answer, also among others or weak, have no body and the same tag."""
    got = fresh(url, "GET", target[form])
    tag = got.headers["ETag"]
    assert tag.startswith('"')
    assert tag.endswith('"')
    assert fresh(url, "GET", target[form]).headers["ETag"] == tag
    for method in ("GET", "HEAD"):
        for condition in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            answer = fresh(url, method, target[form], If_None_Match=condition)
            assert (answer.status, answer.body) == (304, b"")
            assert answer.headers["ETag"] == tag
            assert answer.headers["Cache-Control"] == got.headers["Cache-Control"]
            assert answer.headers["Vary"] == got.headers["Vary"]
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert fresh(url, method, target[form], If_None_Match='"other"').status == 200


def test_every_form_has_a_tag_of_its_own(url: str, target: dict[str, str]) -> None:
    """What is another sequence of bytes has another strong entity tag."""
    answers = [fresh(url, "GET", where) for where in target.values()]
    tags = {answer.headers["ETag"]: answer.body for answer in answers}
    assert len(tags) == len({answer.body for answer in answers})


@pytest.mark.parametrize("form", FORMS)
def test_answers_by_fingerprint_have_a_date(url: str, target: dict[str, str], form: str) -> None:
    """Who has an answer from that second on gets 304, unless a tag says otherwise; who has an older one gets it."""
    answer = fresh(url, "GET", target[form])
    if form not in DATED:
        assert "Last-Modified" not in answer.headers
        assert fresh(url, "GET", target[form], If_Modified_Since=http_date(time.time() + 9)).status == 200
        return
    date = answer.headers["Last-Modified"]
    for method in ("GET", "HEAD"):
        assert fresh(url, method, target[form], If_Modified_Since=date).status == 304
        assert fresh(url, method, target[form], If_Modified_Since=http_date(time.time() + 9)).status == 304
        assert fresh(url, method, target[form], If_Modified_Since=http_date(time.time() - 9_000)).status == 200
        assert fresh(url, method, target[form], If_Modified_Since="yesterday").status == 200
        assert fresh(url, method, target[form], If_Modified_Since=date, If_None_Match='"x"').status == 200


def test_a_change_changes_the_tag(url: str) -> None:
    """After a merge the old tag brings the new certificate."""
    owner = Owner("merged")
    first, second = owner.user_id("One <one@example.org>"), owner.user_id("Two <two@example.org>")
    where = f"/pks/lookup?op=get&search=0x{owner.fingerprint}"
    assert upload(url, armored(Cert.from_bytes(owner.certificate(first)))).status == 200
    tag = fresh(url, "GET", where).headers["ETag"]
    assert upload(url, armored(Cert.from_bytes(owner.certificate(first, second)))).json["updated"]
    answer = fresh(url, "GET", where, If_None_Match=tag)
    assert answer.status == 200
    assert answer.headers["ETag"] != tag


def test_pages_are_always_asked_for_again(url: str, target: dict[str, str]) -> None:
    """They depend on the day and the reader; certificates and listings may be kept for a while; failures not at all."""
    for form in FORMS:
        expected = "no-cache" if form in ("page", "details") else "public, max-age=60"
        assert fresh(url, "GET", target[form]).headers["Cache-Control"] == expected
    assert fresh(url, "GET", "/pks/lookup?op=get&search=nobody").headers["Cache-Control"] == "no-store"
    assert fresh(url, "GET", "/pks/stats").headers["Cache-Control"] == "no-cache"


def test_answers_say_what_they_depend_on(url: str, target: dict[str, str]) -> None:
    """`Vary` names each request field once that chose among the forms of the answer."""
    assert fresh(url, "GET", target["armor"]).headers["Vary"] == "Accept-Encoding"
    assert fresh(url, "GET", target["json"]).headers["Vary"] == "Accept-Encoding"
    assert fresh(url, "GET", target["page"]).headers["Vary"] == "Accept, Accept-Encoding, Accept-Language"


@pytest.fixture(scope="module")
def uncached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server whose operator wants nothing cached."""
    with keyserver_thread(tmp_path_factory.mktemp("uncached"), HTTPSettings(cache_max_age=0.0)) as server:
        yield server.url


def test_the_operator_says_how_long(uncached: str) -> None:
    """Without a time to keep answers they have to be asked for again each time, which the tag makes cheap."""
    certificate = generate("Ann <ann@example.org>").extract_certificate()
    assert upload(uncached, armored(certificate)).status == 200
    answer = fresh(uncached, "GET", f"/pks/lookup?op=get&search=0x{certificate.fingerprint}")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["ETag"]


def test_a_tag_depends_on_every_record(tmp_path: Path) -> None:
    """Each certificate, its state, its order and, where it was cut, its bytes are in the tag."""
    one = Record("aa", "11", b"abc", b"", 1.0, 2.0)
    other = Record("bb", "22", b"abcd", b"", 1.0, 2.0)
    later, cut = Record("aa", "11", b"abc", b"", 1.0, 3.0), Record("aa", "11", b"abd", b"", 1.0, 2.0)
    tags = [entity_tag(each, "a") for each in ([one], [other], [later], [one, other], [other, one], [later, other])]
    tags += [entity_tag([one], "b"), entity_tag([one], "a", cut=True), entity_tag([cut], "a", cut=True)]
    assert len(set(tags)) == len(tags)
