"""A look at a component's binary before the compiler sees it: is it of a size that plugins have?

Theory of operation. What a compiler spends is not in proportion to the bytes that it reads: 500 kB of nested `if`
cost a minute, 999,000 empty functions cost 6 GB, a kilobyte of loops that hand 100 values around costs gigabytes.
All such inputs have something in them that no toolchain writes: too many functions, a function with too much code, too
many locals, or too many nested blocks. So the sections of the component, of the components inside it and of their core
modules are walked (component model, Binary.md; WebAssembly core, "Binary Format"), counts are compared with limits,
and of each function body only the header is read. A body is decoded instruction by instruction only when it has so
many bytes `0x0b` (`end`) that it could nest too deeply or loop too often: each block has one, so their number bounds
both, and counting bytes is fast. None of CPython's 13,500 functions needs it: its 18 MB take 30 ms.

The walk never decides whether a component is valid: that is the compiler's. It refuses what exceeds a limit, and what
it cannot read far enough to tell. What passes still costs the compiler different amounts; those end at
`CompileLimits`.
"""

from __future__ import annotations

from typing import Final

from wasmpuck.errors import ArtifactRefused
from wasmpuck.runtime.binary import Reader, damaged, too_large
from wasmpuck.runtime.instructions import Blocks, NotUnderstood, blocks
from wasmpuck.runtime.proportions import Screened, ScreeningLimits

__all__ = ["screen"]

_USUAL: Final = ScreeningLimits()
_PAGE: Final = 65_536
_COMPONENT: Final = b"\0asm\x0d\0\x01\0"
_MODULE: Final = b"\0asm\x01\0\0\0"
#: Value types (core, "Types"): i32, i64, f32, f64, v128, funcref, externref. The engine's settings allow no other.
_VALUE_TYPES: Final = bytes((0x7F, 0x7E, 0x7D, 0x7C, 0x7B, 0x70, 0x6F))


def screen(data: bytes, limits: ScreeningLimits = _USUAL) -> Screened:
    """Walks a component. Takes time in proportion to the bytes of its sections' headers, about 30 ms for 18 MB.

    Raises:
        ArtifactRefused: `TOO_LARGE` beyond a limit, `COMPILE_FAILED` when the binary is damaged or not a component;
            the message names the place and the limit.
    """
    if len(data) > limits.size:
        raise too_large(f"the component has {len(data):,} bytes; at most {limits.size:,} are compiled")
    if data[:8] != _COMPONENT:
        raise damaged("it does not begin as a component does")
    return _Walk(bytes(data), limits).run()


class _Walk(Reader):
    def __init__(self, data: bytes, limits: ScreeningLimits) -> None:
        super().__init__(data)
        self.limits = limits
        self.found = Screened()

    def run(self) -> Screened:
        # Where components are inside components, the outer one goes on where the inner one ends.
        ends = [len(self.data)]
        position = 8
        while ends:
            if position == ends[-1]:
                ends.pop()
                continue
            kind, position, end = self.section(position, ends[-1])
            if kind == 1:
                self._open(position, end, _MODULE, "core module")
                self.found.modules += 1
                self._module(position + 8, end)
            elif kind == 4:
                self._open(position, end, _COMPONENT, "component")
                self.found.components += 1
                ends.append(end)
                if len(ends) - 1 > self.limits.depth:
                    raise too_large(f"components are nested more than {self.limits.depth} deep at byte {position:,}")
                position += 8
                continue
            elif kind not in (0, 9):  # custom, and the start definition: neither begins with a count
                self._entries(self.number(position, end)[0], position)
            position = end
        return self.found

    # --- pieces --------------------------------------------------------------------------------

    def section(self, position: int, end: int) -> tuple[int, int, int]:
        """Counts the section, too."""
        self.found.sections += 1
        if self.found.sections > self.limits.sections:
            raise too_large(f"the component has more than {self.limits.sections:,} sections")
        return super().section(position, end)

    def _open(self, position: int, end: int, header: bytes, what: str) -> None:
        if self.found.modules + self.found.components >= self.limits.parts:
            raise too_large(f"the component holds more than {self.limits.parts} modules and components")
        if end - position < 8 or self.data[position : position + 8] != header:
            raise damaged(f"the {what} at byte {position:,} does not begin as one does")

    def _entries(self, count: int, position: int) -> None:
        self.found.entries += count
        if self.found.entries > self.limits.entries:
            raise too_large(f"more than {self.limits.entries:,} definitions: {count:,} more at byte {position:,}")

    # --- core modules ----------------------------------------------------------------------------

    def _module(self, position: int, end: int) -> None:
        widest = 0
        while position < end:
            kind, start, stop = self.section(position, end)
            if kind:
                count, inside = self.number(start, stop)
                match kind:
                    case 1:
                        self._entries(count, start)
                        widest = max(widest, self._types(count, inside, stop))
                    case 3:
                        pass  # as many as there are bodies
                    case 4:
                        self._tables(count, inside, stop)
                    case 5:
                        self._memories(count, inside, stop)
                    case 8:
                        pass  # the start function's index
                    case 10:
                        self._code(count, inside, stop, widest)
                    case 12:
                        pass  # the number of data segments, said once more
                    case _:
                        self._entries(count, start)
            position = stop

    @property
    def _where(self) -> str:
        return f"core module {self.found.modules}"

    def _types(self, count: int, position: int, end: int) -> int:
        """The most parameters and results that one of the types has."""
        data, limits, widest = self.data, self.limits, 0
        for index in range(count):
            if position >= end or data[position] != 0x60:
                if position >= end:
                    raise damaged(f"the types of {self._where} are cut off")
                raise self._unusual(f"type {index:,}")
            parameters, start = self.number(position + 1, end)
            results, middle = self.number(start + parameters, end)
            position = middle + results
            if position > end:
                raise damaged(f"the types of {self._where} are cut off")
            if parameters > limits.parameters or results > limits.results:
                raise too_large(
                    f"type {index:,} of {self._where} has {parameters:,} parameters and {results:,} results; at most "
                    f"{limits.parameters} and {limits.results} are compiled"
                )
            if data[start : start + parameters].translate(None, _VALUE_TYPES) or data[middle:position].translate(
                None, _VALUE_TYPES
            ):
                raise self._unusual(f"type {index:,}")
            widest = max(widest, parameters + results)
        return widest

    def _unusual(self, what: str) -> ArtifactRefused:
        return damaged(
            f"{what} of {self._where} is of a kind that plugins do not use",
            hint="build without garbage-collected and typed references, 64-bit and shared memories",
        )

    def _minimum(self, what: str, position: int, end: int) -> tuple[int, int]:
        """The least size in limits (core, "Limits"), and the position behind them."""
        if position >= end:
            raise damaged(f"{what} of {self._where} is cut off")
        flags = self.data[position]
        if flags > 1:
            raise self._unusual(what)
        least, position = self.number(position + 1, end)
        if flags:
            _, position = self.number(position, end)
        return least, position

    def _tables(self, count: int, position: int, end: int) -> None:
        limits = self.limits
        self.found.tables += count
        if self.found.tables > limits.tables:
            raise too_large(f"more than {limits.tables} tables, in {self._where}")
        for index in range(count):
            if position < end and self.data[position] not in _VALUE_TYPES:
                raise self._unusual(f"table {index}")
            least, position = self._minimum(f"table {index}", position + 1, end)
            if least > limits.table_elements:
                raise too_large(
                    f"table {index} of {self._where} begins with {least:,} elements; at most "
                    f"{limits.table_elements:,} are allowed"
                )

    def _memories(self, count: int, position: int, end: int) -> None:
        limits = self.limits
        self.found.memories += count
        if self.found.memories > limits.memories:
            raise too_large(f"more than {limits.memories} memories, in {self._where}")
        for index in range(count):
            pages, position = self._minimum(f"memory {index}", position, end)
            if pages * _PAGE > limits.memory:
                raise too_large(
                    f"memory {index} of {self._where} begins with {pages * _PAGE >> 20:,} MiB; at most "
                    f"{limits.memory >> 20:,} are allowed"
                )

    def _code(self, count: int, position: int, end: int, widest: int) -> None:
        """Reads the header of each body. This loop is what the walk spends its time in."""
        data, limits, found = self.data, self.limits, self.found
        found.functions += count
        found.code += end - position
        if found.functions > limits.functions:
            raise too_large(
                f"more than {limits.functions:,} functions: {count:,} in {self._where}",
                hint="let the linker remove what is not used",
            )
        for index in range(count):
            size, start = self.number(position, end)
            position = start + size
            if position > end:
                raise damaged(f"body {index:,} of {self._where} is cut off")
            if size > limits.body:
                raise too_large(
                    f"body {index:,} of {self._where} has {size:,} bytes; at most {limits.body:,} are compiled"
                )
            groups, inside = self.number(start, position)
            found.local_groups += groups
            if found.local_groups > limits.local_groups:
                raise too_large(f"more than {limits.local_groups:,} groups of locals, up to body {index:,}")
            variables = 0
            for _ in range(groups):
                many, inside = self.number(inside, position)
                variables += many
                inside += 1  # the type
            if variables > limits.local_variables or (variables + widest) * size > limits.local_bytes:
                raise too_large(
                    f"body {index:,} of {self._where} has {variables:,} locals and {size:,} bytes; at most "
                    f"{limits.local_variables:,} locals are compiled, and {limits.local_bytes:,} locals times bytes"
                )
            if size > 2 * limits.nesting and data.count(b"\x0b", inside, position) > min(limits.nesting, limits.loops):
                self._decode(index, inside, position)

    def _decode(self, index: int, start: int, end: int) -> None:
        limits, found = self.limits, self.found
        where = f"body {index:,} of {self._where}"
        found.decoded += end - start
        if found.decoded > limits.decoded:
            raise too_large(f"more than {limits.decoded:,} bytes of code have unusually many blocks, up to {where}")
        most = Blocks(limits.nesting, limits.blocks, limits.loops)
        try:
            has = blocks(self.data, start, end, most)
        except NotUnderstood as error:
            raise damaged(f"{where}: {error}") from None
        found.decoded += 32 * has.blocks
        for what, count, limit in zip(
            ("nested blocks", "blocks", "loops"),
            (has.nesting, has.blocks, has.loops),
            (most.nesting, most.blocks, most.loops),
            strict=True,
        ):
            if count > limit:
                raise too_large(f"{where} has more than {limit:,} {what}", hint="split the function")
