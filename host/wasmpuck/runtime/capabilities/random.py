"""`wasmpuck:plugin/random`: the operating system's randomness."""

from __future__ import annotations

import secrets
from typing import ClassVar, Final

from wasmpuck.runtime.capabilities.context import Context

__all__ = ["Random"]

MOST_BYTES: Final = 4096


class Random:
    """Secure random bytes and numbers."""

    #: WIT function names.
    functions: ClassVar = frozenset({"bytes", "number"})

    def __init__(self, context: Context) -> None:
        pass

    def bytes(self, count: int) -> bytes:
        """WIT `random.bytes`."""
        return secrets.token_bytes(min(count, MOST_BYTES))

    def number(self) -> int:
        """WIT `random.number`."""
        return secrets.randbits(32)
