"""What is kept of a one-time value."""

from __future__ import annotations

from hashlib import sha256

__all__ = ["token_digest"]


def token_digest(token: str) -> bytes:
    """32 bytes from which the value cannot be had back."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
