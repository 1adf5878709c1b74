from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.openpgp import MalformedPacket, Packet, frame, walk

PACKETS = st.lists(st.builds(Packet, st.integers(1, 63), st.binary(max_size=300)), max_size=20)


def old_format(packet: Packet) -> bytes:
    """The framing of RFC 1991, with a two-octet length."""
    return bytes((0x80 | packet.tag << 2 | 1,)) + len(packet.body).to_bytes(2, "big") + packet.body


@given(PACKETS)
def test_packets_come_back_as_they_were_written(packets: list[Packet]) -> None:
    """Walking over framed packets gives the packets."""
    assert list(walk(b"".join(map(bytes, packets)))) == packets


@given(st.lists(st.builds(Packet, st.integers(1, 15), st.binary(max_size=300)), max_size=20))
def test_the_old_format_is_read_and_the_current_one_written(packets: list[Packet]) -> None:
    """The framing of an upload does not matter for what is stored."""
    assert list(walk(b"".join(map(old_format, packets)))) == packets


@pytest.mark.parametrize(("size", "header"), [(191, 2), (192, 3), (8383, 3), (8384, 6)])
def test_lengths_are_as_short_as_they_can_be(size: int, header: int) -> None:
    """The length takes one, two or five octets, at the borders of the standard."""
    framed = frame(13, bytes(size))
    assert len(framed) == header + size
    assert list(walk(framed)) == [Packet(13, bytes(size))]


@given(st.binary(max_size=400))
def test_any_bytes_are_walked_or_refused(data: bytes) -> None:
    """Whatever the bytes are, the walker yields no more than there is and raises nothing but its own error."""
    total = offset = 0
    try:
        for packet in walk(data):
            total += 2 + len(packet.body)
    except MalformedPacket as error:
        offset = error.offset
    assert total <= len(data)
    assert 0 <= offset <= len(data)


@given(PACKETS, st.data())
def test_a_changed_octet_raises_nothing_else(packets: list[Packet], data: st.DataObject) -> None:
    """A mutated stream is still walked, or refused in words."""
    stream = bytearray(b"".join(map(bytes, packets)) + b"\xc0")
    stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    message = ""
    try:
        list(walk(bytes(stream)))
    except MalformedPacket as error:
        message = error.message
    assert message.startswith("The packet at byte ") or not message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xcd\xff\xff\xff\xff\xff" + bytes(10), "it claims 4294967295 bytes, 10 are left"),
        (b"\xcd\xe5" + bytes(100), "partial lengths are not allowed"),
        (b"\xb7" + bytes(100), "indeterminate lengths are not allowed"),
        (b"hello", "it does not start like an OpenPGP packet"),
        (b"\xcd", "its header is cut off"),
        (b"\xcd\xc1", "its header is cut off"),
        (b"\xcd\xff\x00\x00", "its header is cut off"),
        (b"\xc0\x01x", "packet type 0 is reserved"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, words: str) -> None:
    """Each way in which a packet can be broken has its own sentence."""
    with pytest.raises(MalformedPacket) as caught:
        list(walk(data))
    assert words in caught.value.message


def test_what_came_before_a_broken_packet_is_there() -> None:
    """Packets in front of the broken place have been yielded."""
    packets = walk(frame(13, b"whole") + b"\xcd\x05cut")
    assert next(packets) == Packet(13, b"whole")
    with pytest.raises(MalformedPacket):
        next(packets)


def test_the_error_crosses_to_another_process() -> None:
    """A worker process gets it as it was."""
    error = MalformedPacket(7, "its header is cut off")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.offset, copy.message, copy.hint) == (7, error.message, error.hint)
