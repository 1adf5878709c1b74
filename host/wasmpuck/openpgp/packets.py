"""Packets as bytes: a strict walker and the one framing that we write (RFC 9580 §4)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from wasmpuck.errors import Unprocessable

__all__ = ["MalformedPacket", "Packet", "Tag", "frame", "read_header", "walk"]


class Tag(IntEnum):
    """The packet types that a keyserver meets (RFC 9580 §5)."""

    SIGNATURE = 2
    SECRET_KEY = 5
    PUBLIC_KEY = 6
    SECRET_SUBKEY = 7
    MARKER = 10
    TRUST = 12
    USER_ID = 13
    PUBLIC_SUBKEY = 14
    USER_ATTRIBUTE = 17
    PADDING = 21


class MalformedPacket(Unprocessable):
    """The bytes are not a sequence of packets; `offset` is where the broken packet starts."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(
            f"The packet at byte {offset} is broken: {reason}.",
            hint="Export the certificate again, for example with: gpg --export --armor FINGERPRINT",
        )
        self.offset = offset
        self.reason = reason

    def __reduce__(self) -> tuple[type[MalformedPacket], tuple[int, str]]:
        """As the arguments of its constructor, so that it crosses to a worker process."""
        return MalformedPacket, (self.offset, self.reason)


class Packet(NamedTuple):
    """A packet without its framing. Ordered by tag, then by body, as the SKS digest wants it."""

    tag: int
    body: bytes

    def __bytes__(self) -> bytes:
        return frame(self.tag, self.body)

    @property
    def framed_size(self) -> int:
        """How many bytes it has with its framing."""
        size = len(self.body)
        return size + (2 if size < 192 else 3 if size < 8384 else 6)


def frame(tag: int, body: bytes) -> bytes:
    """A packet in the current format with the shortest length (RFC 9580 §4.2.1)."""
    size = len(body)
    if size < 192:
        header = bytes((0xC0 | tag, size))
    elif size < 8384:
        rest = size - 192
        header = bytes((0xC0 | tag, (rest >> 8) + 192, rest & 0xFF))
    else:
        header = bytes((0xC0 | tag, 0xFF)) + size.to_bytes(4, "big")
    return header + body


def read_header(data: bytes, offset: int) -> tuple[int, int, int] | None:
    """(tag, offset of the body, length of the body) of the packet at `offset`; None if the header is cut off.

    Partial and indeterminate lengths (§4.2.1.4, §4.2.2) are only allowed for data packets, which have no place in a
    certificate: refused. Raises `MalformedPacket`.
    """
    available = len(data) - offset
    if available < 1:
        return None
    first = data[offset]
    if not first & 0x80:
        raise MalformedPacket(offset, "it does not start like an OpenPGP packet")
    if first & 0x40:
        tag, octets = first & 0x3F, 1
        if available < 2:
            return None
        size = data[offset + 1]
        if size >= 192:
            if size == 255:
                octets = 5
                size = int.from_bytes(data[offset + 2 : offset + 6], "big")
            elif size >= 224:
                raise MalformedPacket(offset, "partial lengths are not allowed in a certificate")
            else:
                octets = 2
                size = ((size - 192) << 8) + (data[offset + 2] if available > 2 else 0) + 192
    else:
        tag, octets = first >> 2 & 0x0F, (1, 2, 4, 0)[first & 3]
        if not octets:
            raise MalformedPacket(offset, "indeterminate lengths are not allowed in a certificate")
        size = int.from_bytes(data[offset + 1 : offset + 1 + octets], "big")
    if available < 1 + octets:
        return None
    if not tag:
        raise MalformedPacket(offset, "packet type 0 is reserved")
    return tag, offset + 1 + octets, size


def walk(data: bytes) -> Iterator[Packet]:
    """The packets of `data` one after the other, in linear time, each body bounded by what is really there.

    Raises `MalformedPacket` at the first byte that is not part of a packet; packets before it have been yielded.
    """
    offset, end = 0, len(data)
    while offset < end:
        header = read_header(data, offset)
        if header is None:
            raise MalformedPacket(offset, "its header is cut off")
        tag, start, size = header
        if size > end - start:
            raise MalformedPacket(offset, f"it claims {size} bytes, {end - start} are left")
        yield Packet(tag, data[start : start + size])
        offset = start + size
