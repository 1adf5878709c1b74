"""Cuts a stream of packets into certificates without holding more than one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .packets import MalformedPacket, Tag, read_header

__all__ = ["BrokenStream", "Piece", "Splitter"]

_STARTS = frozenset((Tag.PUBLIC_KEY, Tag.SECRET_KEY))
_LONGEST_HEADER = 6


@dataclass(frozen=True, slots=True)
class Piece:
    """The packets of one certificate as they came, or a signature that stands before any key.

    `data` is empty for a piece that was longer than allowed and was skipped; `offset` is where it began.
    """

    data: bytes
    offset: int
    bare: bool = False

    @property
    def skipped(self) -> bool:
        """Whether it was too long to be held."""
        return not self.data


class BrokenStream(Exception):
    """The packets end in disorder. Pieces yielded before are complete; the one that the disorder is in is lost.

    `problem` says what is wrong and where.
    """

    def __init__(self, problem: MalformedPacket) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Splitter:
    """Feed it chunks of any size, in order, then `finish`. Linear in the bytes fed.

    A certificate begins with a primary key, public or secret. Before the first one, signatures come as pieces of
    their own and other packets are counted in `stray`.
    """

    def __init__(self, max_piece: int) -> None:
        self.stray = 0
        self._max = max_piece
        self._buffer = bytearray()
        self._base = 0  # offset in the stream of the buffer's first byte
        self._scan = 0  # where in the buffer the next header starts; may lie behind its end
        self._start: int | None = None  # where in the buffer the current piece starts
        self._origin = 0
        self._oversized = False

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """The pieces that this chunk completes. Raises `BrokenStream`."""
        self._buffer += chunk
        while self._scan < len(self._buffer):
            header = self._header()
            if header is None:
                break
            tag, body, size = header
            if tag in _STARTS:
                yield from self._flush(self._scan)
                self._start, self._origin = self._scan, self._base + self._scan
            elif self._start is None and not self._oversized:
                if tag != Tag.SIGNATURE:
                    self.stray += tag not in (Tag.MARKER, Tag.PADDING)
                elif body + size > len(self._buffer) and size <= self._max:
                    break
                elif size <= self._max:
                    yield Piece(bytes(self._buffer[self._scan : body + size]), self._base + self._scan, bare=True)
            self._scan = body + size
            if self._start is not None and self._scan - self._start > self._max:
                self._start, self._oversized = None, True
        self._compact()

    def finish(self) -> Iterator[Piece]:
        """The last piece. Raises `BrokenStream` if the last packet is cut off."""
        if self._scan != len(self._buffer):
            where = self._base + min(self._scan, len(self._buffer))
            raise BrokenStream(MalformedPacket(where, "the data ends in the middle of it"))
        yield from self._flush(self._scan)

    def _header(self) -> tuple[int, int, int] | None:
        window = bytes(self._buffer[self._scan : self._scan + _LONGEST_HEADER])
        try:
            header = read_header(window, 0)
        except MalformedPacket as error:
            raise BrokenStream(MalformedPacket(self._base + self._scan, error.reason)) from None
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
