"""Cuts a stream of packets into certificates without holding more than one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .armor import Dearmorer
from .packets import MalformedPacket, Tag, read_header

__all__ = ["Piece", "Splitter", "pieces_of_armor", "pieces_of_packets"]

_STARTS = frozenset((Tag.PUBLIC_KEY, Tag.SECRET_KEY))
_LONGEST_HEADER = 6
_FEW_PACKETS = 10_000
_LEAST_AVERAGE = 16
"""Octets of a packet with its header, over all packets that come before the next primary key. The least that a real
certificate has is five times that; packets with nothing in them cost a hundred times what their bytes do."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The packets of one certificate as they came, or a signature that stands before any key (`bare`).

    `data` is empty for a piece that was lost: because it was longer than allowed and was skipped, or because the
    stream is broken in it, which `problem` then says. `offset` is where the piece, or the broken packet, began.
    """

    data: bytes
    offset: int
    bare: bool = False
    problem: MalformedPacket | None = None


class Splitter:
    """Feed it chunks of any size, in order, then `finish`; after that it takes another stream. Linear in the bytes fed.

    A certificate begins with a primary key, public or secret. Before the first one, signatures come as pieces of
    their own and other packets are passed over. At a broken packet the current certificate is lost, and with it the
    rest of the stream; thousands of packets with next to nothing in them count as one.
    """

    def __init__(self, max_piece: int) -> None:
        self._max = max_piece
        self._begin()

    def _begin(self) -> None:
        self._base = 0  # offset in the stream of the buffer's first byte
        self._buffer = bytearray()
        self._scan = 0  # where in the buffer the next header starts; may lie behind its end
        self._start: int | None = None  # where in the buffer the current piece starts
        self._origin = 0
        self._oversized = False
        self._broken = False
        self._packets = 0  # since the last primary key
        self._bytes = 0  # of these packets

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """The pieces that this chunk completes."""
        if self._broken:
            return
        self._buffer += chunk
        while self._scan < len(self._buffer):
            try:
                header = self._header()
            except MalformedPacket as error:
                yield self._lose(error.reason)
                return
            if header is None:
                break
            tag, body, size = header
            self._packets += 1
            self._bytes += body + size - self._scan
            if self._packets > _FEW_PACKETS and self._bytes < self._packets * _LEAST_AVERAGE:
                yield self._lose(f"{self._packets} packets before it have {self._bytes} bytes together")
                return
            if tag in _STARTS:
                self._packets = self._bytes = 0
                yield from self._flush(self._scan)
                self._start, self._origin = self._scan, self._base + self._scan
            elif tag == Tag.SIGNATURE and self._start is None and not self._oversized and size <= self._max:
                if body + size > len(self._buffer):
                    break
                yield Piece(bytes(self._buffer[self._scan : body + size]), self._base + self._scan, bare=True)
            self._scan = body + size
            if self._start is not None and self._scan - self._start > self._max:
                self._start, self._oversized = None, True
        self._compact()

    def finish(self) -> Iterator[Piece]:
        """The last piece."""
        if not self._broken and self._scan != len(self._buffer):
            yield self._lose("the data ends in the middle of it")
        if not self._broken:
            yield from self._flush(self._scan)
        self._begin()

    def _lose(self, reason: str) -> Piece:
        self._broken = True
        where = self._base + min(self._scan, len(self._buffer))
        self._buffer.clear()
        return Piece(b"", where, problem=MalformedPacket(where, reason))

    def _header(self) -> tuple[int, int, int] | None:
        header = read_header(bytes(self._buffer[self._scan : self._scan + _LONGEST_HEADER]), 0)
        if header is None:
            return None
        tag, body, size = header
        return tag, self._scan + body, size

    def _flush(self, end: int) -> Iterator[Piece]:
        if self._oversized:
            yield Piece(b"", self._origin)
        elif self._start is not None:
            yield Piece(bytes(self._buffer[self._start : end]), self._origin)
        self._start, self._oversized = None, False

    def _compact(self) -> None:
        """Forgets what is no longer needed; bytes of a skipped packet are forgotten as they come."""
        keep = min(self._scan if self._start is None else self._start, len(self._buffer))
        if keep:
            del self._buffer[:keep]
            self._base += keep
            self._scan -= keep
            if self._start is not None:
                self._start -= keep


def pieces_of_packets(chunks: Iterable[bytes], max_piece: int) -> Iterator[Piece]:
    """The pieces of a binary stream."""
    splitter = Splitter(max_piece)
    for chunk in chunks:
        yield from splitter.feed(chunk)
    yield from splitter.finish()


def pieces_of_armor(lines: Iterable[bytes], max_piece: int) -> Iterator[Piece]:
    """The pieces of armored text; each block is a stream of its own, so that a broken one spoils no other.

    Raises `BrokenArmor`, also when there is no block at all.
    """
    splitter, reader, block = Splitter(max_piece), Dearmorer(), 1
    for chunk in reader.feed(lines):
        if reader.blocks != block:
            yield from splitter.finish()
            block = reader.blocks
        yield from splitter.feed(chunk)
    reader.finish()
    yield from splitter.finish()
