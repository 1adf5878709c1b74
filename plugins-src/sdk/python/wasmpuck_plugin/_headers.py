"""Headers and parameters as authors write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

__all__ = ["Headers", "Pairs", "first", "pairs"]

Pairs: TypeAlias = tuple[tuple[str, str], ...]
Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
"""A mapping, or pairs where a name may come twice."""


def pairs(headers: Headers) -> list[tuple[str, str]]:
    """Names in lower case with their values."""
    found = headers.items() if isinstance(headers, Mapping) else headers
    return [(name.lower(), value) for name, value in found]


def first(found: Pairs, name: str) -> str | None:
    """The first value under a name."""
    return next((value for known, value in found if known == name), None)
