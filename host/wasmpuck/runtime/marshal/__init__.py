"""Packers and unpackers for component values, generated once at load from a function's type.

Theory of operation. The C API describes a value as a tree of 32-byte slots: a kind byte, then either a scalar or a
pointer and a length. A *unit* is a row of slots followed by everything under them whose shape is fixed (records and
tuples); its layout is known from the type, so it is written with one `struct` call. Only lists, options, results and
variants have a shape that depends on the value; each is a unit of its own behind a pointer. The generated functions
are plain Python closures over the arena: no type is looked at, and no C call is made, for each value.

Integers are range-checked and text is checked to be UTF-8 (the C API does neither); a value that does not fit raises
`BadValue` before the guest is entered. `list<u8>` and the other scalar lists are written and read as strided copies.
"""

from __future__ import annotations

from wasmpuck.runtime.arena import Arena
from wasmpuck.runtime.marshal.codegen import BadValue
from wasmpuck.runtime.marshal.packing import Packer
from wasmpuck.runtime.marshal.unpacking import Unpacker, row_unpacker
from wasmpuck.runtime.values import Function

__all__ = ["BadValue", "Packer", "Unpacker", "packer", "row_unpacker", "unpacker"]


def packer(arena: Arena, function: Function, name: str) -> Packer:
    """The packer of a function's parameters."""
    return Packer(arena, [kind for _, kind in function.parameters], name, again=True)


def unpacker(function: Function) -> Unpacker:
    """The unpacker of a function's result: a row of one value, or none."""
    return row_unpacker([] if function.result is None else [function.result])
