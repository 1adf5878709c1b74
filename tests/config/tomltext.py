"""Arbitrary TOML documents: values to draw, and a writer for them."""

from __future__ import annotations

import datetime
import json
import re

from hypothesis import strategies as st

__all__ = ["documents", "key", "values", "write"]

_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


def values() -> st.SearchStrategy[object]:
    """Any TOML value but a NaN, which equals nothing."""
    leaves = st.one_of(
        _TEXT,
        st.integers(-(2**70), 2**70),
        st.booleans(),
        st.floats(allow_nan=False),
        st.dates(),
        st.times().map(lambda time: time.replace(tzinfo=None)),
        st.datetimes(),
        st.sampled_from(["30s", ":11371", "log", "open", "10.0.0.0/8", "production"]),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXT, inner, max_size=4)),
        max_leaves=8,
    )


def documents(keys: st.SearchStrategy[str] = _TEXT) -> st.SearchStrategy[dict[str, object]]:
    """Documents of a few tables and values."""
    tables = st.dictionaries(keys, values(), max_size=5)
    return st.dictionaries(keys, st.one_of(values(), tables), max_size=5)


def key(name: str) -> str:
    """A key, quoted when it must be."""
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else _string(name)


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def write(document: dict[str, object]) -> str:
    """The document as TOML text: values first, then each table under its header."""
    lines = [f"{key(name)} = {_value(value)}" for name, value in document.items() if not isinstance(value, dict)]
    for name, value in document.items():
        if isinstance(value, dict):
            lines += ["", f"[{key(name)}] # a table"]
            lines += [f"{key(inner)} = {_value(item)}" for inner, item in value.items()]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _string(value)
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case list():
            return "[\n" + "".join(f"  {_value(item)}, # an element\n" for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{key(name)} = {_value(item)}" for name, item in value.items()) + "}"
        case float():
            return str(value) if value in (float("inf"), float("-inf")) or "." in repr(value) else f"{value:e}"
        case _:
            return str(value)
