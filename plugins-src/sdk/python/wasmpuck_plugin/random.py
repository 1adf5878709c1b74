"""Cryptographically secure randomness (import `random`). `random`, `secrets`, `uuid` and `os.urandom` lead here too."""

from __future__ import annotations

from . import _seam

__all__ = ["number", "randbytes"]

_MOST = 4096


def randbytes(count: int) -> bytes:
    """So many random bytes."""
    parts = []
    while count > 0:
        part: bytes = _seam.call(None, "random.bytes", min(count, _MOST))
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def number() -> int:
    """A uniformly distributed number from 0 to 2^32 - 1."""
    found: int = _seam.call(None, "random.number")
    return found
