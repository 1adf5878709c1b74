"""Makes the objects of a Python snapshot immortal, so that calling them writes nothing and instances share their pages.

The runtime's `lasting.py` has written a table of the objects' places into the component. Here each gets the reference
count of an immortal object (CPython 3.14, `refcount.h`, where pointers have 32 bits), and the table becomes zeros. A
place that holds no object any more when the snapshot is taken is left alone: what is there does not look like one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .binary import Reader, leb, section, sections
from .errors import ToolchainError

__all__ = ["immortalized"]

_MARK = b"wasmpuck: objects that last\n"
_GRAIN = 8
_IMMORTAL, _LEAST_IMMORTAL, _STATIC = 5 << 28, 1 << 30, 7 << 28
_MOST = 1 << 20  # more counted references has no object; a free place begins with 0 or with an address, which is more
_MODULE, _DATA = 1, 11
_I32_CONST, _END = 0x41, 0x0B
_OTHERWISE = "a data segment has no constant address: componentize-py links differently than it did"


class _Segment:
    """An active data segment: `head` as it stands in the section, `at` its address."""

    def __init__(self, reader: Reader) -> None:
        start = reader.at
        if reader.number() != 0 or reader.byte() != _I32_CONST:
            raise ToolchainError(_OTHERWISE)
        self.at = _signed(reader) & 0xFFFFFFFF
        if reader.byte() != _END:
            raise ToolchainError(_OTHERWISE)
        self.head = reader.since(start)
        self.data = bytearray(reader.name())

    def encoded(self) -> bytes:
        return self.head + leb(len(self.data)) + self.data


def _signed(reader: Reader) -> int:
    result = shift = 0
    while True:
        byte = reader.byte()
        result |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return result - (1 << shift) if byte & 0x40 else result


def immortalized(component: bytes) -> bytes:
    """The component with its objects immortal. Raises `ToolchainError` where no table is, or it does not fit."""
    out = [component[:8]]
    done = False
    for kind, body in sections(component):
        if kind == _MODULE and not done and _MARK in body:
            body, done = _module(body), True
        out.append(section(kind, body))
    if not done:
        raise ToolchainError("the component has no table of its objects: `lasting.write_down` was not called")
    return b"".join(out)


def _module(module: bytes) -> bytes:
    out = [module[:8]]
    for kind, body in sections(module):
        out.append(section(kind, _data(body) if kind == _DATA else body))
    return b"".join(out)


def _data(body: bytes) -> bytes:
    reader = Reader(body)
    segments = [_Segment(reader) for _ in range(reader.number())]
    size = max(segment.at + len(segment.data) for segment in segments) + 3 & ~3
    memory, written = bytearray(size), bytearray(size)
    for segment in segments:
        memory[segment.at : segment.at + len(segment.data)] = segment.data
        written[segment.at : segment.at + len(segment.data)] = b"\1" * len(segment.data)
    table = _change(memory, written)
    kept = [segment for segment in segments if not (segment.at in table and segment.at + len(segment.data) in table)]
    for segment in kept:
        segment.data[:] = memory[segment.at : segment.at + len(segment.data)]
    return leb(len(kept)) + b"".join(segment.encoded() for segment in kept)


def _change(memory: bytearray, written: bytearray) -> range:
    """Makes immortal what the table in `memory` names, and the table zeros; where that was. What no segment has
    `written` is zero, and stays so.
    """
    word = memoryview(bytes(memory)).cast("I")
    found, start, size, the_type = _table(memory, word)
    places = list(_places(memory[start : start + size]))
    changed = 0
    for place in places:
        count = word[place // 4]
        if count >= _LEAST_IMMORTAL:
            changed += 1
        elif 0 < count < _MOST and written[place + 3] and _is_type(word, word[place // 4 + 1], the_type):
            struct.pack_into("<I", memory, place, _IMMORTAL)
            changed += 1
    if changed < len(places) * 0.9:
        raise ToolchainError(f"only {changed:,} of {len(places):,} places in the table of objects hold one")
    memory[found : start + size] = bytes(start + size - found)
    return range(found, start + size + 1)


def _table(memory: bytearray, word: memoryview[int]) -> tuple[int, int, int, int]:
    """Where the table's mark and its bits begin, how many bytes those are, and where `type` is.

    The mark stands in other places too, as a constant; there it is not followed by the address of `None`.
    """
    found = memory.find(_MARK)
    while found >= 0:
        start = found + len(_MARK) + 12
        size, the_type, none = struct.unpack_from("<III", memory, start - 12)
        if start + size <= len(memory) and none // 4 < len(word) and word[none // 4] == _STATIC:
            return found, start, size, the_type
        found = memory.find(_MARK, found + 1)
    raise ToolchainError("the table of objects fits no memory of CPython 3.14: look at refcount.h of this version")


def _places(table: bytearray) -> Iterator[int]:
    """The addresses that a table's bits stand for."""
    for index, bits in enumerate(table):
        for bit in range(8 if bits else 0):
            if bits >> bit & 1:
                yield (index * 8 + bit) * _GRAIN


def _is_type(word: memoryview[int], place: int, the_type: int) -> bool:
    """Whether the object at `place` is a class: its own class's class is `type`."""
    for _ in range(2):
        if place % 4 or not 0 < place // 4 < len(word) - 1:
            return False
        place = word[place // 4 + 1]
    return place == the_type
