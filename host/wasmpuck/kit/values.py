"""Component values as JSON and back, by their types.

===================  ====================================================================
WIT                  JSON
===================  ====================================================================
bool, string, char   the same
integers, floats     number; a float that JSON lacks is `"nan"`, `"inf"` or `"-inf"`
list<u8>             `{"base64": "…"}`; other lists and tuples: array
record               object with the names of WIT; an option that is left out is none
variant              `"case"`, or `{"case": payload}`
enum                 string
option               null or the value; where the value is an option itself, `{"some": value}`
result               `{"ok": value}` or `{"err": value}`; null where a side has no value
flags                array of strings, in the order of WIT
own, borrow          `{"resource": number}`, where the caller says which number
===================  ====================================================================
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from wasmpuck.errors import BadRequest
from wasmpuck.kit.types import RANGES, needed, signature, type_text
from wasmpuck.runtime.values import (
    Borrow,
    Case,
    Enum,
    Err,
    Flags,
    Function,
    List,
    Ok,
    Option,
    Own,
    Primitive,
    Record,
    Resource,
    Result,
    Some,
    Tuple,
    Type,
    Variant,
    identifier,
    record_class,
)

__all__ = ["JSON", "BadJSON", "arguments_from_json", "from_json", "to_json"]

JSON = Any
"""What `json.loads` returns."""

_NAMED_FLOATS: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_LONGEST: Final = 60
"""Characters of a value that an error shows."""


class BadJSON(BadRequest):
    """JSON that does not fit a type: `path` says where, such as `request.headers[2]`."""

    def __init__(self, path: str, expected: str, given: JSON) -> None:
        shown = json.dumps(given, ensure_ascii=False, default=repr)
        shown = shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
        super().__init__(f"{path}: {expected} is needed, not {shown}" if path else f"{expected} is needed, not {shown}")
        self.path = path
        self.expected = expected


# --- to JSON -------------------------------------------------------------------------------------


def to_json(kind: Type | None, value: Any, number: Callable[[Resource, Any], int] | None = None) -> JSON:
    """A value, as `wasmpuck.runtime.values` describes it, as JSON.

    Args:
        kind: its type; `None` for what has no value.
        number: gives a resource its number. Without it, a value with resources raises `TypeError`.
    """

    def inner(kind: Type | None, value: Any) -> JSON:
        return to_json(kind, value, number)

    match kind:
        case None:
            return None
        case Primitive("f32" | "f64"):
            return value if math.isfinite(value) else "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
        case Primitive() | Enum():
            return value
        case List(Primitive("u8")):
            return {"base64": base64.b64encode(value).decode("ascii")}
        case List(element):
            return [inner(element, item) for item in value]
        case Record(fields):
            return {name: inner(field, getattr(value, identifier(name))) for name, field in fields}
        case Tuple(elements):
            return [inner(element, item) for element, item in zip(elements, value, strict=True)]
        case Variant(cases):
            payload = dict(cases)[value.tag]
            return value.tag if payload is None else {value.tag: inner(payload, value.value)}
        case Option(element):
            if value is None:
                return None
            return {"some": inner(element, value.value)} if isinstance(element, Option) else inner(element, value)
        case Result(ok, err):
            return {"ok": inner(ok, value.value)} if type(value) is Ok else {"err": inner(err, value.value)}
        case Flags(names):
            return [name for name in names if name in value]
        case Own(resource) | Borrow(resource):
            if number is None:
                raise TypeError(f"a {resource.name} is a resource and has no JSON form here")
            return {"resource": number(resource, value)}
    raise AssertionError(kind)


# --- from JSON -----------------------------------------------------------------------------------


def from_json(
    kind: Type | None, given: JSON, path: str = "", resource: Callable[[Resource, int], Any] | None = None
) -> Any:
    """The value that JSON means.

    Args:
        path: where it stands, for errors.
        resource: finds the object that a number stands for. Without it, resources are refused.

    Raises:
        BadJSON: it does not fit the type.
    """

    def bad(part: JSON = given, where: str = path) -> BadJSON:
        assert kind is not None
        return BadJSON(where, needed(kind), part)

    def inner(kind: Type | None, part: JSON, where: str) -> Any:
        return from_json(kind, part, where, resource)

    match kind:
        case None:
            if given is not None:
                raise BadJSON(path, "null", given)
            return None
        case Primitive(name):
            return _primitive(name, given, bad)
        case List(Primitive("u8")):
            return _bytes(given, bad)
        case List(element):
            _need(isinstance(given, list), bad)
            return [inner(element, part, f"{path}[{index}]") for index, part in enumerate(given)]
        case Record(fields):
            return _record(fields, given, path, inner, bad)
        case Tuple(elements):
            _need(isinstance(given, list) and len(given) == len(elements), bad)
            pairs = zip(elements, given, strict=True)
            return tuple(inner(element, part, f"{path}[{index}]") for index, (element, part) in enumerate(pairs))
        case Variant(cases):
            return _variant(dict(cases), given, path, inner, bad)
        case Enum(names):
            _need(isinstance(given, str) and given in names, bad)
            return given
        case Option(element):
            if given is None:
                return None
            if isinstance(element, Option):
                _need(isinstance(given, dict) and set(given) == {"some"}, bad)
                return Some(inner(element, given["some"], _join(path, "some")))
            return inner(element, given, path)
        case Result(ok, err):
            _need(isinstance(given, dict) and len(given) == 1 and set(given) <= {"ok", "err"}, bad)
            if "ok" in given:
                return Ok(inner(ok, given["ok"], _join(path, "ok")))
            return Err(inner(err, given["err"], _join(path, "err")))
        case Flags(names):
            _need(isinstance(given, list) and all(isinstance(one, str) and one in names for one in given), bad)
            return frozenset(given)
        case Own(what) | Borrow(what):
            _need(isinstance(given, dict) and set(given) == {"resource"} and type(given["resource"]) is int, bad)
            if resource is None:
                raise BadJSON(
                    path, f"no value: a {what.name} exists only while a plugin runs, it cannot be given", given
                )
            return resource(what, given["resource"])
    raise AssertionError(kind)


_Bad = Callable[..., BadJSON]
_Inner = Callable[[Type | None, JSON, str], Any]


def _need(condition: bool, bad: _Bad) -> None:
    if not condition:
        raise bad()


def _primitive(name: str, given: JSON, bad: _Bad) -> Any:
    match name:
        case "bool":
            _need(isinstance(given, bool), bad)
            return given
        case "string" | "char":
            _need(isinstance(given, str) and (name == "string" or len(given) == 1), bad)
            _need(not any("\ud800" <= character <= "\udfff" for character in given), bad)
            return given
        case "f32" | "f64":
            return _float(name, given, bad)
    low, high = RANGES[name]
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    _need(type(given) is int and low <= given <= high, bad)
    return given


def _float(name: str, given: JSON, bad: _Bad) -> float:
    if isinstance(given, str):
        _need(given in _NAMED_FLOATS, bad)
        return _NAMED_FLOATS[given]
    _need(isinstance(given, (int, float)) and not isinstance(given, bool), bad)
    try:
        value = float(given)
        return float(struct.unpack("<f", struct.pack("<f", value))[0]) if name == "f32" else value
    except OverflowError:
        raise bad() from None


def _bytes(given: JSON, bad: _Bad) -> bytes:
    _need(isinstance(given, dict) and set(given) == {"base64"} and isinstance(given["base64"], str), bad)
    try:
        return base64.b64decode(given["base64"], validate=True)
    except (binascii.Error, ValueError):
        raise bad() from None


def _record(fields: Sequence[tuple[str, Type]], given: JSON, path: str, inner: _Inner, bad: _Bad) -> Any:
    _need(isinstance(given, dict), bad)
    names = [name for name, _ in fields]
    unknown = next((name for name in given if name not in names), None)
    if unknown is not None:
        raise BadJSON(_join(path, unknown), f"one of {', '.join(names)}", unknown)
    parts = []
    for name, kind in fields:
        if name not in given and not isinstance(kind, Option):
            raise BadJSON(path, f"an object with {name} ({type_text(kind)})", given)
        parts.append(inner(kind, given.get(name), _join(path, name)))
    return record_class(tuple(names))(*parts)


def _variant(cases: dict[str, Type | None], given: JSON, path: str, inner: _Inner, bad: _Bad) -> Case:
    if isinstance(given, str):
        _need(given in cases and cases[given] is None, bad)
        return Case(given)
    _need(isinstance(given, dict) and len(given) == 1, bad)
    ((tag, payload),) = given.items()
    _need(cases.get(tag) is not None, bad)
    return Case(tag, inner(cases[tag], payload, _join(path, tag)))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def arguments_from_json(kind: Function, given: Iterable[JSON], label: str = "") -> tuple[Any, ...]:
    """The arguments of a function, one JSON value for each parameter; the parameters' names begin the paths.

    Raises:
        BadJSON: one does not fit, or there are too many or too few.
    """
    parts = list(given)
    if len(parts) != len(kind.parameters):
        needed = f"{len(kind.parameters)} arguments" if len(kind.parameters) != 1 else "one argument"
        raise BadJSON(label, f"{needed}, {signature(kind)},", parts)
    return tuple(from_json(inner, part, name) for (name, inner), part in zip(kind.parameters, parts, strict=True))
