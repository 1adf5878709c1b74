"""Passwords, keys and tokens of the operator's, by name (import `secrets`)."""

from __future__ import annotations

from typing import ClassVar

from . import _seam
from .errors import HostError

__all__ = ["SecretsError", "equals", "names", "reveal"]


class SecretsError(HostError):
    """Why a secret is not told."""

    NoSuchSecret: ClassVar[type[SecretsError]]
    NotAllowed: ClassVar[type[SecretsError]]
    Unreadable: ClassVar[type[SecretsError]]
    Other: ClassVar[type[SecretsError]]

    cases: ClassVar = {
        "no-such-secret": "The operator has listed no secret so.",
        "not-allowed": "The secret may be used, but not be seen.",
        "unreadable": "Its file is not there, too large, not UTF-8 or readable by others.",
        "other": "The secret is not told.",
    }


def names() -> list[str]:
    """The names that are listed, in ascending order."""
    return list(_seam.call(SecretsError, "secrets.names"))


def reveal(name: str) -> str:
    """The value; the operator has to allow that besides (`revealSecrets`)."""
    found: str = _seam.call(SecretsError, "secrets.reveal", name)
    return found


def equals(name: str, candidate: str) -> bool:
    """Whether `candidate` is the value, compared in constant time."""
    return bool(_seam.call(SecretsError, "secrets.equals", name, candidate))
