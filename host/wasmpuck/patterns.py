"""Patterns in which `*` stands for any text."""

from __future__ import annotations

__all__ = ["matches"]


def matches(pattern: str, text: str) -> bool:
    """Whether a text fits a pattern in which `*` stands for any text.

    The pattern is a plugin's and the text may be a client's: the time must not grow faster than the product of their
    lengths, as a regular expression's may.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return text == first
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in middle:
        place = text.find(part, place, end) + len(part)
        if place < len(part):
            return False
    return True
