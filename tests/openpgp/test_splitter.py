from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.openpgp import frame
from wasmpuck.openpgp.splitter import BrokenStream, Piece, Splitter

SMALL = 10_000
CERTIFICATES = st.lists(
    st.tuples(st.sampled_from([5, 6]), st.lists(st.tuples(st.sampled_from([2, 13, 14, 17]), st.binary(max_size=300)))),
    max_size=5,
)


def split(chunks: list[bytes], most: int = SMALL) -> Iterator[Piece]:
    """The pieces of these chunks."""
    splitter = Splitter(most)
    for chunk in chunks:
        yield from splitter.feed(chunk)
    yield from splitter.finish()


def chunked(data: bytes, size: int) -> list[bytes]:
    """In chunks of this size."""
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(CERTIFICATES, st.integers(1, 50))
def test_pieces_are_the_certificates_whatever_the_chunks(
    certificates: list[tuple[int, list[tuple[int, bytes]]]], size: int
) -> None:
    """Each begins with a primary key, public or secret, and nothing is lost between."""
    whole = [
        frame(tag, b"key") + b"".join(frame(kind, body) for kind, body in packets) for tag, packets in certificates
    ]
    pieces = list(split(chunked(b"".join(whole), size)))
    assert [piece.data for piece in pieces] == whole
    assert [piece.offset for piece in pieces] == [sum(map(len, whole[:number])) for number in range(len(whole))]


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_are_split_or_refused(data: bytes, size: int) -> None:
    """In any chunks the result is the same: pieces, and perhaps one broken place."""

    def outcome(chunks: list[bytes]) -> tuple[list[Piece], int | None]:
        pieces: list[Piece] = []
        try:
            pieces.extend(split(chunks))
        except BrokenStream as error:
            return pieces, error.problem.offset
        return pieces, None

    assert outcome(chunked(data, size)) == outcome([data])


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_what_is_too_long_is_skipped_without_being_held(size: int) -> None:
    """The next certificate is found behind it."""
    long = frame(6, b"key") + frame(13, bytes(50_000))
    pieces = list(split(chunked(long + frame(6, b"next"), size)))
    assert [(piece.skipped, piece.data) for piece in pieces] == [(True, b""), (False, frame(6, b"next"))]


def test_a_signature_before_any_key_is_a_piece() -> None:
    """It may be a revocation; what else stands before a key is only counted."""
    splitter = Splitter(SMALL)
    pieces = [*splitter.feed(frame(2, b"sig") + frame(13, b"stray") + frame(6, b"key") + frame(2, b"x"))]
    pieces += splitter.finish()
    assert [(piece.bare, piece.data) for piece in pieces] == [
        (True, frame(2, b"sig")),
        (False, frame(6, b"key") + frame(2, b"x")),
    ]
    assert splitter.stray == 1


def test_only_the_broken_certificate_is_lost() -> None:
    """The one in front of it comes out whole."""
    pieces = split([frame(6, b"whole") + frame(6, b"cut") + b"\xcd\x05ab"])
    assert next(pieces).data == frame(6, b"whole")
    with pytest.raises(BrokenStream) as caught:
        next(pieces)
    assert "in the middle" in caught.value.problem.message
