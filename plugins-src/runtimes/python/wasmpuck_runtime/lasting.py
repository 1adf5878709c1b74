"""Which objects are there when the snapshot is taken, told to whoever builds the component.

The interpreter counts references in the objects themselves: to call a function is to write to it, to its code, to what
it mentions. Most of the pages that an instance comes to own differ in such counts only, or do not differ any more. The
objects of the snapshot are never freed, so that they need no counts; but only the interpreter's C code can say so of an
object, and that is linked already. So their places are written down here, and whoever builds the component
(`wasmpuck.kit.toolchains.lasting`) finds the table in it and makes them immortal (PEP 683).
"""

from __future__ import annotations

import gc
from types import CodeType, FrameType

__all__ = ["write_down"]

#: What the table begins with.
_MARK = b"wasmpuck: objects that last\n"
_GRAIN = 8  # of the places of objects, where addresses have 32 bits
_ROOM = 1 << 18  # bytes behind the last object that the collector knows, for those that it does not

table = bytearray()


def write_down() -> None:
    """Fills the table: the mark; how many bytes of bits follow and the places of `type` and `None`, four bytes each;
    and a bit for each eighth address up to the last object, set where an object begins.
    """
    roots = gc.get_objects()
    size = (max(map(id, roots)) + _ROOM) // _GRAIN // 8
    head = _MARK + b"".join(number.to_bytes(4, "little") for number in (size, id(type), id(None)))
    table.extend(bytes(len(head) + size))
    start = len(head)
    table[:start] = head
    end = len(table)
    pending = [one for one in roots if one is not roots]
    own = {id(roots), id(pending), id(table)}
    del roots
    while pending:
        one = pending.pop()
        place = id(one)
        at, bit = start + place // _GRAIN // 8, 1 << place // _GRAIN % 8
        if place in own or at >= end or table[at] & bit or isinstance(one, FrameType):
            continue
        table[at] |= bit
        if isinstance(one, CodeType):  # the collector does not look into it
            pending += (one.co_consts, one.co_names, one.co_filename, one.co_name, one.co_qualname)
            pending += (one.co_linetable, one.co_exceptiontable)
        else:
            pending += gc.get_referents(one)
