"""JSON as signed things need it: one way to write a value, and a reader that takes nothing else for granted."""

from __future__ import annotations

import json
import re
from typing import NoReturn

from .errors import BadManifest
from .fields import shown

__all__ = ["MAX_BYTES", "MAX_DEPTH", "canonical", "parse_object"]

MAX_BYTES = 65_536
"""The longest text that is parsed."""

MAX_DEPTH = 4
"""The deepest nesting of objects and arrays that is parsed."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def canonical(value: object) -> bytes:
    """`value` as UTF-8 JSON with sorted keys, no spaces, and no escapes but those that JSON demands."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def parse_object(data: bytes) -> dict[str, object]:
    """The JSON object in `data`.

    Raises `BadManifest` for more than `MAX_BYTES` bytes, nesting past `MAX_DEPTH`, bytes that are not UTF-8, JSON that
    is not well formed, a key given twice, a fraction, NaN or infinity, and any value but an object at the top.
    """
    if len(data) > MAX_BYTES:
        raise BadManifest(f"the manifest has {len(data)} bytes; at most {MAX_BYTES} are read")
    try:
        text = data.decode()
    except UnicodeDecodeError as problem:
        raise BadManifest(f"the manifest is not UTF-8 (byte {problem.start})") from None
    _check_depth(text)
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_float=_no_fraction, parse_constant=_no_fraction)
    except ValueError as problem:
        raise BadManifest(f"the manifest is not JSON: {problem}") from None
    if not isinstance(value, dict):
        raise BadManifest("the manifest is not a JSON object")
    return value


def _check_depth(text: str) -> None:
    depth = 0
    for char in _STRING.sub("", text):
        if char in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise BadManifest(f"the manifest is nested deeper than {MAX_DEPTH}")
        elif char in "]}":
            depth -= 1


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise BadManifest("is given twice", key=shown(key))
        found[key] = value
    return found


def _no_fraction(text: str) -> NoReturn:
    raise BadManifest(f"the manifest holds the number {text[:32]}; only whole numbers are allowed")
