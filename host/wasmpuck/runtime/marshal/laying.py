"""The code that packs: generated once for each row of types, it writes Python values into the C API's slots."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache

from wasmpuck.runtime.handles import lowerer
from wasmpuck.runtime.marshal.codegen import (
    BULK,
    ENTRY,
    ENUM,
    FLAGS,
    LIST,
    NAME,
    OPTION,
    RECORD,
    RESOURCE,
    RESULT,
    SCALARS,
    SLOT,
    STRING,
    TUPLE,
    TWO_WORDS,
    VARIANT,
    Code,
    Shared,
)
from wasmpuck.runtime.values import (
    Borrow,
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
    identifier,
)

__all__ = ["row_packer"]


class _Unit:
    """The layout of a row of slots and the fixed shapes under them: struct format, arguments, size."""

    def __init__(self, origin: str, code: Code) -> None:
        self.origin = origin  # expression: offset of the unit in the arena
        self.code = code
        self.rows: list[tuple[int, list[tuple[str, list[str]]]]] = []
        self.size = 0

    def row(self, size: int) -> tuple[int, list[tuple[str, list[str]]]]:
        entry: tuple[int, list[tuple[str, list[str]]]] = (self.size, [])
        self.size += size
        self.rows.append(entry)
        return entry

    def at(self, offset: int) -> str:
        return f"base + {self.origin} + {offset}"

    def format(self) -> str:
        return "<" + "".join(fmt for _, row in self.rows for fmt, _ in row)

    def arguments(self) -> list[str]:
        return [argument for _, row in self.rows for _, arguments in row for argument in arguments]


def _lay(kind: Type, value: str, unit: _Unit, row: list[tuple[str, list[str]]]) -> None:
    """Emits what prepares `value` and appends its slot to `row`."""
    code, shared = unit.code, unit.code.shared
    match kind:
        case Primitive("string"):
            data, size, place = code.fresh("b"), code.fresh("n"), code.fresh("w")
            code.emit(f"{data} = {value}.encode(); {place} = text; {size} = len({data}); text += {size}; keep({data})")
            row.append((TWO_WORDS, [str(STRING), size, place]))
        case Primitive(name):
            number, letter, octets = SCALARS[name]
            check = {"bool": "_boolean", "char": "_character"}.get(name)
            argument = f"{check}({value})" if check else value
            row.append((f"B7x{letter}{SLOT - 8 - octets}x", [str(number), argument]))
        case Record(fields):
            held = code.fresh("r")
            code.emit(f"{held} = {value}")
            offset, entries = unit.row(ENTRY * len(fields))
            row.append((TWO_WORDS, [str(RECORD), str(len(fields)), unit.at(offset)]))
            for name, field in fields:
                entries.append(("QQ", [str(number) for number in shared.names.place(name)]))
                _lay(field, f"{held}.{identifier(name)}", unit, entries)
        case Tuple(elements):
            held = code.fresh("t")
            code.emit(f"{held} = {value}")
            code.emit(f"if len({held}) != {len(elements)}: raise TypeError('a tuple of {len(elements)} is needed')")
            offset, entries = unit.row(SLOT * len(elements))
            row.append((TWO_WORDS, [str(TUPLE), str(len(elements)), unit.at(offset)]))
            for index, element in enumerate(elements):
                _lay(element, f"{held}[{index}]", unit, entries)
        case List(element):
            size, where = code.fresh("n"), code.fresh("a")
            code.emit(
                f"{size}, {where}, p, text = {_list_packer(shared, element)}({value}, memory, base, p, end, text, keep)"
            )
            row.append((TWO_WORDS, [str(LIST), size, where]))
        case Enum(names):
            table, found = shared.constant("enum", shared.names.table(names)), code.fresh("e")
            code.emit(f"{found} = {table}.get({value})")
            code.emit(f"if {found} is None: raise ValueError(f'{{{value}!r}} is not one of {', '.join(names)}')")
            row.append((TWO_WORDS, [str(ENUM), f"{found}[0]", f"{found}[1]"]))
        case Flags(names):
            size, where = code.fresh("n"), code.fresh("a")
            code.emit(
                f"{size}, {where}, p, text = {_flags_packer(shared, names)}({value}, memory, base, p, end, text, keep)"
            )
            row.append((TWO_WORDS, [str(FLAGS), size, where]))
        case Option(element):
            held, where = code.fresh("o"), code.fresh("a")
            inner = f"{held}.value" if isinstance(element, Option) else held
            code.emit(f"{held} = {value}")
            code.emit(f"if {held} is None: {where} = 0")
            code.emit(
                f"else: {where}, p, text = {_slot_packer(shared, element)}({inner}, memory, base, p, end, text, keep)"
            )
            row.append(("B7xQ16x", [str(OPTION), where]))
        case Result(ok, err):
            held, good, where = code.fresh("v"), code.fresh("g"), code.fresh("a")
            code.emit(f"{held} = {value}; {good} = type({held}) is Ok")
            code.emit(f"if not {good} and type({held}) is not Err: raise TypeError('a result is passed as Ok or Err')")
            code.emit(f"if {good}:")
            _payload(code, ok, f"{held}.value", where)
            code.emit("else:")
            _payload(code, err, f"{held}.value", where)
            row.append(("B7x?7xQ8x", [str(RESULT), good, where]))
        case Variant(cases):
            tag, held, found, where = code.fresh("t"), code.fresh("v"), code.fresh("d"), code.fresh("a")
            table = shared.constant("tags", shared.names.table([name for name, _ in cases]))
            code.emit(f"{tag}, {held} = _tag({value})")
            code.emit(f"{found} = {table}.get({tag})")
            known = ", ".join(name for name, _ in cases)
            code.emit(f"if {found} is None: raise ValueError(f'{{{tag}!r}} is not one of {known}')")
            keyword = "if"
            for name, payload in cases:
                code.emit(f"{keyword} {tag} == {name!r}:")
                _payload(code, payload, held, where)
                keyword = "elif"
            row.append(("B7xQQQ", [str(VARIANT), f"{found}[0]", f"{found}[1]", where]))
        case Own() | Borrow():
            where = code.fresh("h")
            code.emit(f"{where} = {shared.constant('lower', lowerer(kind))}({value})")
            row.append(("B7xQ16x", [str(RESOURCE), where]))


def _payload(code: Code, kind: Type | None, value: str, where: str) -> None:
    if kind is None:
        code.emit(f"    if {value} is not None: raise TypeError('this case carries no value')")
        code.emit(f"    {where} = 0")
    else:
        code.emit(
            f"    {where}, p, text = {_slot_packer(code.shared, kind)}({value}, memory, base, p, end, text, keep)"
        )


_PARAMETERS = "v, memory, base, p, end, text, keep"


def _slot_packer(shared: Shared, kind: Type) -> str:
    """A function that packs one value into a slot of its own and returns its address and the new end."""
    made = shared.made.get(("slot", kind))
    if made is not None:
        return made
    name = shared.made["slot", kind] = f"slot_{len(shared.made)}"
    code = Code(shared)
    unit = _Unit("o", code)
    _, row = unit.row(SLOT)
    _lay(kind, "v", unit, row)
    body = _open_unit(unit) + code.lines + [_write(shared, unit), "return base + o, p, text"]
    shared.define(name, _PARAMETERS, body)
    return name


def _open_unit(unit: _Unit) -> list[str]:
    return [f"o = p; p += {unit.size}", "if p > end: raise NeedsRoom(p)"]


def _write(shared: Shared, unit: _Unit) -> str:
    into = shared.constant("into", struct.Struct(unit.format()).pack_into)
    return f"{into}(memory, o, {', '.join(unit.arguments())})"


def _list_packer(shared: Shared, element: Type) -> str:
    """A function that packs a list and returns its length, the address of its slots and the new end."""
    made = shared.made.get(("list", element))
    if made is not None:
        return made
    name = shared.made["list", element] = f"list_{len(shared.made)}"
    if isinstance(element, Primitive) and element.name in BULK:
        lines = _bulk_list(element.name)
    else:
        code = Code(shared)
        unit = _Unit("(q - 32)", code)  # what follows the slot lies at q, not behind the slot
        _, row = unit.row(SLOT)
        _lay(element, "x", unit, row)
        below = unit.size - SLOT
        slot_format = "<" + "".join(fmt for fmt, _ in row)
        slot_into = shared.constant("into", struct.Struct(slot_format).pack_into)
        slot_arguments = [argument for _, arguments in row for argument in arguments]
        loop = [*code.lines, f"{slot_into}(memory, o, {', '.join(slot_arguments)})"]
        if below:
            rest = unit.rows[1:]
            rest_into = shared.constant(
                "into", struct.Struct("<" + "".join(fmt for _, r in rest for fmt, _ in r)).pack_into
            )
            rest_arguments = [argument for _, r in rest for _, arguments in r for argument in arguments]
            loop += [f"{rest_into}(memory, q, {', '.join(rest_arguments)})", f"q += {below}"]
        loop.append(f"o += {SLOT}")
        lines = [
            "n = len(v); a = base + p; o = p",
            f"q = p + {SLOT} * n",
            f"p = q + {below} * n",
            "if p > end: raise NeedsRoom(p)",
            "for x in v:",
            *("    " + line for line in loop),
            f"if a + {SLOT} * n != base + o: raise ValueError('the list changed its length while it was read')",
            "return n, a, p, text",
        ]
    shared.define(name, _PARAMETERS, lines)
    return name


def _bulk_list(name: str) -> list[str]:
    number, letter, width = SCALARS[name]
    lines = [
        "n = len(v)" if name != "u8" else "v = memoryview(v).cast('B'); n = len(v)",
        f"o = p; p += {SLOT} * n",
        "if p > end: raise NeedsRoom(p)",
        "if n:",
        f"    memory[o:p] = bytes({SLOT} * n)",
        f"    memory[o:p:{SLOT}] = bytes(({number},)) * n",
    ]
    if name == "u8":
        lines.append(f"    memory[o + 8:p:{SLOT}] = v")
    else:
        # An array would take the bytes of a buffer for numbers, and a number too large for an f32 for infinity.
        lines.insert(0, "if isinstance(v, (bytes, bytearray)): raise TypeError('a list of numbers is needed')")
        numbers = "array('f', struct_pack('<%df' % n, *v))" if name == "f32" else f"array({letter!r}, v)"
        lines += [f"    memory[o:p].cast({letter!r})[{8 // width}::{SLOT // width}] = memoryview({numbers})"]
    lines.append("return n, base + o, p, text")
    return lines


def _flags_packer(shared: Shared, names: tuple[str, ...]) -> str:
    made = shared.made.get(("flags", names))
    if made is not None:
        return made
    name = shared.made["flags", names] = f"flags_{len(shared.made)}"
    table = shared.constant("flags", shared.names.table(names))
    into = shared.constant("into", struct.Struct("<QQ").pack_into)
    shared.define(
        name,
        _PARAMETERS,
        [
            "if isinstance(v, str): raise TypeError('flags are passed as a set of names')",
            "v = frozenset(v)",
            f"for x in v:\n        if x not in {table}: raise ValueError(f'{{x!r}} is not one of {', '.join(names)}')",
            f"found = [place for x, place in {table}.items() if x in v]",
            f"o = p; p += {NAME} * len(found)",
            "if p > end: raise NeedsRoom(p)",
            f"for i, place in enumerate(found): {into}(memory, o + {NAME} * i, place[0], place[1])",
            "return len(found), base + o, p, text",
        ],
    )
    return name


@lru_cache(maxsize=1024)
def row_packer(kinds: tuple[Type, ...]) -> Callable[..., tuple[int, int, int]]:
    """The function that packs a row. It holds no state, so all plugins share those of the contract's types."""
    shared = Shared()
    code = Code(shared)
    unit = _Unit("o", code)
    _, row = unit.row(SLOT * len(kinds))
    for index, kind in enumerate(kinds):
        _lay(kind, f"v[{index}]", unit, row)
    if kinds:
        body = [*_open_unit(unit), *code.lines, _write(shared, unit), "return base + o, p, text"]
    else:
        body = ["return base, p, text"]
    shared.define("pack", _PARAMETERS, body)
    made: Callable[..., tuple[int, int, int]] = shared.namespace["pack"]
    return made
