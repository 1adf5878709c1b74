"""What the rules know about a certificate (WIT `admission.submission`)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Facts", "Key"]


@dataclass(frozen=True)
class Key:
    """A primary key or subkey: its algorithm's number (RFC 9580 §9.1), size in bits, creation in ms since 1970."""

    algorithm: int
    bits: int
    created: float


@dataclass(frozen=True)
class Facts:
    """A certificate that wants in; `size` in bytes, `known` when the server has an older state of it."""

    primary: Key
    subkeys: tuple[Key, ...] = ()
    user_ids: tuple[str, ...] = ()
    size: int = 0
    signatures: int = 0
    known: bool = False
    bulk: bool = False

    @property
    def keys(self) -> tuple[Key, ...]:
        """The primary key, then the subkeys."""
        return (self.primary, *self.subkeys)
