"""The binary protocol by which SKS keyservers fetch what they miss."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysequoia import Cert, Profile

from e2e.certificates import armored, generate
from e2e.client import Answer, ask, upload
from e2e.serving import keyserver_thread
from wasmpuck.config import HTTPSettings
from wasmpuck.errors import BadRequest, PayloadTooLarge
from wasmpuck.http.hashquery import MOST_DIGESTS, parse_digests
from wasmpuck.openpgp.certificate import Certificate


def query(*digests: str) -> bytes:
    """A request."""
    return struct.pack(">I", len(digests)) + b"".join(struct.pack(">I", 16) + bytes.fromhex(each) for each in digests)


def certificates(answer: Answer) -> list[bytes]:
    """The certificates in an answer, whose framing must hold to the last byte."""
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "pgp/keys"
    body, found = answer.body, []
    (count,) = struct.unpack_from(">I", body)
    at = 4
    for _ in range(count):
        (size,) = struct.unpack_from(">I", body, at)
        found.append(body[at + 4 : at + 4 + size])
        at += 4 + size
    assert body[at:] == b"\r\n"
    return found


def post(url: str, body: bytes) -> Answer:
    """Asks."""
    return ask(url, "POST", "/pks/hashquery", body)


@pytest.fixture(scope="module")
def stored(url: str) -> list[Certificate]:
    """Certificates of version 4 and 6."""
    made = [
        generate("Four <four@example.org>").extract_certificate(),
        generate("Six <six@example.org>", profile=Profile.RFC9580).extract_certificate(),
    ]
    for each in made:
        assert upload(url, armored(each)).json["inserted"]
    found = [ask(url, "GET", f"/pks/lookup?op=get&options=bin&search=0x{each.fingerprint}").body for each in made]
    return [Certificate.parse(data) for data in found]


def test_certificates_come_by_digest(url: str, stored: list[Certificate]) -> None:
    """In the order of the request, of every version, each once; what is not here is left out."""
    digests = [each.md5 for each in stored]
    answer = post(url, query(digests[1], "0" * 32, digests[0], digests[1]))
    assert certificates(answer) == [stored[1].bytes, stored[0].bytes]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert Cert.from_bytes(certificates(post(url, query(digests[0])))[0])


def test_nothing_found_is_an_empty_answer(url: str) -> None:
    """No digest, or none that is here: a count of zero."""
    assert certificates(post(url, query())) == []
    assert certificates(post(url, query("0" * 32))) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\0\0",
        b"\0\0\0\1",
        b"\0\0\0\1\0\0\0\x10" + b"x" * 15,
        b"\0\0\0\1\0\0\0\x10" + b"x" * 17,
        b"\0\0\0\1\0\0\0\x11" + b"x" * 16,
        b"\0\0\0\1" + struct.pack(">I", 64 << 20) + b"x",
        b"\0\0\0\1" + struct.pack(">I", 2**32 - 1) + b"x" * 16,
    ],
)
def test_bad_framing_is_refused(url: str, body: bytes) -> None:
    """What does not hold is 400 with the form that would (Hockeypuck set aside what a request announced)."""
    answer = post(url, body)
    assert answer.status == 400
    assert "big-endian" in answer.text


def test_too_many_digests_are_refused(url: str) -> None:
    """Before they are looked at."""
    assert post(url, struct.pack(">I", MOST_DIGESTS + 1)).status == 413
    assert post(url, struct.pack(">I", 2**32 - 1)).status == 413
    assert ask(url, "GET", "/pks/hashquery").status == 405


def test_nothing_is_set_aside_for_what_is_announced() -> None:
    """The memory for a request is bounded by its bytes, whatever it says."""
    tracemalloc.start()
    try:
        for body in (b"\0\0\0\1" + struct.pack(">I", 64 << 20), struct.pack(">I", 2**32 - 1)):
            with pytest.raises((BadRequest, PayloadTooLarge)):
                parse_digests(body)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=20))
def test_every_query_is_understood(digests: list[bytes]) -> None:
    """Digests come out as they went in, each once."""
    texts = [each.hex() for each in digests]
    assert parse_digests(query(*texts)) == list(dict.fromkeys(texts))


@given(st.binary(max_size=100))
def test_any_bytes_are_understood_or_refused(body: bytes) -> None:
    """There is no third."""
    with contextlib.suppress(BadRequest, PayloadTooLarge):
        assert query(*parse_digests(body))[4:24] == body[4:24]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that gives little at once."""
    with keyserver_thread(tmp_path_factory.mktemp("small"), HTTPSettings(max_answer_bytes=1)) as server:
        yield server.url


def test_answers_are_bounded(small: str) -> None:
    """What finds no room is left out, but there is always one."""
    made = [generate(f"Ann <ann{number}@example.org>").extract_certificate() for number in range(3)]
    assert upload(small, armored(*made)).status == 200
    digests = [ask(small, "GET", f"/pks/lookup?op=index&options=json&search=0x{each.fingerprint}").json[0]["md5"]
               for each in made]  # fmt: skip
    assert len(certificates(post(small, query(*digests)))) == 1
