"""How component values look in Python, and the types that they have.

=============  ==========================================================================
WIT            Python
=============  ==========================================================================
bool           `bool`
integers       `int`, range-checked; floats: `float`
char, string   `str`
list<u8>       `bytes` (any buffer is accepted); other lists: `list` (any sequence)
record         any object with the fields as attributes; comes back as a `NamedTuple`
tuple          `tuple`
variant        `Case(tag, value)`; the case is always named, never guessed from a Python type
enum           `str`, the WIT name
option         the value or `None`; an option inside an option is wrapped in `Some`
result         `Ok(value)` or `Err(value)`
flags          `frozenset` of `str`
=============  ==========================================================================

Field names become identifiers by `-` → `_`; tags and enum names stay as they are in WIT.
"""

from __future__ import annotations

import keyword
from collections import namedtuple
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import wasmtime.component as stock

__all__ = [
    "Case",
    "Enum",
    "Err",
    "Flags",
    "Function",
    "List",
    "Ok",
    "Option",
    "Primitive",
    "Record",
    "Result",
    "Some",
    "Tuple",
    "Type",
    "UnsupportedType",
    "Variant",
    "function_type",
    "identifier",
    "record_class",
]


class Case(NamedTuple):
    """One case of a variant."""

    tag: str
    value: Any = None


class Ok(NamedTuple):
    """The good side of a result."""

    value: Any = None


class Err(NamedTuple):
    """The other side of a result."""

    value: Any = None


class Some(NamedTuple):
    """A present value of an option whose element is itself an option."""

    value: Any


class UnsupportedType(TypeError):
    """A component uses a type that the contract does not know (streams, futures, resources, maps)."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """bool, s8 … u64, f32, f64, char or string."""

    name: str


@dataclass(frozen=True, slots=True)
class List:
    """list<element>"""

    element: Type


@dataclass(frozen=True, slots=True)
class Record:
    """record { name: type, … }"""

    fields: tuple[tuple[str, Type], ...]


@dataclass(frozen=True, slots=True)
class Tuple:
    """tuple<…>"""

    elements: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """variant { tag(type), … }"""

    cases: tuple[tuple[str, Type | None], ...]


@dataclass(frozen=True, slots=True)
class Enum:
    """enum { name, … }"""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """option<element>"""

    element: Type


@dataclass(frozen=True, slots=True)
class Result:
    """result<ok, err>; either may be absent"""

    ok: Type | None
    err: Type | None


@dataclass(frozen=True, slots=True)
class Flags:
    """flags { name, … }"""

    names: tuple[str, ...]


Type = Primitive | List | Record | Tuple | Variant | Enum | Option | Result | Flags


@dataclass(frozen=True, slots=True)
class Function:
    """The type of a component function: named parameters and at most one result."""

    parameters: tuple[tuple[str, Type], ...]
    result: Type | None


_PRIMITIVES: dict[type, str] = {
    stock.Bool: "bool",
    stock.S8: "s8",
    stock.U8: "u8",
    stock.S16: "s16",
    stock.U16: "u16",
    stock.S32: "s32",
    stock.U32: "u32",
    stock.S64: "s64",
    stock.U64: "u64",
    stock.F32: "f32",
    stock.F64: "f64",
    stock.Char: "char",
    stock.String: "string",
}


def _optional(valtype: Any) -> Type | None:
    return None if valtype is None else _convert(valtype)


def _convert(valtype: Any) -> Type:
    primitive = _PRIMITIVES.get(type(valtype))
    if primitive is not None:
        return Primitive(primitive)
    match valtype:
        case stock.ListType():
            return List(_convert(valtype.element))
        case stock.RecordType():
            return Record(tuple((name, _convert(field)) for name, field in valtype.fields))
        case stock.TupleType():
            return Tuple(tuple(_convert(element) for element in valtype.elements))
        case stock.VariantType():
            return Variant(tuple((name, _optional(payload)) for name, payload in valtype.cases))
        case stock.EnumType():
            return Enum(tuple(valtype.names))
        case stock.OptionType():
            return Option(_convert(valtype.payload))
        case stock.ResultType():
            return Result(_optional(valtype.ok), _optional(valtype.err))
        case stock.FlagsType():
            return Flags(tuple(valtype.names))
    raise UnsupportedType(f"the contract has no values of type {type(valtype).__name__}")


def function_type(functype: stock.FuncType) -> Function:
    """Reads a function's type once, at load.

    Raises:
        UnsupportedType: the signature mentions a stream, a future, a resource or a map.
    """
    return Function(
        tuple((name, _convert(parameter)) for name, parameter in functype.params),
        _optional(functype.result),
    )


def identifier(name: str) -> str:
    """The Python attribute for a WIT name: `content-type` → `content_type`, `from` → `from_`."""
    text = name.replace("-", "_")
    return text + "_" if keyword.iskeyword(text) else text


@cache
def record_class(fields: tuple[str, ...]) -> Any:
    """The `NamedTuple` class for a record with these WIT field names."""
    return namedtuple("Record", [identifier(name) for name in fields], rename=False)
