"""The C API's slots into Python values."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from wasmpuck.runtime.handles import lifter
from wasmpuck.runtime.marshal.codegen import BULK, NAME, SCALARS, SLOT, Shared
from wasmpuck.runtime.values import (
    Borrow,
    Case,
    Enum,
    Flags,
    List,
    Option,
    Own,
    Primitive,
    Record,
    Result,
    Tuple,
    Type,
    Variant,
    record_class,
)

__all__ = ["Unpacker", "row_unpacker"]


def _take(kind: Type, shared: Shared, fresh: Callable[[str], str]) -> tuple[str, list[str], str]:
    """The struct format of a slot without its kind, the variables that it fills, and the expression of the value."""
    match kind:
        case Primitive("string"):
            size, place = fresh("n"), fresh("p")
            return "8xQQ8x", [size, place], f"str(memory[{place}:{place}+{size}], 'utf-8')"
        case Primitive("char"):
            value = fresh("v")
            return "8xI20x", [value], f"chr({value})"
        case Primitive(name):
            _, letter, width = SCALARS[name]
            value = fresh("v")
            return f"8x{letter}{SLOT - 8 - width}x", [value], value
        case Record() | Tuple():
            _, place = fresh("n"), fresh("p")
            return "16xQ8x", [place], f"{_row_unpacker(shared, kind)}({place})"
        case List(element):
            size, place = fresh("n"), fresh("p")
            return "8xQQ8x", [size, place], f"{_list_unpacker(shared, element)}({size}, {place})"
        case Enum(names):
            size, place = fresh("n"), fresh("p")
            table = shared.constant("enum", {name.encode(): name for name in names})
            return "8xQQ8x", [size, place], f"{table}[memory[{place}:{place}+{size}].tobytes()]"
        case Flags():
            size, place = fresh("n"), fresh("p")
            return "8xQQ8x", [size, place], f"{_flags_unpacker(shared)}({size}, {place})"
        case Option(element):
            place = fresh("p")
            value = f"{_slot_unpacker(shared, element)}({place})"
            if isinstance(element, Option):
                value = f"Some({value})"
            return "8xQ16x", [place], f"({value} if {place} else None)"
        case Result(ok, err):
            good, place = fresh("g"), fresh("p")
            left = f"Ok({_slot_unpacker(shared, ok)}({place}))" if ok is not None else "Ok()"
            right = f"Err({_slot_unpacker(shared, err)}({place}))" if err is not None else "Err()"
            return "8x?7xQ8x", [good, place], f"({left} if {good} else {right})"
        case Variant(cases):
            size, tag, place = fresh("n"), fresh("t"), fresh("p")
            payloads = {
                name.encode(): (
                    name,
                    shared.namespace[_slot_unpacker(shared, payload)] if payload is not None else None,
                )
                for name, payload in cases
            }
            chosen = shared.constant("cases", _case_unpacker(payloads))
            return "8xQQQ", [size, tag, place], f"{chosen}(memory[{tag}:{tag}+{size}].tobytes(), {place})"
        case Own() | Borrow():
            place = fresh("p")
            return "8xQ16x", [place], f"{shared.constant('lift', lifter(kind))}({place})"
    raise AssertionError(kind)  # the match is complete: `Type` is a closed union


def _case_unpacker(table: dict[bytes, tuple[str, Callable[[int], Any] | None]]) -> Callable[[bytes, int], Case]:
    def unpack_case(tag: bytes, place: int) -> Case:
        name, payload = table[tag]
        return Case(name, payload(place) if payload is not None else None)

    return unpack_case


def _counter() -> Callable[[str], str]:
    count = 0

    def fresh(stem: str) -> str:
        nonlocal count
        count += 1
        return f"{stem}{count}"

    return fresh


def _row_unpacker(shared: Shared, kind: Record | Tuple) -> str:
    made = shared.made.get(("row", kind))
    if made is not None:
        return made
    name = shared.made["row", kind] = f"row_{len(shared.made)}"
    fresh = _counter()
    if isinstance(kind, Record):
        elements = [element for _, element in kind.fields]
        lead, maker = f"{NAME}x", shared.constant("record", record_class(tuple(n for n, _ in kind.fields)))
    else:
        elements, lead, maker = list(kind.elements), "", ""
    parts = [_take(element, shared, fresh) for element in elements]
    layout = struct.Struct("<" + "".join(lead + fmt for fmt, _, _ in parts))
    unpack = shared.constant("unpack", layout.unpack_from)
    variables = [variable for _, found, _ in parts for variable in found]
    values = ", ".join(value for _, _, value in parts)
    result = f"{maker}({values})" if maker else f"({values},)"
    shared.define(name, "place", [f"{', '.join(variables)}, = {unpack}(memory, place)", f"return {result}"])
    return name


def _slot_unpacker(shared: Shared, kind: Type) -> str:
    made = shared.made.get(("take", kind))
    if made is not None:
        return made
    name = shared.made["take", kind] = f"take_{len(shared.made)}"
    fmt, variables, value = _take(kind, shared, _counter())
    unpack = shared.constant("unpack", struct.Struct("<" + fmt).unpack_from)
    shared.define(name, "place", [f"{', '.join(variables)}, = {unpack}(memory, place)", f"return {value}"])
    return name


def _list_unpacker(shared: Shared, element: Type) -> str:
    made = shared.made.get(("takelist", element))
    if made is not None:
        return made
    name = shared.made["takelist", element] = f"takelist_{len(shared.made)}"
    if isinstance(element, Primitive) and element.name in BULK:
        _, letter, width = SCALARS[element.name]
        if element.name == "u8":
            lines = [f"return string_at(place, {SLOT} * n)[8::{SLOT}] if n else b''"]
        else:
            view = f"memoryview(string_at(place, {SLOT} * n)).cast({letter!r})[{8 // width}::{SLOT // width}]"
            lines = [f"return {view}.tolist() if n else []"]
    else:
        fmt, variables, value = _take(element, shared, _counter())
        iterate = shared.constant("iterate", struct.Struct("<" + fmt).iter_unpack)
        lines = [
            "if not n: return []",
            f"return [{value} for {', '.join(variables)}, in {iterate}(memory[place : place + {SLOT} * n])]",
        ]
    shared.define(name, "n, place", lines)
    return name


def _flags_unpacker(shared: Shared) -> str:
    made = shared.made.get(("takeflags", None))
    if made is not None:
        return made
    name = shared.made["takeflags", None] = f"takeflags_{len(shared.made)}"
    iterate = shared.constant("iterate", struct.Struct("<QQ").iter_unpack)
    shared.define(
        name,
        "n, place",
        [
            "if not n: return frozenset()",
            f"return frozenset(str(memory[q:q+m], 'utf-8') for m, q in {iterate}(memory[place : place + {NAME} * n]))",
        ],
    )
    return name


#: Reads a row of values at an address.
Unpacker = Callable[[int], tuple[Any, ...]]


def row_unpacker(kinds: Sequence[Type]) -> Unpacker:
    """An unpacker for a row of values: the arguments of a host function, or a result."""
    return _shared_unpacker(tuple(kinds)) if kinds else _nothing


@lru_cache(maxsize=1024)
def _shared_unpacker(kinds: tuple[Type, ...]) -> Unpacker:
    shared = Shared()
    row: Unpacker = shared.namespace[_row_unpacker(shared, Tuple(kinds))]
    return row


def _nothing(place: int) -> tuple[Any, ...]:
    return ()
