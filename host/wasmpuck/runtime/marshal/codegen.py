"""What packers and unpackers share: the layout of the C API's values, and functions made from source text."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from ctypes import addressof, c_char, c_ssize_t, c_void_p, py_object, pythonapi
from functools import lru_cache
from types import CodeType
from typing import Any, Final

from wasmpuck.runtime.values import Case, Err, Ok, Some

#: The process's own address space, to read structures where the library has put them: copying them first takes
#: three times as long. What pointers lead to is the library's answer, and is read before the library is called again.
MEMORY: Final = memoryview((c_char * (1 << 48)).from_address(0)).cast("B").toreadonly()

# `ctypes.string_at` without its Python wrapper; for large blocks it is faster than the view.
string_at = pythonapi["PyBytes_FromStringAndSize"]
string_at.restype = py_object
string_at.argtypes = [c_void_p, c_ssize_t]

SLOT: Final = 32
NAME: Final = 16
ENTRY: Final = NAME + SLOT

# Kinds of `wasmtime_component_val_t`, struct code, bytes of the scalar.
SCALARS: Final[dict[str, tuple[int, str, int]]] = {
    "bool": (0, "?", 1),
    "s8": (1, "b", 1),
    "u8": (2, "B", 1),
    "s16": (3, "h", 2),
    "u16": (4, "H", 2),
    "s32": (5, "i", 4),
    "u32": (6, "I", 4),
    "s64": (7, "q", 8),
    "u64": (8, "Q", 8),
    "f32": (9, "f", 4),
    "f64": (10, "d", 8),
    "char": (11, "I", 4),
}
STRING, LIST, RECORD, TUPLE, VARIANT, ENUM, OPTION, RESULT, FLAGS, RESOURCE = range(12, 22)

TWO_WORDS: Final = "B7xQQ8x"  # kind, length, pointer
#: Scalar lists that a typed array can carry, by WIT name.
BULK: Final = {"s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64"}


class BadValue(TypeError):
    """A Python value does not fit the WIT type that it is passed as."""


class NeedsRoom(Exception):
    """The arena is too small; carries the bytes needed."""


class Names:
    """Names (fields, tags, enum cases) at fixed addresses, kept alive as long as the closures that mention them."""

    def __init__(self) -> None:
        self._kept: list[Any] = []

    def place(self, name: str) -> tuple[int, int]:
        data = name.encode()
        buffer = (c_char * max(1, len(data))).from_buffer_copy(data or b"\0")
        self._kept.append(buffer)
        return len(data), addressof(buffer)

    def table(self, names: Sequence[str]) -> dict[str, tuple[int, int]]:
        return {name: self.place(name) for name in names}


def _boolean(value: bool) -> bool:
    if value is not True and value is not False:
        raise TypeError(f"a boolean is needed, not {type(value).__name__}")
    return value


def _character(value: str) -> int:
    if not isinstance(value, str) or len(value) != 1:
        raise TypeError("a character is needed (a string of length 1)")
    code = ord(value)
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError("a surrogate is not a character")
    return code


def _tag(value: Any) -> tuple[str, Any]:
    if type(value) is not Case:
        raise TypeError(f"a variant is passed as Case(tag, value), not {type(value).__name__}")
    return value


class Code:
    """Collects the source of one generated function and the constants that it closes over."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.lines: list[str] = []
        self.count = 0

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def emit(self, line: str) -> None:
        self.lines.append(line)


class Shared:
    """Everything that the functions of one packer or unpacker share: constants, names, functions already made."""

    def __init__(self) -> None:
        self.names = Names()
        self.namespace: dict[str, Any] = {
            "string_at": string_at,
            "memory": MEMORY,
            "NeedsRoom": NeedsRoom,
            "_boolean": _boolean,
            "_character": _character,
            "_tag": _tag,
            "Case": Case,
            "Ok": Ok,
            "Err": Err,
            "Some": Some,
            "array": array,
            "memoryview": memoryview,
            "struct_pack": struct.pack,
        }
        # Generated code mentions the names by address: they live as long as the namespace that it runs in.
        self.namespace["_names"] = self.names
        self.made: dict[tuple[str, Any], str] = {}

    def constant(self, stem: str, value: Any) -> str:
        name = f"{stem}_{len(self.namespace)}"
        self.namespace[name] = value
        return name

    def define(self, name: str, parameters: str, lines: list[str]) -> None:
        source = f"def {name}({parameters}):\n" + "\n".join("    " + line for line in lines) + "\n"
        exec(_compiled(source, name), self.namespace)


@lru_cache(maxsize=4096)
def _compiled(source: str, name: str) -> CodeType:
    """Functions over the same types have the same text, and compiling it is most of what a packer costs."""
    return compile(source, f"<marshal {name}>", "exec")
