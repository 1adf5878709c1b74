"""WebAssembly's binary form as far as `stubs` reads and writes it: sections, and the functions of core modules."""

from __future__ import annotations

from collections.abc import Iterator

from .errors import ToolchainError

__all__ = ["Reader", "extended", "imported", "named", "section", "sections", "vector"]

UNREACHABLE = b"\x03\0\0\x0b"  # a body of three bytes: no locals, unreachable, end


def leb(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def named(text: bytes) -> bytes:
    return leb(len(text)) + text


class Reader:
    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        result = shift = 0
        while True:
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return result

    def name(self) -> bytes:
        size = self.number()
        self.at += size
        return self.data[self.at - size : self.at]

    def since(self, start: int) -> bytes:
        return self.data[start : self.at]


def sections(data: bytes) -> Iterator[tuple[int, bytes]]:
    reader = Reader(data, 8)
    while reader.at < len(data):
        kind = reader.byte()
        yield kind, reader.name()


def section(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + named(body)


def vector(entries: list[bytes]) -> bytes:
    return leb(len(entries)) + b"".join(entries)


def types(module: bytes) -> list[bytes]:
    """The function types, each as its bytes."""
    found: list[bytes] = []
    for kind, body in sections(module):
        if kind == 1:
            reader = Reader(body)
            for _ in range(reader.number()):
                start = reader.at
                if reader.byte() != 0x60:
                    raise ToolchainError("a core module has a type that is no function's")
                reader.name()
                reader.name()
                found.append(reader.since(start))
    return found


def imported(module: bytes) -> dict[tuple[bytes, bytes], bytes]:
    """The imported functions with their types."""
    known = types(module)
    found: dict[tuple[bytes, bytes], bytes] = {}
    for kind, body in sections(module):
        if kind != 2:
            continue
        reader = Reader(body)
        for _ in range(reader.number()):
            name = (reader.name(), reader.name())
            sort = reader.byte()
            if sort == 0:
                found[name] = known[reader.number()]
                continue
            if sort in (1, 3):  # a table's element type, a global's type
                reader.byte()
            if sort == 3:
                reader.byte()
            else:
                limited = reader.byte()
                reader.number()
                if limited & 1:
                    reader.number()
    return found


def extended(module: bytes, added: list[tuple[bytes, bytes]]) -> bytes:
    """The module with these exported functions besides, names and types, all of which trap."""
    known = types(module)
    functions = 0
    for kind, body in sections(module):
        if kind == 2:
            raise ToolchainError("the first core module has imports: componentize-qjs links differently than it did")
        if kind == 3:
            functions = Reader(body).number()
    more = {
        1: [kind for _, kind in added],
        3: [leb(len(known) + index) for index in range(len(added))],
        7: [named(name) + b"\0" + leb(functions + index) for index, (name, _) in enumerate(added)],
        10: [UNREACHABLE] * len(added),
    }
    out = [module[:8]]
    for kind, body in sections(module):
        if kind in more:
            reader = Reader(body)
            count = reader.number()
            body = leb(count + len(added)) + body[reader.at :] + b"".join(more.pop(kind))
        out.append(section(kind, body))
    if more:
        raise ToolchainError("the first core module lacks a section: componentize-qjs links differently than it did")
    return b"".join(out)
