"""The C library's allocator, told what kind of program this is."""

from __future__ import annotations

import ctypes
from typing import Final

__all__ = ["return_large_blocks"]

#: `M_MMAP_THRESHOLD` of glibc's `malloc.h` (mallopt(3)).
_MMAP_THRESHOLD: Final = -3
_LARGE: Final = 4 << 20


def return_large_blocks() -> bool:
    """Lets blocks of 4 MiB and more go back to the system as soon as they are freed; whether the allocator takes it.

    glibc raises its threshold to the size of each large block that is freed, up to 32 MiB: after the first plugin of
    18 MB all later ones lie in heaps, one for each thread, which keep what is freed. Setting the threshold ends that.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGE))
