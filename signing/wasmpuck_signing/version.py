"""Semantic versions with a total order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

__all__ = ["Version"]

_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_PATTERN = re.compile(rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?")
_MAX_LENGTH = 64


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A version `major.minor.patch[-prerelease]` (semver.org 2.0.0 §2, §9), ordered by precedence (§11).

    Build metadata (`+…`, §10) is not taken: it has no place in the order, so two artifacts could not be told apart by
    age.
    """

    major: int
    minor: int
    patch: int
    prerelease: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Version:
        """Reads `text`, at most 64 characters, numbers of at most 9 digits. Raises `ValueError` with a sentence."""
        if "+" in text:
            raise ValueError("a version here has no build metadata (+…), which does not take part in the order")
        match = _PATTERN.fullmatch(text) if len(text) <= _MAX_LENGTH else None
        if match is None:
            raise ValueError("not a semantic version such as 1.4.0 or 2.0.0-rc.1")
        prerelease = tuple(match[4].split(".")) if match[4] else ()
        return cls(int(match[1]), int(match[2]), int(match[3]), prerelease)

    def __str__(self) -> str:
        tail = "-" + ".".join(self.prerelease) if self.prerelease else ""
        return f"{self.major}.{self.minor}.{self.patch}{tail}"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return self._key() < other._key()

    def _key(self) -> tuple[int, int, int, bool, list[tuple[bool, int, str]]]:
        # §11.3, §11.4: a release is above its prereleases; numbers compare as numbers and below words.
        parts = [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in self.prerelease]
        return self.major, self.minor, self.patch, not self.prerelease, parts
