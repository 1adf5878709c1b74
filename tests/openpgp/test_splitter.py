from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.openpgp import armor, frame
from wasmpuck.openpgp.splitter import Piece, pieces_of_armor, pieces_of_packets

SMALL = 10_000
CERTIFICATES = st.lists(
    st.tuples(st.sampled_from([5, 6]), st.lists(st.tuples(st.sampled_from([2, 13, 14, 17]), st.binary(max_size=300)))),
    max_size=5,
)


def split(chunks: list[bytes], most: int = SMALL) -> Iterator[Piece]:
    """The pieces of these chunks."""
    return pieces_of_packets(chunks, most)


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
def test_any_bytes_are_split_or_lost(data: bytes, size: int) -> None:
    """In any chunks the result is the same: pieces, and perhaps one broken place at the end."""

    def outcome(chunks: list[bytes]) -> list[tuple[bytes, int, str]]:
        return [(piece.data, piece.offset, piece.problem.message if piece.problem else "") for piece in split(chunks)]

    pieces = outcome([data])
    assert outcome(chunked(data, size)) == pieces
    assert not any(problem for _, _, problem in pieces[:-1])


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_what_is_too_long_is_skipped_without_being_held(size: int) -> None:
    """The next certificate is found behind it."""
    long = frame(6, b"key") + frame(13, bytes(50_000))
    pieces = list(split(chunked(long + frame(6, b"next"), size)))
    assert [(piece.data, piece.problem) for piece in pieces] == [(b"", None), (frame(6, b"next"), None)]


def test_a_signature_before_any_key_is_a_piece() -> None:
    """It may be a revocation; what else stands before a key is passed over."""
    pieces = split([frame(2, b"sig") + frame(13, b"stray") + frame(6, b"key") + frame(2, b"x")])
    assert [(piece.bare, piece.data) for piece in pieces] == [
        (True, frame(2, b"sig")),
        (False, frame(6, b"key") + frame(2, b"x")),
    ]


def test_only_the_broken_certificate_is_lost() -> None:
    """The one in front of it comes out whole; what follows in the same stream cannot be found again."""
    whole, lost = split([frame(6, b"whole") + frame(6, b"cut") + b"hello" + frame(6, b"unreachable")])
    assert whole.data == frame(6, b"whole")
    assert lost.problem is not None
    assert lost.problem.offset == len(frame(6, b"whole") + frame(6, b"cut"))


def test_each_block_of_armor_is_a_stream_of_its_own() -> None:
    """A broken block spoils no other, and a signature in a block of its own belongs to no key before it."""
    blocks = [frame(6, b"one"), frame(6, b"two") + b"\xcd\x05ab", frame(2, b"sig"), frame(6, b"three")]
    pieces = list(pieces_of_armor("".join(map(armor, blocks)).encode().splitlines(), SMALL))
    assert [(piece.data, piece.bare, piece.problem is not None) for piece in pieces] == [
        (blocks[0], False, False),
        (b"", False, True),
        (blocks[2], True, False),
        (blocks[3], False, False),
    ]


def test_thousands_of_empty_packets_end_the_stream() -> None:
    """Packets with nothing in them cost far more than their bytes: after some thousand the stream counts as broken."""
    key, good = frame(6, bytes(50)), frame(13, b"user id")
    many = key + good * 500 + b"\xcd\x00" * 4_000_000
    *whole, last = pieces_of_packets((key + good * 900, many), 1 << 25)
    assert [piece.data for piece in whole] == [key + good * 900]
    assert last.data == b""
    assert last.problem is not None
    assert "packets before it have" in last.problem.reason


def test_many_packets_of_some_size_are_a_certificate() -> None:
    """A certificate that was flooded with signatures is not taken for noise."""
    flooded = frame(6, bytes(50)) + frame(2, bytes(30)) * 20_000
    assert [piece.data for piece in pieces_of_packets((flooded,), 1 << 25)] == [flooded]
