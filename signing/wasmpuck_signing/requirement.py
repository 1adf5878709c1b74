"""Which versions of another plugin will do."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .version import Version

__all__ = ["Requirement"]

_CLAUSE = re.compile(r"(>=|<=|==|>|<)[ \t]*([0-9A-Za-z.-]+)")
_SHORT = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_MAX_CLAUSES = 8
_MAX_LENGTH = 256
_HOLDS: Mapping[str, Callable[[Version, Version], bool]] = MappingProxyType(
    {">=": operator.ge, "<=": operator.le, "==": operator.eq, ">": operator.gt, "<": operator.lt}
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement such as `>=1.2, <2`: every clause (an operator and a version) has to hold. None is "any version".

    `<2` leaves out the prereleases of 2.0.0 as well, though they come before it: who writes it means "not 2".
    """

    clauses: tuple[tuple[str, Version], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Reads clauses joined by commas, or `*`; `1` and `1.2` mean 1.0.0 and 1.2.0. Raises `ValueError` with a
        sentence.
        """
        if text.strip() == "*":
            return cls()
        parts = text.split(",") if len(text) <= _MAX_LENGTH else []
        if not 1 <= len(parts) <= _MAX_CLAUSES:
            raise ValueError(f"has to be one to {_MAX_CLAUSES} conditions such as >=1.2, <2, or * for any version")
        return cls(tuple(_clause(part.strip()) for part in parts))

    def __str__(self) -> str:
        return ", ".join(f"{sign}{version}" for sign, version in self.clauses) or "*"

    def admits(self, version: Version) -> bool:
        """Whether `version` will do."""
        return all(_holds(sign, version, bound) for sign, bound in self.clauses)


def _clause(text: str) -> tuple[str, Version]:
    found = _CLAUSE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:64]!r} is no condition such as >=1.2 (>=, >, <=, <, == and a version)")
    number = found[2]
    if _SHORT.fullmatch(number):
        number += ".0" * (2 - number.count("."))
    return found[1], Version.parse(number)


def _holds(sign: str, version: Version, bound: Version) -> bool:
    if sign == "<" and version.prerelease and not bound.prerelease:
        version = Version(version.major, version.minor, version.patch)
    return _HOLDS[sign](version, bound)
