"""Core instructions, read only far enough to count the blocks of a function body."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import Final

__all__ = ["Blocks", "NotUnderstood", "blocks"]

_LEB: Final = rb"[\x80-\xff]*[\x00-\x7f]"

#: A run of instructions that open and close nothing, by their operands (core, "Instructions"; SIMD and bulk memory
#: included). Matching keeps the interpreter lock: a run is cut at 4,000 instructions, about half a millisecond.
#: No possessive quantifiers: before CPython 3.11.5 they match what they must not.
_PLAIN: Final = re.compile(
    rb"(?:"
    rb"[\x00\x01\x0f\x1a\x1b\x45-\xc4\xd1]"  # no operand
    rb"|[\x0c\x0d\x10\x20-\x26\x3f-\x42\xd0\xd2]LEB"  # an index, a constant
    rb"|[\x11\x28-\x3e]LEBLEB"  # an indirect call, a load or store
    rb"|\x43.{4}|\x44.{8}"  # floats
    rb"|\xfc(?:[\x00-\x07]|[\x08\x0a\x0c\x0e]LEBLEB|[\x09\x0b\x0d\x0f\x10\x11]LEB)"
    rb"|\xfd(?:[\x00-\x0b\x5c\x5d]LEBLEB|[\x0c\x0d].{16}|[\x15-\x22].|[\x54-\x5b]LEBLEB.|[\x0e-\x14\x23-\x53\x5e-\x7f]"
    rb"|[\x80-\xff][\x01\x02])"
    rb"){0,4000}".replace(b"LEB", _LEB),
    re.DOTALL,
)
_NUMBER: Final = re.compile(_LEB)
#: Targets of a branch table; wasmtime's parser takes no more.
_MOST: Final = 65_520
_LAST_BYTE: Final = re.compile(rb"[\x00-\x7f]")

_BLOCK, _LOOP, _IF, _ELSE, _END, _BRANCH_TABLE, _SELECT = 0x02, 0x03, 0x04, 0x05, 0x0B, 0x0E, 0x1C


class NotUnderstood(ValueError):
    """Bytes that are no instruction of the proposals that plugins may use."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Counts of one function body: how deep its blocks nest, how many it has, how many of them are loops."""

    nesting: int
    blocks: int
    loops: int


def blocks(data: bytes, position: int, end: int, most: Blocks) -> Blocks:
    """Counts the blocks of the instructions in `data[position:end]`, about 70 ns a byte; stops beyond `most`.

    Raises:
        NotUnderstood: an instruction is unknown or cut off.
    """
    depth = deepest = opened = loops = 0
    plain, number = _PLAIN.match, _NUMBER.match
    while True:
        before = position
        run = plain(data, position, end)
        position = run.end() if run is not None else position
        if position >= end or deepest > most.nesting or opened > most.blocks or loops > most.loops:
            return Blocks(deepest, opened, loops)
        code = data[position]
        if code == _END:
            depth -= 1
            position += 1
        elif code in (_BLOCK, _LOOP, _IF):
            depth += 1
            opened += 1
            loops += code == _LOOP
            deepest = max(deepest, depth)
            position = _behind(number(data, position + 1, end), position)
        elif code == _ELSE:
            position += 1
        elif code == _BRANCH_TABLE:
            position = _numbers(data, *_value(data, position + 1, end), end, more=1)
        elif code == _SELECT:
            position = _numbers(data, *_value(data, position + 1, end), end)
        elif position == before:
            raise NotUnderstood(f"the instruction 0x{code:02x} at byte {position:,} is not one that plugins use")


def _behind(found: re.Match[bytes] | None, position: int) -> int:
    if found is None:
        raise NotUnderstood(f"the instruction at byte {position:,} is cut off")
    return found.end()


def _value(data: bytes, position: int, end: int) -> tuple[int, int]:
    """The unsigned number at `position`, and the position behind it."""
    behind = _behind(_NUMBER.match(data, position, end), position)
    value = 0
    for byte in reversed(data[position : min(behind, position + 5)]):
        value = value << 7 | byte & 0x7F
    return value, behind


def _numbers(data: bytes, count: int, position: int, end: int, *, more: int = 0) -> int:
    """The position behind `count + more` numbers."""
    count += more
    if count > _MOST:
        raise NotUnderstood(f"the instruction at byte {position:,} has {count:,} operands")
    if not count:
        return position
    return _behind(next(islice(_LAST_BYTE.finditer(data, position, end), count - 1, None), None), position)
