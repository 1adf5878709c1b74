"""Compressed answers for those who ask for them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator

import pytest

from e2e.certificates import armored, generate
from e2e.client import ask, upload
from e2e.serving import keyserver_thread
from wasmpuck.config import HTTPSettings
from wasmpuck.http.compression import coding_of

UNPACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("deflate", "deflate"),
        ("deflate, gzip", "gzip"),
        ("gzip;q=0.5, deflate", "deflate"),
        ("gzip;q=0", ""),
        ("gzip;q=0, *", "deflate"),
        ("*", "gzip"),
        ("*;q=0", ""),
        ("br, zstd", ""),
        ("identity", ""),
        ("gzip;q=abc", ""),
        ("", ""),
        ("gzip" + " " * 2000, ""),
    ],
)
def test_the_coding_is_what_the_client_likes_best(accept: str, coding: str) -> None:
    """By weight, gzip before deflate where they are equal; a weight of zero means not at all."""
    assert coding_of(accept) == coding


@pytest.fixture(scope="module")
def search(url: str) -> str:
    """An address whose certificate is worth compressing in every form."""
    certificate = generate(*(f"Person {number} <many{number}@example.org>" for number in range(30)))
    assert upload(url, armored(certificate.extract_certificate())).status == 200
    return "many0@example.org"


@pytest.mark.parametrize("query", ["op=get", "op=index", "op=index&options=mr", "op=index&options=json"])
@pytest.mark.parametrize("coding", UNPACK)
def test_text_is_compressed_for_those_who_ask(url: str, search: str, query: str, coding: str) -> None:
    """The content is the same, the tag another one, which is good for a 304; `HEAD` says the same as `GET`."""
    target = f"/pks/lookup?{query}&search={search}"
    plain, packed = ask(url, "GET", target), ask(url, "GET", target, headers={"Accept-Encoding": coding})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == coding
    assert len(packed.body) < len(plain.body)
    assert UNPACK[coding](packed.body) == plain.body
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert packed.headers["Vary"] == plain.headers["Vary"]
    tag = packed.headers["ETag"]
    assert tag != plain.headers["ETag"]
    again = ask(url, "GET", target, headers={"Accept-Encoding": coding, "If-None-Match": tag})
    assert (again.status, again.headers["ETag"]) == (304, tag)
    head = ask(url, "HEAD", target, headers={"Accept-Encoding": coding})
    assert (head.headers["Content-Length"], head.headers["ETag"]) == (str(len(packed.body)), tag)


def test_what_gains_nothing_is_sent_as_it_is(url: str, search: str) -> None:
    """Binary certificates, small answers and failures are not compressed."""
    small = generate("Small <small@example.org>").extract_certificate()
    assert upload(url, armored(small)).status == 200
    for query, status in (
        (f"op=get&options=bin&search={search}", 200),
        ("op=index&options=mr&search=small@example.org", 200),
        ("op=get&search=nobody", 404),
    ):
        answer = ask(url, "GET", f"/pks/lookup?{query}", headers={"Accept-Encoding": "gzip"})
        assert answer.status == status
        assert "Content-Encoding" not in answer.headers


@pytest.fixture(scope="module")
def uncompressed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that leaves compression to a proxy."""
    with keyserver_thread(tmp_path_factory.mktemp("plain"), HTTPSettings(compression=False)) as server:
        yield server.url


def test_the_operator_can_turn_it_off(uncompressed: str) -> None:
    """Then nobody gets a compressed answer."""
    answer = ask(uncompressed, "GET", "/", headers={"Accept-Encoding": "gzip"})
    assert answer.status == 200
    assert "Content-Encoding" not in answer.headers
