"""A reader over the body of one packet, and the number formats of RFC 9580 §3."""

from __future__ import annotations

__all__ = ["Cut", "Fields", "Unparseable"]


class Unparseable(Exception):
    """A packet's body does not hold what its type promises. Stays inside this package: the packet is dropped."""


class Cut(Unparseable):
    """The body ends too early."""


class Fields:
    """Reads a body from front to back; every method raises `Cut` instead of returning less than asked."""

    __slots__ = ("data", "offset")

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self.data = data
        self.offset = offset

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self.data) - self.offset

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        start, end = self.offset, self.offset + size
        if end > len(self.data):
            raise Cut(f"{size} bytes wanted at {start}, {len(self.data) - start} left")
        self.offset = end
        return self.data[start:end]

    def number(self, size: int) -> int:
        """A big-endian number of `size` bytes (§3.1)."""
        return int.from_bytes(self.take(size), "big")

    def mpi(self) -> bytes:
        """The bytes of a multiprecision integer without its bit count (§3.2)."""
        return self.take((self.number(2) + 7) >> 3)

    def finish(self) -> None:
        """Raises `Unparseable` if something is left."""
        if self.left:
            raise Unparseable(f"{self.left} bytes too many")
