"""From JSON to a dataclass, with every problem named by its path."""

from __future__ import annotations

import difflib
import enum
import functools
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, TypeVar

from .errors import PluginError

__all__ = ["BadSettings", "Problem", "read"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: the setting's dotted path (empty: the whole) and a sentence that says what is right."""

    path: str
    message: str


class BadSettings(PluginError):
    """Settings that cannot be taken. `problems` holds all of them.

    `BadSettings("text", "must not be empty")` is one problem, `BadSettings(problems)` any number.
    """

    def __init__(self, path: str | Iterable[Problem], message: str = "") -> None:
        self.problems = (Problem(path, message),) if isinstance(path, str) else tuple(path)
        super().__init__("; ".join(f"{one.path or 'settings'}: {one.message}" for one in self.problems))


class _Misfit(Exception):
    """A value that does not have its type; what would be right."""


def read(kind: type[_T], config: Mapping[str, Any]) -> _T:
    """The dataclass `kind` made of a JSON object. Raises `BadSettings`."""
    problems: list[Problem] = []
    value = _record(kind, config, "", problems)
    if problems:
        raise BadSettings(problems)
    made: _T = value
    return made


_PLAIN = {"str": str, "int": int, "float": float, "bool": bool}
_USUAL: dict[str, Any] = {
    **_PLAIN,
    **{f"tuple[{name}, ...]": tuple[kind, ...] for name, kind in _PLAIN.items()},  # type: ignore[valid-type]
    **{f"list[{name}]": list[kind] for name, kind in _PLAIN.items()},  # type: ignore[valid-type]
    **{f"{name} | None": kind | None for name, kind in _PLAIN.items()},
}


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    """The types of a dataclass's fields. They are texts in a module that begins as most do, and to compile one costs an
    instance a third of a megabyte: the usual ones are known.
    """
    texts = {one.name: one.type for one in fields(kind)}
    hidden = vars(sys.modules[kind.__module__]).keys() & {*_PLAIN, "tuple", "list"}
    if not hidden and all(isinstance(text, str) and text in _USUAL for text in texts.values()):
        return {name: _USUAL[str(text)] for name, text in texts.items()}
    return typing.get_type_hints(kind)


def _record(kind: Any, config: Mapping[str, Any], path: str, problems: list[Problem]) -> Any:
    hints = _hints(kind)
    left = dict(config)
    given: dict[str, Any] = {}
    before = len(problems)
    names = []
    for one in fields(kind):
        spellings = _spellings(one.name)
        names.append(spellings[0])
        found = next((spelling for spelling in spellings if spelling in left), None)
        if found is not None:
            given[one.name] = _value(hints[one.name], left.pop(found), _below(path, found), problems)
        elif one.default is MISSING and one.default_factory is MISSING:
            problems.append(Problem(_below(path, spellings[0]), "must be set"))
    for stranger in left:
        near = difflib.get_close_matches(stranger, names, 1, 0.6)
        hint = f"; did you mean `{near[0]}`?" if near else f"; known are {', '.join(names)}" if names else ""
        problems.append(Problem(_below(path, stranger), f"there is no such setting{hint}"))
    if len(problems) > before:
        return None
    try:
        return kind(**given)
    except BadSettings as error:
        problems += [Problem(_below(path, one.path), one.message) for one in error.problems]
    except ValueError as error:
        problems.append(Problem(path, str(error)))
    return None


def _value(kind: Any, value: Any, path: str, problems: list[Problem]) -> Any:
    if is_dataclass(kind) and isinstance(value, Mapping):
        return _record(kind, value, path, problems)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (list, tuple, set, frozenset) and isinstance(value, list):
        return origin(_value(arguments[0], one, _below(path, str(at)), problems) for at, one in enumerate(value))
    if origin is dict and isinstance(value, Mapping):
        return {key: _value(arguments[1], one, _below(path, key), problems) for key, one in value.items()}
    try:
        return _simple(kind, origin, arguments, value)
    except _Misfit as misfit:
        problems.append(Problem(path, f"must be {misfit}, not {_shown(value)}"))
    return None


def _simple(kind: Any, origin: Any, arguments: tuple[Any, ...], value: Any) -> Any:
    if kind is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        wanted = []
        for one in arguments:
            problems: list[Problem] = []
            found = _value(one, value, "", problems)
            if not problems:
                return found
            wanted.append(_named(one))
        raise _Misfit(" or ".join(wanted))
    if origin is typing.Literal and value in arguments:
        return value
    if isinstance(kind, type) and issubclass(kind, enum.Enum) and value in {one.value for one in kind}:
        return kind(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and number:
        return float(value)
    if kind is int and number and value == int(value):
        return int(value)
    if kind in (bool, str) and isinstance(value, kind):
        return value
    if kind is type(None) and value is None:
        return None
    raise _Misfit(_named(kind))


_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    type(None): "nothing",
    list: "a list",
    tuple: "a list",
    set: "a list",
    frozenset: "a list",
    dict: "a table",
}


def _named(kind: Any) -> str:
    origin = typing.get_origin(kind)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, typing.get_args(kind)))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return "one of " + ", ".join(str(one.value) for one in kind)
    return "a table" if is_dataclass(kind) else _WORDS.get(origin or kind, str(kind))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'the text "{value[:80]}"'
    if value is None or isinstance(value, int | float):
        return f"the number {value}" if value is not None else "nothing"
    return "a list" if isinstance(value, list) else "a table"


def _spellings(name: str) -> tuple[str, str, str]:
    head, *rest = name.split("_")
    return name.replace("_", "-"), head + "".join(part.capitalize() for part in rest), name


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
