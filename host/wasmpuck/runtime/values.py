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
own, borrow    the Python object that the capability made; never a number
=============  ==========================================================================

Field names become identifiers by `-` → `_`; tags and enum names stay as they are in WIT.
"""

from __future__ import annotations

import keyword
from collections import namedtuple
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import wasmtime.component as stock

__all__ = [
    "Borrow",
    "Case",
    "Enum",
    "Err",
    "Flags",
    "Function",
    "List",
    "Ok",
    "Option",
    "Own",
    "Primitive",
    "Record",
    "Resource",
    "Result",
    "Some",
    "Tuple",
    "Type",
    "UnsupportedType",
    "Variant",
    "function_type",
    "gives_away",
    "holds_handles",
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
    """A component uses a type that the contract does not know (streams, futures, maps, resources of guests)."""


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


@dataclass(frozen=True, slots=True)
class Resource:
    """resource name { … }, defined by the host in an interface of the contract"""

    interface: str
    name: str


@dataclass(frozen=True, slots=True)
class Own:
    """own<resource>: a handle that passes to whoever gets it"""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Borrow:
    """borrow<resource>: a handle that is lent for the time of a call"""

    resource: Resource


Type = Primitive | List | Record | Tuple | Variant | Enum | Option | Result | Flags | Own | Borrow


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


#: Resources that a component imports, with the types that stand for them in it.
Resources = Sequence[tuple[Resource, stock.ResourceType]]


def _convert(valtype: Any, resources: Resources) -> Type:
    def one(inner: Any) -> Type:
        return _convert(inner, resources)

    def optional(inner: Any) -> Type | None:
        return None if inner is None else one(inner)

    primitive = _PRIMITIVES.get(type(valtype))
    if primitive is not None:
        return Primitive(primitive)
    match valtype:
        case stock.ListType():
            return List(one(valtype.element))
        case stock.RecordType():
            return Record(tuple((name, one(field)) for name, field in valtype.fields))
        case stock.TupleType():
            return Tuple(tuple(one(element) for element in valtype.elements))
        case stock.VariantType():
            return Variant(tuple((name, optional(payload)) for name, payload in valtype.cases))
        case stock.EnumType():
            return Enum(tuple(valtype.names))
        case stock.OptionType():
            return Option(one(valtype.payload))
        case stock.ResultType():
            return Result(optional(valtype.ok), optional(valtype.err))
        case stock.FlagsType():
            return Flags(tuple(valtype.names))
        case stock.OwnType():
            return Own(_resource(valtype.ty, resources))
        case stock.BorrowType():
            return Borrow(_resource(valtype.ty, resources))
    raise UnsupportedType(f"the contract has no values of type {type(valtype).__name__}")


def _resource(kind: stock.ResourceType, resources: Resources) -> Resource:
    for resource, known in resources:
        if known == kind:
            return resource
    raise UnsupportedType("the contract has no resources that a guest defines")


def function_type(functype: stock.FuncType, resources: Resources = ()) -> Function:
    """Reads a function's type once, at load.

    Args:
        resources: that the component imports.

    Raises:
        UnsupportedType: the signature mentions a stream, a future, a map, or a resource that is not imported.
    """
    return Function(
        tuple((name, _convert(parameter, resources)) for name, parameter in functype.params),
        None if functype.result is None else _convert(functype.result, resources),
    )


def holds_handles(kind: Type | None) -> bool:
    """Whether values of this type mention resources."""
    match kind:
        case Own() | Borrow():
            return True
        case List(element) | Option(element):
            return holds_handles(element)
        case Record(named) | Variant(named):
            return any(holds_handles(inner) for _, inner in named)
        case Tuple(elements):
            return any(map(holds_handles, elements))
        case Result(ok, err):
            return holds_handles(ok) or holds_handles(err)
    return False


def gives_away(kind: Type) -> bool:
    """Whether a parameter of this type may own resources, which then pass to the callee. What is lent never does."""
    return not isinstance(kind, Borrow) and holds_handles(kind)


def identifier(name: str) -> str:
    """The Python attribute for a WIT name: `content-type` → `content_type`, `from` → `from_`."""
    text = name.replace("-", "_")
    return text + "_" if keyword.iskeyword(text) else text


@cache
def record_class(fields: tuple[str, ...]) -> Any:
    """The `NamedTuple` class for a record with these WIT field names."""
    return namedtuple("Record", [identifier(name) for name in fields], rename=False)
