"""Memory in which values are laid out for the C API, reused from call to call.

A packed value is copied by the library before guest code runs, so one arena serves all instances of one event loop:
nothing suspends between packing and handing over.
"""

from __future__ import annotations

import ctypes

__all__ = ["Arena", "Room", "RoomExceeded"]


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


class Arena:
    """Slots in one room, the text that they point to in another. Not safe for use from two threads.

    Attributes:
        packed: the value that was packed last and still lies there; `None` if none may be taken for packed.
        packed_by, packed_at: the function that packed it, and the address of its first slot.
    """

    __slots__ = ("packed", "packed_at", "packed_by", "slots", "text")

    def __init__(self, size: int = 1 << 16, limit: int = 1 << 28) -> None:
        self.slots = Room(size, limit)
        self.text = Room(size, limit)
        self.packed: object = None
        self.packed_by: object = None
        self.packed_at = 0
