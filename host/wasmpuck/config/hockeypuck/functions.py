"""The functions of templates that are found in configuration files: some of Go's, some of sprig's, and `osenv`."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

__all__ = ["FUNCTIONS", "TemplateProblem", "Value", "shown", "truth"]

Value: TypeAlias = Any
"""A string, whole number, boolean, list, mapping by strings, or None for what is not there."""

_LONGEST = 1_000_000  # characters of one value


class TemplateProblem(Exception):
    """Why a template cannot be rendered; `line` is from 1, 0 when it is the whole."""

    def __init__(self, message: str, *, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def truth(value: Value) -> bool:
    """Go's: what is empty, zero or absent is false."""
    return bool(value)


def shown(value: Value) -> str:
    """A value as it is printed; what is not there prints nothing."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list():
            return "[" + " ".join(shown(item) for item in value) + "]"
        case Mapping():
            return "map[" + " ".join(f"{key}:{shown(value[key])}" for key in sorted(value)) + "]"
        case _:
            return str(value)


def _quote(value: Value) -> str:
    return json.dumps(shown(value), ensure_ascii=False)


def _printf(pattern: str, *values: Value) -> str:
    rest = list(values)

    def one(found: re.Match[str]) -> str:
        if found[1] == "%":
            return "%"
        value = rest.pop(0)
        return _quote(value) if found[1] == "q" else shown(value)

    return re.sub(r"%([%qsvdt])", one, pattern)


def _whole(value: Value) -> int:
    try:
        return int(str(value)[:18])
    except ValueError:
        return 0


def _replace(old: str, new: str, text: Value) -> str:
    before = shown(text)
    if len(before) * (len(new) + 1) > _LONGEST:
        raise TemplateProblem("the result is too long")
    return before.replace(old, new)


def _index(value: Value, *keys: Value) -> Value:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else value[key]
    return value


def _and(*values: Value) -> Value:
    return next((value for value in values if not truth(value)), values[-1])


def _or(*values: Value) -> Value:
    return next((value for value in values if truth(value)), values[-1])


_PLAIN: dict[str, Callable[..., Value]] = {
    "and": _and,
    "or": _or,
    "not": lambda value: not truth(value),
    "eq": lambda one, *others: any(one == other for other in others),
    "ne": lambda one, other: one != other,
    "lt": lambda one, other: one < other,
    "le": lambda one, other: one <= other,
    "gt": lambda one, other: one > other,
    "ge": lambda one, other: one >= other,
    "len": len,
    "index": _index,
    "print": lambda *values: "".join(map(shown, values)),
    "printf": _printf,
    "default": lambda otherwise, value=None: value if truth(value) else otherwise,
    "coalesce": lambda *values: next((value for value in values if truth(value)), None),
    "empty": lambda value: not truth(value),
    "ternary": lambda yes, no, condition: yes if condition else no,
    "required": lambda message, value: value,
    "quote": lambda *values: " ".join(map(_quote, values)),
    "squote": lambda *values: " ".join(f"'{shown(value)}'" for value in values),
    "toString": shown,
    "int": _whole,
    "atoi": _whole,
    "trim": lambda value: shown(value).strip(),
    "trimAll": lambda characters, value: shown(value).strip(characters),
    "trimPrefix": lambda start, value: shown(value).removeprefix(start),
    "trimSuffix": lambda end, value: shown(value).removesuffix(end),
    "upper": lambda value: shown(value).upper(),
    "lower": lambda value: shown(value).lower(),
    "nospace": lambda value: re.sub(r"\s", "", shown(value)),
    "replace": _replace,
    "contains": lambda part, value: part in shown(value),
    "hasPrefix": lambda start, value: shown(value).startswith(start),
    "hasSuffix": lambda end, value: shown(value).endswith(end),
    "splitList": lambda separator, value: shown(value).split(separator),
    "split": lambda separator, value: {f"_{at}": part for at, part in enumerate(shown(value).split(separator))},
    "join": lambda separator, values: separator.join(map(shown, values)) if isinstance(values, list) else shown(values),
    "list": lambda *values: list(values),
    "first": lambda values: values[0] if values else None,
    "last": lambda values: values[-1] if values else None,
    "compact": lambda values: [value for value in values if truth(value)],
    "uniq": lambda values: list(dict.fromkeys(values)),
    "b64enc": lambda value: base64.b64encode(shown(value).encode()).decode(),
    "b64dec": lambda value: base64.b64decode(shown(value), validate=True).decode(),
    "toJson": lambda value: json.dumps(value),
}


def _ignoring_environment(function: Callable[..., Value]) -> Callable[..., Value]:
    return lambda environment, *arguments: function(*arguments)


FUNCTIONS: dict[str, Callable[..., Value]] = {
    **{name: _ignoring_environment(function) for name, function in _PLAIN.items()},
    "env": lambda environment, name: environment.get(name, ""),
    "osenv": lambda environment, prefix: {
        name: value for name, value in environment.items() if name.startswith(prefix)
    },
}
"""By name; each is called with the environment and its arguments. Raises what its arguments bring about."""
