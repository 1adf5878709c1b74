"""WIT types as WebAssembly text, and Python values in the memory of a guest (component model, CanonicalABI.md).

Written for tests and apart from the marshaller that they test: it works on bytes of linear memory, not on the C API's
slots.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

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
)

__all__ = ["Image", "TypeText", "core_type", "flat", "size", "zero"]

_FORMATS: Final = {
    "bool": "?", "s8": "b", "u8": "B", "s16": "h", "u16": "H", "s32": "i", "u32": "I", "s64": "q", "u64": "Q",
    "f32": "f", "f64": "d", "char": "I",
}  # fmt: skip
_MOST_PARAMETERS: Final = 16
_MOST_RESULTS: Final = 1
IMAGE: Final = 1024
"""Where constants begin in a guest's memory."""


def _cases(kind: Type) -> list[tuple[str, Type | None]] | None:
    """Options and results are variants too (CanonicalABI.md, "Despecialization")."""
    match kind:
        case Variant(cases):
            return list(cases)
        case Enum(names):
            return [(name, None) for name in names]
        case Option(element):
            return [("none", None), ("some", element)]
        case Result(ok, err):
            return [("ok", ok), ("error", err)]
    return None


def _fields(kind: Type) -> list[Type] | None:
    match kind:
        case Record(fields):
            return [field for _, field in fields]
        case Tuple(elements):
            return list(elements)
    return None


def _up(place: int, alignment: int) -> int:
    return -(-place // alignment) * alignment


def _tag_bytes(count: int) -> int:
    return 1 if count <= 256 else 2


def _flag_bytes(count: int) -> int:
    return 1 if count <= 8 else 2 if count <= 16 else 4


def alignment(kind: Type) -> int:
    """Bytes."""
    fields, cases = _fields(kind), _cases(kind)
    if fields is not None:
        return max(map(alignment, fields))
    if cases is not None:
        return max(_tag_bytes(len(cases)), *(alignment(payload) for _, payload in cases if payload is not None), 1)
    match kind:
        case Flags(names):
            return _flag_bytes(len(names))
        case Primitive(name) if name != "string":
            return struct.calcsize(_FORMATS[name])
    return 4


def size(kind: Type) -> int:
    """Bytes of a value in memory, what it points to left out."""
    fields, cases = _fields(kind), _cases(kind)
    if fields is not None:
        place = 0
        for field in fields:
            place = _up(place, alignment(field)) + size(field)
        return _up(place, alignment(kind))
    if cases is not None:
        payloads = [payload for _, payload in cases if payload is not None]
        start = _payload_offset(cases)
        return _up(start + max((size(payload) for payload in payloads), default=0), alignment(kind))
    match kind:
        case Flags(names):
            return _flag_bytes(len(names))
        case Primitive(name) if name != "string":
            return struct.calcsize(_FORMATS[name])
    return 8


def _payload_offset(cases: list[tuple[str, Type | None]]) -> int:
    return _up(_tag_bytes(len(cases)), max((alignment(p) for _, p in cases if p is not None), default=1))


def flat(kind: Type) -> list[str]:
    """The core types that a value becomes."""
    fields, cases = _fields(kind), _cases(kind)
    if fields is not None:
        return [core for field in fields for core in flat(field)]
    if cases is not None:
        joined: list[str] = []
        for _, payload in cases:
            for index, core in enumerate(flat(payload) if payload is not None else []):
                if index == len(joined):
                    joined.append(core)
                elif joined[index] != core:
                    joined[index] = "i32" if {joined[index], core} == {"i32", "f32"} else "i64"
        return ["i32", *joined]
    match kind:
        case Primitive("f32" | "f64" as name):
            return [name]
        case Primitive("s64" | "u64"):
            return ["i64"]
        case List() | Primitive("string"):
            return ["i32", "i32"]
    return ["i32"]


def core_type(function: Function, *, lowered: bool = False) -> tuple[list[str], list[str]]:
    """Parameters and results of the core function that is lifted to `function`, or that it is lowered to."""
    parameters = [core for _, kind in function.parameters for core in flat(kind)]
    results = flat(function.result) if function.result is not None else []
    if len(parameters) > _MOST_PARAMETERS:
        parameters = ["i32"]
    if len(results) > _MOST_RESULTS:
        if lowered:
            return [*parameters, "i32"], []
        results = ["i32"]
    return parameters, results


def zero(kind: Type) -> Any:
    """A value: false, 0, empty, the first case of a variant, the good side of a result, none of an option."""
    match kind:
        case Primitive("string"):
            return ""
        case Primitive("char"):
            return "\0"
        case Primitive("bool"):
            return False
        case Primitive("f32" | "f64"):
            return 0.0
        case Primitive():
            return 0
        case List():
            return []
        case Record(fields):
            return {name: zero(field) for name, field in fields}
        case Tuple(elements):
            return tuple(zero(element) for element in elements)
        case Variant(cases):
            name, payload = cases[0]
            return Case(name, zero(payload) if payload is not None else None)
        case Enum(names):
            return names[0]
        case Result(ok, _):
            return Ok(zero(ok) if ok is not None else None)
        case Flags():
            return frozenset()
    return None


class Image:
    """Constants in a guest's memory from address 1024 on."""

    def __init__(self) -> None:
        self.data = bytearray()

    @property
    def end(self) -> int:
        """The first address behind them."""
        return _up(IMAGE + len(self.data), 16)

    def put(self, data: bytes, alignment: int = 1) -> int:
        """The address at which `data` will lie."""
        self.data += bytes(-len(self.data) % alignment)
        place = IMAGE + len(self.data)
        self.data += data
        return place

    def value(self, kind: Type, value: Any) -> int:
        """The address of a value."""
        return self.put(self.encode(kind, value), alignment(kind))

    def encode(self, kind: Type, value: Any) -> bytes:
        """The bytes of a value; what it points to is put into the image. A record may be a mapping by WIT name."""
        match kind:
            case Primitive("string"):
                data = value.encode()
                return struct.pack("<II", self.put(data), len(data))
            case Primitive("char"):
                return struct.pack("<I", ord(value))
            case Primitive(name):
                return struct.pack("<" + _FORMATS[name], value)
            case List(element):
                items = [self.encode(element, item) for item in value]
                return struct.pack("<II", self.put(b"".join(items), alignment(element)), len(items))
            case Record(fields):
                values = [_field(value, name, field) for name, field in fields]
                return self._row([field for _, field in fields], values)
            case Tuple(elements):
                return self._row(list(elements), list(value))
            case Flags(names):
                bits = sum(1 << index for index, name in enumerate(names) if name in value)
                return bits.to_bytes(_flag_bytes(len(names)), "little")
        return self._case(kind, value)

    def _row(self, kinds: list[Type], values: list[Any]) -> bytes:
        row = bytearray()
        for kind, value in zip(kinds, values, strict=True):
            row += bytes(-len(row) % alignment(kind)) + self.encode(kind, value)
        return bytes(row) + bytes(-len(row) % max(map(alignment, kinds)))

    def _case(self, kind: Type, value: Any) -> bytes:
        cases = _cases(kind)
        assert cases is not None
        tag, payload = _tagged(kind, value)
        index = [name for name, _ in cases].index(tag)
        inner = cases[index][1]
        start = _payload_offset(cases)
        data = index.to_bytes(_tag_bytes(len(cases)), "little").ljust(start, b"\0")
        data += self.encode(inner, payload) if inner is not None else b""
        return data.ljust(size(kind), b"\0")

    def segment(self) -> str:
        """The data segment."""
        return f'(data (i32.const {IMAGE}) "{"".join(f"{chr(92)}{byte:02x}" for byte in self.data)}")'


def _field(value: Any, name: str, kind: Type) -> Any:
    if isinstance(value, Mapping):
        return value.get(name, zero(kind))
    return getattr(value, identifier(name))


def _tagged(kind: Type, value: Any) -> tuple[str, Any]:
    match kind:
        case Enum():
            return value, None
        case Option(element):
            if value is None:
                return "none", None
            return "some", value.value if isinstance(element, Option) and isinstance(value, Some) else value
        case Result():
            return ("error" if isinstance(value, Err) else "ok"), value.value
    return value.tag, value.value


class TypeText:
    """Types as text. Records, variants, enums and flags get a name and `declarations` that define it.

    Args:
        prefix: of the identifiers.
        imported: whether the declarations stand in the type of an imported instance, or in a component.
    """

    def __init__(self, prefix: str = "t", *, imported: bool = False) -> None:
        self._prefix = prefix
        self._imported = imported
        self._named: dict[Type, str] = {}
        self.declarations: list[str] = []

    @property
    def names(self) -> list[str]:
        """The names given, in order."""
        return list(self._named.values())

    def of(self, kind: Type) -> str:
        """The text of a type where it is used."""
        match kind:
            case Primitive(name):
                return name
            case List(element):
                return f"(list {self.of(element)})"
            case Tuple(elements):
                return f"(tuple {' '.join(map(self.of, elements))})"
            case Option(element):
                return f"(option {self.of(element)})"
            case Result(ok, err):
                good = f" {self.of(ok)}" if ok is not None else ""
                bad = f" (error {self.of(err)})" if err is not None else ""
                return f"(result{good}{bad})"
            case Own(resource):
                return f"(own {self._resource(resource)})"
            case Borrow(resource):
                return f"(borrow {self._resource(resource)})"
        known = self._named.get(kind)
        if known is None:
            definition = self._definition(kind)
            known = self._named[kind] = f"{self._prefix}{len(self._named)}"
            bound = f'(export "{known}" (type ${known} (eq ${known}\')))'
            plain = f'(export ${known} "{known}" (type ${known}\'))'
            self.declarations.append(f"(type ${known}' {definition}) {bound if self._imported else plain}")
        return f"${known}"

    def _resource(self, resource: Resource) -> str:
        """The name of a resource of an imported interface."""
        name = f"{self._prefix}{resource.name}"
        declaration = f'(export "{resource.name}" (type ${name} (sub resource)))'
        if declaration not in self.declarations:
            self.declarations.append(declaration)
        return f"${name}"

    def _definition(self, kind: Type) -> str:
        match kind:
            case Record(fields):
                return self._row("record", [f'(field "{name}" {self.of(field)})' for name, field in fields])
            case Variant(cases):
                return self._row("variant", [self._case(name, payload) for name, payload in cases])
            case Enum(names):
                return self._row("enum", [f'"{name}"' for name in names])
            case Flags(names):
                return self._row("flags", [f'"{name}"' for name in names])
        raise AssertionError(kind)

    @staticmethod
    def _row(word: str, parts: list[str]) -> str:
        return f"({word} {' '.join(parts)})"

    def _case(self, name: str, payload: Type | None) -> str:
        return f'(case "{name}" {self.of(payload)})' if payload is not None else f'(case "{name}")'

    def signature(self, function: Function) -> str:
        """Parameters and result of a function."""
        parameters = " ".join(f'(param "{name}" {self.of(kind)})' for name, kind in function.parameters)
        result = f"(result {self.of(function.result)})" if function.result is not None else ""
        return f"{parameters} {result}"
