"""The sections of a component binary: a strict walk over bytes that nobody has vouched for yet.

A component is the 8-byte preamble `\\0asm 0d 00 01 00` and a sequence of sections, each `id:byte size:u32(LEB128)
payload` (component model, Binary.md, "Component Definitions"). A custom section has id 0 and a payload
`name:string content`. Nothing here looks into the other sections: that is the engine's work. Only the LEB128
numbers of sections that this package writes have to be canonical; linkers pad theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import NotAComponent, TooLarge, Unreadable

__all__ = [
    "COMPONENT_HEADER",
    "MAX_SECTIONS",
    "Section",
    "append_custom",
    "check_header",
    "custom_section",
    "custom_sections",
    "decode_u32",
    "encode_u32",
    "sections",
    "without_custom",
]

COMPONENT_HEADER = b"\0asm\x0d\x00\x01\x00"
"""Magic, version 13 and layer 1: the only preamble that is accepted."""

MAX_SECTIONS = 16_384
"""The most top-level sections that are walked; bounds time and memory spent on unverified bytes."""

_CORE_MODULE_HEADER = b"\0asm\x01\x00\x00\x00"
_LAST_SECTION_ID = 12  # value section; Binary.md lists 0 to 12
_SECTION_NAMES = (
    *("custom", "core-module", "core-instance", "core-type", "component", "instance", "alias"),  # 0 to 6
    *("type", "canonical", "start", "import", "export", "value"),  # 7 to 12
)
_BUILD_HINT = "Build it as a component (wasm-component-ld, componentize-py or `wasm-tools component new`)."
_COPY_HINT = "The file is damaged: copy or build it again."


@dataclass(frozen=True, slots=True)
class Section:
    """One top-level section as offsets into the file: `data[start:end]` is all of it, `data[content:end]` what it
    holds.

    `id` is 0 to 12; `name` is a custom section's name and empty for the others.
    """

    id: int
    name: str
    start: int
    content: int
    end: int

    @property
    def kind(self) -> str:
        """The section's kind in words, such as `custom` or `core-module`."""
        return _SECTION_NAMES[self.id]

    @property
    def size(self) -> int:
        """The length of the whole section in bytes, its own header included."""
        return self.end - self.start


def encode_u32(value: int) -> bytes:
    """`value` (0 to 2^32 - 1) as the shortest unsigned LEB128. Raises `ValueError` outside of that range."""
    if not 0 <= value < 1 << 32:
        raise ValueError(f"{value} does not fit in 32 bits")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_u32(data: bytes, position: int, end: int, *, canonical: bool = False) -> tuple[int, int]:
    """The unsigned LEB128 number at `position` and the position behind it.

    Raises `Unreadable` when it runs past `end`, exceeds 32 bits or 5 bytes, or (if `canonical`) is not the shortest
    form.
    """
    value = 0
    for index in range(5):
        if position + index >= end:
            raise Unreadable(f"the file is truncated: a number at byte {position} is cut off", _COPY_HINT)
        byte = data[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if value >= 1 << 32:
                break
            if canonical and index and byte == 0:
                raise Unreadable(f"the number at byte {position} is not in its shortest form", _COPY_HINT)
            return value, position + index + 1
    raise Unreadable(f"the number at byte {position} is longer than 32 bits", _COPY_HINT)


def check_header(data: bytes) -> None:
    """Raises `NotAComponent`, or `Unreadable` for a cut preamble, unless `data` begins as a component does."""
    head = data[:8]
    if head == COMPONENT_HEADER:
        return
    if not data:
        raise NotAComponent("the file is empty", "Build or copy it again.")
    if len(head) < 8 and (COMPONENT_HEADER.startswith(head) or _CORE_MODULE_HEADER.startswith(head)):
        raise Unreadable(f"the file is truncated: it ends after {len(head)} bytes, inside the header", _COPY_HINT)
    if head == _CORE_MODULE_HEADER:
        raise NotAComponent("this is a core WebAssembly module, not a component", _BUILD_HINT)
    if head.startswith(b"\0asm"):
        raise NotAComponent(
            f"this is WebAssembly of an unknown version or layer (header {head.hex(' ')})",
            f"A component begins with {COMPONENT_HEADER.hex(' ')}. {_BUILD_HINT}",
        )
    if _looks_like_text(data[:512]):
        raise NotAComponent("this is a text file, not a WebAssembly component", _BUILD_HINT)
    raise NotAComponent("this is not WebAssembly: the file does not begin with \\0asm", _BUILD_HINT)


def _looks_like_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as problem:
        if problem.end < len(head) or problem.start < len(head) - 3:
            return False
        text = head[: problem.start].decode()
    return all(char.isprintable() or char in "\t\r\n\f" for char in text)


def sections(data: bytes) -> list[Section]:
    """Every top-level section in file order; together they cover all bytes after the preamble.

    Raises `NotAComponent` (wrong preamble), `TooLarge` (more than `MAX_SECTIONS`) or `Unreadable` (a section that runs
    past the end, a bad number, an unknown id, a custom section's name that is not UTF-8).
    """
    check_header(data)
    found: list[Section] = []
    position = len(COMPONENT_HEADER)
    while position < len(data):
        if len(found) == MAX_SECTIONS:
            raise TooLarge(f"the file has more than {MAX_SECTIONS} sections", "Build it with fewer sections.")
        section = _section(data, position)
        found.append(section)
        position = section.end
    return found


def _section(data: bytes, start: int) -> Section:
    identifier = data[start]
    if identifier > _LAST_SECTION_ID:
        raise Unreadable(f"the section at byte {start} has the unknown id {identifier}", _COPY_HINT)
    size, content = decode_u32(data, start + 1, len(data))
    end = content + size
    if end > len(data):
        missing = end - len(data)
        raise Unreadable(f"the file is truncated: the section at byte {start} lacks {missing} bytes", _COPY_HINT)
    if identifier:
        return Section(identifier, "", start, content, end)
    length, content = decode_u32(data, content, end)
    if content + length > end:
        raise Unreadable(f"the name of the custom section at byte {start} runs past its end", _COPY_HINT)
    try:
        name = data[content : content + length].decode()
    except UnicodeDecodeError:
        raise Unreadable(f"the name of the custom section at byte {start} is not UTF-8", _COPY_HINT) from None
    return Section(0, name, start, content + length, end)


def custom_section(name: str, content: bytes) -> bytes:
    """A custom section, its numbers in shortest form. Raises `TooLarge` when its size does not fit in 32 bits."""
    label = name.encode()
    payload = encode_u32(len(label)) + label + content
    if len(payload) >= 1 << 32:
        raise TooLarge(f"the section {name} does not fit in 4 GiB")
    return b"\0" + encode_u32(len(payload)) + payload


def custom_sections(data: bytes, name: str) -> list[bytes]:
    """What each top-level custom section called `name` holds, in file order. Raises as `sections` does."""
    return [data[one.content : one.end] for one in sections(data) if one.id == 0 and one.name == name]


def append_custom(data: bytes, name: str, content: bytes) -> bytes:
    """`data` with one custom section more at its end. Raises `NotAComponent` as `check_header` does."""
    check_header(data)
    return data + custom_section(name, content)


def without_custom(data: bytes, *names: str) -> bytes:
    """`data` without the top-level custom sections of these names; every other byte is kept.

    Raises as `sections` does.
    """
    kept = [data[one.start : one.end] for one in sections(data) if one.id or one.name not in names]
    return COMPONENT_HEADER + b"".join(kept)
