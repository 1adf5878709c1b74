"""What this process holds."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

__all__ = ["private_bytes", "resident_bytes", "settle"]

_ROLLUP = Path("/proc/self/smaps_rollup")
_STATM = Path("/proc/self/statm")
_PAGE = 4096


def private_bytes() -> int:
    """Bytes of anonymous memory: heaps, stacks, linear memories; code and files that are mapped left out."""
    for line in _ROLLUP.read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"{_ROLLUP} does not tell the anonymous memory")


def resident_bytes() -> int:
    """Resident set size in bytes."""
    return int(_STATM.read_text().split()[1]) * _PAGE


def settle() -> None:
    """Collects garbage and asks the C library to give free memory back, so that what stays is in use."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
