"""JSON as signed things need it: one way to write a value, and a reader that takes nothing else for granted."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import NoReturn

from .errors import BadManifest, Refused
from .fields import shown

__all__ = ["MAX_BYTES", "MAX_DEPTH", "canonical", "parse_object"]

MAX_BYTES = 131_072
"""The longest text that is parsed as a manifest."""

MAX_DEPTH = 32
"""The deepest nesting of objects and arrays that is parsed: more than a configuration's schema needs."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def canonical(value: object) -> bytes:
    """`value` as UTF-8 JSON with sorted keys, no spaces, and no escapes but those that JSON demands."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def parse_object(
    data: bytes,
    *,
    what: str = "the manifest",
    max_bytes: int = MAX_BYTES,
    fractions: tuple[str, ...] = (),
    error: Callable[..., Refused] = BadManifest,
) -> dict[str, object]:
    """The JSON object in `data`. Entries named in `fractions` may hold numbers with a fraction.

    Raises `error` (called with a sentence, and the key as `key` where there is one) for more than `max_bytes` bytes,
    nesting past `MAX_DEPTH`, bytes that are not UTF-8, JSON that is not well formed, a key given twice, a fraction
    elsewhere, NaN or infinity, and any value but an object at the top.
    """
    if len(data) > max_bytes:
        raise error(f"{what} has {len(data)} bytes; at most {max_bytes} are read")
    try:
        text = data.decode()
    except UnicodeDecodeError as problem:
        raise error(f"{what} is not UTF-8 (byte {problem.start})") from None
    _check_depth(text, what, error)

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in pairs:
            if key in found:
                raise error("is given twice", key=shown(key))
            found[key] = value
        return found

    def refuse(number: str) -> NoReturn:
        raise error(f"{what} holds the number {number[:32]}; only whole numbers are allowed")

    def fraction(number: str) -> float:
        value = float(number)
        return value if math.isfinite(value) and fractions else refuse(number)

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_float=fraction, parse_constant=refuse)
    except ValueError as problem:
        raise error(f"{what} is not JSON: {problem}") from None
    if not isinstance(value, dict):
        raise error(f"{what} is not a JSON object")
    for key, entry in value.items():
        if key not in fractions and (found := _fraction_in(entry)) is not None:
            refuse(repr(found))
    return value


def _check_depth(text: str, what: str, error: Callable[..., Refused]) -> None:
    depth = 0
    for char in _STRING.sub("", text):
        if char in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise error(f"{what} is nested deeper than {MAX_DEPTH}")
        elif char in "]}":
            depth -= 1


def _fraction_in(value: object) -> float | None:
    """The first number with a fraction in a value of at most `MAX_DEPTH` levels."""
    if isinstance(value, float):
        return value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for one in inner if (found := _fraction_in(one)) is not None), None)
