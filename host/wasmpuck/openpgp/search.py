"""What somebody searches for, as text (HKP's `search` parameter)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from wasmpuck.errors import BadRequest

from .userids import email_of

__all__ = ["Search", "SearchKind"]

_MAX_LENGTH = 1024
_HEX = re.compile(r"[0-9a-f]+")
_SPACED = re.compile(r"(?:[0-9a-fA-F]{4}[ \t\u00a0]{0,2}){4,16}")


class SearchKind(StrEnum):
    """How the text is understood."""

    FINGERPRINT = "fingerprint"
    KEY_ID = "key_id"
    SHORT_KEY_ID = "short_key_id"
    EMAIL = "email"
    TEXT = "text"
    WORDS = "words"
    """Words alone; `Search.parse` leaves it to the operator's rules what a text means."""
    DOMAIN = "domain"
    """A domain alone."""


_LENGTHS = {
    8: SearchKind.SHORT_KEY_ID,
    16: SearchKind.KEY_ID,
    32: SearchKind.FINGERPRINT,
    40: SearchKind.FINGERPRINT,
    64: SearchKind.FINGERPRINT,
}


@dataclass(frozen=True, slots=True)
class Search:
    """A kind, and the value in lower case: hexadecimal digits, an address without angle brackets, or a text."""

    kind: SearchKind
    value: str

    @classmethod
    def parse(cls, text: str, *, operation: str = "get") -> Search:
        """Understands a search alike for every operation.

        `0x` or `0X` and 8, 16, 32, 40 or 64 hexadecimal digits; 16, 32, 40 or 64 digits without it, also in groups
        of four; an address, with or without angle brackets; anything else is a text. Raises `BadRequest`;
        `operation` only names it there.
        """
        stripped = text.strip()
        if not stripped:
            raise BadRequest(
                f"The search for {operation} is empty.",
                hint="Give a fingerprint, a key id or an e-mail address as search=.",
            )
        if len(stripped) > _MAX_LENGTH or "\0" in stripped:
            raise BadRequest(
                f"The search is longer than {_MAX_LENGTH} characters or holds a NUL.", hint="Search for less."
            )
        if stripped[:2] in ("0x", "0X"):
            digits = "".join(stripped[2:].split()).lower()
            kind = _LENGTHS.get(len(digits))
            if kind is None or not _HEX.fullmatch(digits):
                raise BadRequest(
                    "After 0x the search needs 8, 16, 32, 40 or 64 hexadecimal digits.",
                    hint="gpg --list-keys --fingerprint shows a key's full fingerprint.",
                )
            return cls(kind, digits)
        if _SPACED.fullmatch(stripped):
            digits = re.sub(r"\s", "", stripped).lower()
            if len(digits) in _LENGTHS:
                return cls(_LENGTHS[len(digits)], digits)
        address = email_of(stripped)
        if address is not None and stripped in (address, f"<{address}>"):
            return cls(SearchKind.EMAIL, address.lower())
        return cls(SearchKind.TEXT, stripped.lower())
