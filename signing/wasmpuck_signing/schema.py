"""What a JSON Schema may hold to be a manifest's `configuration`.

Only what makes a schema safe to keep and to apply is checked here: plain JSON of a bounded size that refers to nothing
outside of itself. Whether it is a schema (draft 2020-12) and what it means is the reader's business.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from . import strictjson
from .errors import BadManifest
from .fields import MAX_INTEGER, shown

__all__ = ["DIALECT", "MAX_BYTES", "MAX_PATTERN", "check_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The only value that `$schema` may have."""

MAX_BYTES = 65_536
"""The longest schema, as canonical JSON."""

MAX_PATTERN = 256
"""The most characters of a regular expression."""

MAX_DEPTH = strictjson.MAX_DEPTH - 2
"""The deepest nesting; the manifest is around it."""

_REFERENCES = ("$ref", "$dynamicRef")
_ELSEWHERE = ("$id", "$vocabulary")


def check_schema(key: str, value: object) -> dict[str, Any] | None:
    """A schema of one object (the plugin's settings), or `None`. Raises `BadManifest` naming the place."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise BadManifest("has to be a JSON Schema: a table", key=key)
    schema: dict[str, Any] = {name: _copy(f"{key}.{shown(str(name))}", name, one, 1) for name, one in value.items()}
    if schema.get("type", "object") != "object":
        raise BadManifest("has to be object: a plugin's settings are a table", key=f"{key}.type")
    if schema.get("$schema", DIALECT) != DIALECT:
        raise BadManifest(f"has to be {DIALECT}, or left out", key=f"{key}.$schema")
    try:
        size = len(strictjson.canonical(schema))
    except UnicodeEncodeError:
        raise BadManifest("holds text that is not UTF-8", key=key) from None
    if size > MAX_BYTES:
        raise BadManifest(f"has {size} bytes; at most {MAX_BYTES} are allowed", key=key)
    return schema


def _copy(key: str, name: object, value: object, depth: int) -> Any:
    """`value` of the entry `name`, checked, as plain dictionaries and lists."""
    if not isinstance(name, str):
        raise BadManifest("a key has to be a text", key=key)
    if depth > MAX_DEPTH:
        raise BadManifest(f"is nested deeper than {MAX_DEPTH}", key=key[:200])
    if name in _REFERENCES and isinstance(value, str) and not value.startswith("#"):
        raise BadManifest("must not lead outside of the schema", 'Write it like "#/$defs/name".', key=key)
    if name in _ELSEWHERE and isinstance(value, (str, Mapping)):
        raise BadManifest("is not taken here: a schema refers to itself alone", "Leave it out.", key=key)
    if name == "pattern" and isinstance(value, str) and len(value) > MAX_PATTERN:
        raise BadManifest(f"has {len(value)} characters; at most {MAX_PATTERN} are allowed", key=key)
    if isinstance(value, Mapping):
        return {inner: _copy(f"{key}.{shown(str(inner))}", inner, one, depth + 1) for inner, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copy(f"{key}[{place}]", "", one, depth + 1) for place, one in enumerate(value)]
    return _plain(key, value)


def _plain(key: str, value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise BadManifest("has to be a finite number", key=key)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_INTEGER:
        raise BadManifest(f"has to be {-MAX_INTEGER} to {MAX_INTEGER}", key=key)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise BadManifest("has to be something that JSON has: a text, number, truth value, list or table", key=key)
