"""Python values into the C API's slots."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

from wasmpuck.errors import CallFailed
from wasmpuck.runtime import handles
from wasmpuck.runtime.arena import Arena, RoomExceeded
from wasmpuck.runtime.marshal.codegen import BadValue, NeedsRoom
from wasmpuck.runtime.marshal.laying import row_packer
from wasmpuck.runtime.values import List, Option, Primitive, Record, Tuple, Type, holds_handles

__all__ = ["Packer"]


def _is_text(kind: Type) -> bool:
    """Whether values of a type are text, or none, and nothing else: then those that are equal are packed alike."""
    match kind:
        case Primitive("string"):
            return True
        case Record(fields):
            return all(_is_text(field) for _, field in fields)
        case Tuple(elements):
            return all(map(_is_text, elements))
        case List(element):
            return _is_text(element)
        case Option(element):
            return not isinstance(element, Option) and _is_text(element)
    return False


_MISFITS: Final = (TypeError, ValueError, AttributeError, OverflowError, struct.error, KeyError)


class Packer:
    """Writes a row of values (a function's parameters, or one result) into an arena.

    Calling it returns the address of the first slot. `what` names the row in error messages. With `closes`, resources
    in values that do not fit are closed: nobody else has them. Otherwise they stay the caller's.

    With `again`, one tuple that was packed last is found where it lies instead of being packed anew, even if another
    packer of the same types did it: a request is shown to one plugin after the other. Whoever passes a tuple a second
    time must not have changed what is in it. And small ones that are nothing but text are kept as they were packed:
    the same clients come again and again.
    """

    __slots__ = ("_again", "_arena", "_closes", "_images", "_pack", "count", "handles", "what")

    def __init__(
        self, arena: Arena, kinds: Sequence[Type], what: str, *, closes: bool = False, again: bool = False
    ) -> None:
        self._arena = arena
        self.count = len(kinds)
        self.what = what
        self._pack = row_packer(tuple(kinds))
        #: Whether the values mention resources: then `handles.running` must name the instance that they are packed for.
        self.handles = any(map(holds_handles, kinds))
        self._closes = kinds if closes else None
        self._again = again and len(kinds) == 1 and not self.handles
        self._images = arena.images(self._pack) if self._again and all(map(_is_text, kinds)) else None

    def __call__(self, values: tuple[Any, ...]) -> int:
        """Packs `values`; the address is valid until the arena is next used.

        Raises:
            BadValue: a value does not fit its type, or needs more than the arena's limit.
        """
        if len(values) != self.count:
            raise BadValue(f"{self.what}: {self.count} values are needed, not {len(values)}")
        arena = self._arena
        if self._again and values[0] is arena.packed and self._pack is arena.packed_by:
            return arena.packed_at
        arena.packed = None
        images = self._images
        if images is not None:
            where = images.restore(arena, values)
            if where is None:
                images = None
            elif where:
                arena.packed, arena.packed_by, arena.packed_at = values[0], self._pack, where
                return where
        if self.handles:
            handles.begin()
        pieces: list[bytes] = []
        while True:
            try:
                slots = arena.slots
                text = arena.text.base
                where, high, end = self._pack(values, slots.memory, slots.base, 0, slots.size, text, pieces.append)
                used = end - text
                if used > arena.text.size:
                    arena.text.grow(used)
                    self._begin_again(pieces)
                    continue
                if used:
                    arena.text.memory[:used] = b"".join(pieces)
                if self._again and isinstance(values[0], tuple):
                    arena.packed, arena.packed_by, arena.packed_at = values[0], self._pack, where
                    if images is not None:
                        images.keep(arena, values, where, high, used)
                return where
            except NeedsRoom as needed:
                try:
                    arena.slots.grow(needed.args[0])
                except RoomExceeded as error:
                    self._give_up(values)
                    raise BadValue(f"{self.what}: {error}") from None
                self._begin_again(pieces)
            except _MISFITS as error:
                self._give_up(values)
                raise BadValue(f"{self.what}: {error}") from error
            except CallFailed:
                self._give_up(values)
                raise

    def _begin_again(self, pieces: list[bytes]) -> None:
        pieces.clear()
        if self.handles:
            handles.undo()

    def _give_up(self, values: tuple[Any, ...]) -> None:
        if self.handles:
            handles.undo()
            if self._closes is not None:
                for kind, value in zip(self._closes, values, strict=True):
                    handles.close_all(kind, value)
