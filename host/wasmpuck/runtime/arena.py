"""Memory in which values are laid out for the C API, reused from call to call.

A packed value is copied by the library before guest code runs, so one arena serves all instances of one event loop:
nothing suspends between packing and handing over.
"""

from __future__ import annotations

import ctypes
from collections.abc import Hashable
from typing import Final

__all__ = ["Arena", "Images", "Room", "RoomExceeded"]

#: Bytes of an image that is kept, and images of one kind.
_IMAGE: Final = 4_096
_IMAGES: Final = 1_024


class RoomExceeded(ValueError):
    """A value needs more memory than a call may use."""


class Room:
    """One buffer with a fixed address until it grows.

    Args:
        size: bytes at first.
        limit: bytes at most; a value that needs more is refused.
    """

    __slots__ = ("_buffer", "base", "limit", "memory", "size")

    def __init__(self, size: int, limit: int) -> None:
        self.limit = limit
        self._allocate(size)

    def _allocate(self, size: int) -> None:
        self._buffer = (ctypes.c_char * size)()
        self.memory = memoryview(self._buffer).cast("B")
        self.base = ctypes.addressof(self._buffer)
        self.size = size

    def grow(self, needed: int) -> None:
        """Makes room for `needed` bytes. What was packed before is gone: pack again.

        Raises:
            RoomExceeded: that is more than the limit.
        """
        if needed > self.limit:
            raise RoomExceeded(f"the value needs {needed:,} bytes of call memory; at most {self.limit:,} are allowed")
        size = self.size
        while size < needed:
            size *= 2
        self._allocate(size)


class Images:
    """Small values as one function packed them, by value. The oldest go first.

    What is laid out mentions addresses, so images are good for as long as neither room of the arena has moved.
    """

    __slots__ = ("_bases", "_kept")

    def __init__(self) -> None:
        self._kept: dict[object, tuple[bytes, bytes, int]] = {}
        self._bases = (0, 0)

    def restore(self, arena: Arena, values: Hashable) -> int | None:
        """Lays out what equals `values` again; returns the address of its first slot, 0 if it is not kept, `None` if it
        cannot be, because there are lists in it.
        """
        try:
            kept = self._kept.get(values)
        except TypeError:
            return None
        if kept is None or self._bases != (arena.slots.base, arena.text.base):
            return 0
        slots, text, where = kept
        arena.slots.memory[: len(slots)] = slots
        arena.text.memory[: len(text)] = text
        return where

    def keep(self, arena: Arena, values: Hashable, where: int, high: int, used: int) -> None:
        """Keeps what has just been packed and was not kept: `high` bytes of slots, `used` bytes of text, the first slot
        at `where`.
        """
        if high + used > _IMAGE:
            return
        bases = (arena.slots.base, arena.text.base)
        if self._bases != bases:
            self._kept.clear()
            self._bases = bases
        if len(self._kept) >= _IMAGES and values not in self._kept:
            del self._kept[next(iter(self._kept))]
        self._kept[values] = (bytes(arena.slots.memory[:high]), bytes(arena.text.memory[:used]), where)


class Arena:
    """Slots in one room, the text that they point to in another. Not safe for use from two threads.

    Attributes:
        packed: the value that was packed last and still lies there; `None` if none may be taken for packed.
        packed_by, packed_at: the function that packed it, and the address of its first slot.
    """

    __slots__ = ("_images", "packed", "packed_at", "packed_by", "slots", "text")

    def __init__(self, size: int = 1 << 16, limit: int = 1 << 28) -> None:
        self.slots = Room(size, limit)
        self.text = Room(size, limit)
        self.packed: object = None
        self.packed_by: object = None
        self.packed_at = 0
        self._images: dict[object, Images] = {}

    def images(self, packed_by: object) -> Images:
        """Where values that a function has packed are kept."""
        return self._images.setdefault(packed_by, Images())
