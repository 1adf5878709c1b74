"""Components that are small to send and dear to compile, byte by byte (WebAssembly core, "Binary Format")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

__all__ = [
    "NOTHING",
    "adds",
    "body",
    "calls",
    "component",
    "empties",
    "ifs",
    "loops",
    "module",
    "nested",
    "nested_ifs",
    "passing_loops",
    "section",
    "u32",
    "vector",
]

I32: Final = 0x7F
END: Final = b"\x0b"
NOTHING: Final = b"\x60\0\0"
"""The type of a function that takes and returns nothing."""


def u32(number: int) -> bytes:
    """A number as LEB128."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def vector(items: Sequence[bytes]) -> bytes:
    """How many there are, and the items."""
    return u32(len(items)) + b"".join(items)


def section(kind: int, content: bytes) -> bytes:
    """A section of a module or a component."""
    return bytes((kind,)) + u32(len(content)) + content


def module(*sections: bytes) -> bytes:
    """A core module."""
    return b"\0asm\x01\0\0\0" + b"".join(sections)


def component(*modules: bytes) -> bytes:
    """A component that holds core modules and nothing else."""
    return b"\0asm\x0d\0\x01\0" + b"".join(section(1, inner) for inner in modules)


def body(code: bytes, variables: Iterable[tuple[int, int]] = ()) -> bytes:
    """A function body: runs of locals (how many, type), then code without its last `end`."""
    whole = vector([u32(count) + bytes((kind,)) for count, kind in variables]) + code + END
    return u32(len(whole)) + whole


def function(code: bytes, variables: Iterable[tuple[int, int]] = (), types: Sequence[bytes] = (NOTHING,)) -> bytes:
    """A component with one function, of the first type."""
    return component(
        module(section(1, vector(types)), section(3, vector([b"\0"])), section(10, vector([body(code, variables)])))
    )


def nested(count: int) -> bytes:
    """Blocks in blocks."""
    return function(b"\x02\x40" * count + END * count)


def nested_ifs(count: int) -> bytes:
    """`if` in `if`: twice the depth costs four times the time."""
    return function(b"\x20\0\x04\x40" * count + END * count, [(1, I32)])


def adds(size: int) -> bytes:
    """One function that adds for so many bytes."""
    return function(b"\x20\0" + b"\x20\0\x6a" * (size // 3) + b"\x1a", [(1, I32)])


def ifs(count: int, variables: int) -> bytes:
    """One function with so many `if` after another, each setting one of its locals."""
    return function(b"\x20\0\x04\x40\x41\x01\x21\x01\x0b" * count, [(variables, I32)])


def loops(count: int, variables: int) -> bytes:
    """One function with so many loops after another, and locals that live through all of them."""
    return function(b"\x03\x40\x20\0\x0d\0\x0b" * count, [(variables, I32)])


def passing_loops(count: int, width: int) -> bytes:
    """Loops that hand values on: each costs the compiler 40 kB a value."""
    wide = b"\x60" + 2 * vector([bytes((I32,))] * width)
    return function(b"\x41\0" * width + b"\x03\x01\x0b" * count + b"\x1a" * width, types=[NOTHING, wide])


def empties(count: int) -> bytes:
    """So many functions that do nothing."""
    return component(
        module(
            section(1, vector([NOTHING])),
            section(3, u32(count) + b"\0" * count),
            section(10, u32(count) + b"\x02\0\x0b" * count),
        )
    )


def calls(count: int, each: int) -> bytes:
    """So many functions with so many calls each."""
    one = body(b"".join(b"\x10" + u32(callee) for callee in range(each)))
    return component(
        module(
            section(1, vector([NOTHING])),
            section(3, u32(count) + b"\0" * count),
            section(10, u32(count) + one * count),
        )
    )
