"""A plugin written in WebAssembly text: complete and honest until a body is replaced."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import wasmtime

from zoo.contract import EXPORTS, IMPORTS, TYPES

__all__ = ["HEAP", "Guest", "Image"]

_IMAGE: Final = 1024
HEAP: Final = 65_536
"""Where the values begin that the host passes in; what lies below is the image."""

_VERDICT_WORDS: Final = 7
"""Words of the largest verdict, `drip`."""

_PACKAGE: Final = "wasmpuck:plugin"


class Image:
    """Constants in the first page of a guest's memory."""

    def __init__(self) -> None:
        self._data = bytearray()

    def put(self, data: bytes, align: int = 8) -> int:
        """The address at which `data` will lie."""
        self._data += bytes(-len(self._data) % align)
        place = _IMAGE + len(self._data)
        self._data += data
        if _IMAGE + len(self._data) > HEAP:
            raise ValueError("the image has room for one page only")
        return place

    def words(self, *values: int) -> int:
        """Little-endian 32-bit words; a negative value is taken as its two's complement."""
        return self.put(struct.pack(f"<{len(values)}I", *(value & 0xFFFFFFFF for value in values)))

    def text(self, value: str) -> tuple[int, int]:
        """Address and size of a string."""
        data = value.encode()
        return self.put(data, 1), len(data)

    def texts(self, values: Sequence[str]) -> tuple[int, int]:
        """Address and length of a list of strings."""
        flat = [word for value in values for word in self.text(value)]
        return self.words(*flat), len(values)

    def pairs(self, values: Sequence[tuple[str, str]]) -> tuple[int, int]:
        """Address and length of a list of pairs of strings, such as headers."""
        return self.texts([text for pair in values for text in pair])[0], len(values)

    def segment(self) -> str:
        """The data segment."""
        return f'(data (i32.const {_IMAGE}) "{"".join(f"{chr(92)}{byte:02x}" for byte in self._data)}")'


@dataclass(slots=True)
class Guest:
    """A component of the contract's worlds `lifecycle` and `middleware`.

    Attributes:
        name, version: what `describe` says.
        imports: interfaces of `contract.IMPORTS`; their functions are core functions called `$log.write` and so on.
        metrics: declarations as (name, kind's number, label names).
        bodies: WebAssembly text that replaces an export's body, by `interface.function`. Its parameters are named as
            in `contract.EXPORTS`; what it leaves on the stack is the address of its result in memory.
        after: the same for what runs after an export has returned (the canonical ABI's `post-return`).
        extra: more fields of the core module, such as functions, tables, globals and a start function.
        core_imports: more imports of the core module.
        component: more fields of the component, behind everything else.
        foreign: more imports of the component.
        libc: more fields of the module that has the memory and the allocator.
        builtins: canonical functions besides the imports, as name: (component text, core type); called `$name`.
        realloc: the body of the allocator; its parameters are `$old $size-old $align $size`.
        memory: the memory's initial pages.
        wants_query, wants_body, wants_response, paths: the scope.
        tasks: whether `task-handler` is exported.
        lifted: component types that replace an export's own, by `interface.function`, with the core type.
        absent: exports that are left out.
    """

    name: str
    version: str = "1.0.0"
    imports: Sequence[str] = ()
    metrics: Sequence[tuple[str, int, Sequence[str]]] = ()
    bodies: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    extra: str = ""
    core_imports: str = ""
    component: str = ""
    foreign: str = ""
    libc: str = ""
    builtins: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    realloc: str = ""
    memory: int = 2
    wants_query: bool = False
    wants_body: bool = False
    wants_response: bool = False
    paths: Sequence[str] = ()
    tasks: bool = False
    lifted: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    absent: Sequence[str] = ()
    image: Image = field(default_factory=Image)

    # --- results in memory -------------------------------------------------------------------------------------------

    def info(self, name: str | None = None, version: str | None = None) -> int:
        """`lifecycle.info`."""
        image = self.image
        declarations: list[int] = []
        for metric, kind, labels in self.metrics:
            declarations += [*image.text(metric), kind, *image.text("A metric."), *image.texts(labels), 0, 0]
        return image.words(
            *image.text(name or self.name),
            *image.text(version or self.version),
            *image.text("An inhabitant of the zoo."),
            image.words(*declarations),
            len(self.metrics),
        )

    def failed(self, text: str) -> int:
        """`result<_, failure>`: an error `other(text)`."""
        return self.image.words(1, 2, *self.image.text(text))

    def decision(self, case: int, *payload: int, reuse: tuple[int, int, int] | None = None) -> int:
        """`middleware.decision`: the verdict's case and its words, padded to the longest; `reuse` as in `respond`."""
        padding = (0,) * (_VERDICT_WORDS - len(payload))
        return self.image.words(case, *payload, *padding, *((1, *reuse) if reuse else (0, 0, 0, 0)))

    def next(self, headers: Sequence[tuple[str, str]] = ()) -> int:
        """A decision to go on and add headers."""
        return self.decision(0, *self.image.pairs(headers))

    def respond(
        self,
        status: int,
        headers: Sequence[tuple[str, str]],
        body: str,
        reuse: tuple[int, int, int] | None = None,
    ) -> int:
        """A decision to answer at once; `reuse` is scope, requests, milliseconds."""
        image = self.image
        return self.decision(1, status, *image.pairs(headers), *image.text(body), reuse=reuse)

    def _honest(self) -> dict[str, str]:
        """Bodies of a plugin that does nothing, as `(i32.const ADDRESS)` of a constant result."""
        image = self.image
        fine = f"(i32.const {image.words(0, 0, 0, 0)})"
        wants = self.wants_query | self.wants_body << 8 | self.wants_response << 16
        scope = image.words(0, *image.texts(self.paths), 0, 0, wants)
        return {
            "lifecycle.describe": f"(i32.const {self.info()})",
            "lifecycle.validate-config": fine,
            "lifecycle.init": fine,
            "lifecycle.start": fine,
            "lifecycle.health": fine,
            "lifecycle.self-test": fine,
            "lifecycle.shutdown": "",
            "middleware.describe-scope": f"(i32.const {scope})",
            "middleware.on-request": f"(i32.const {self.next()})",
            "middleware.on-response": fine,
            "task-handler.run": fine,
        }

    # --- text --------------------------------------------------------------------------------------------------------

    @property
    def worlds(self) -> tuple[str, ...]:
        """Exported interfaces."""
        return ("lifecycle", "middleware", "task-handler") if self.tasks else ("lifecycle", "middleware")

    def _functions(self) -> list[tuple[str, str, str, str]]:
        """Exports as (interface, function, core type, component type)."""
        found = []
        for interface in self.worlds:
            for name, function in EXPORTS[interface].items():
                label = f"{interface}.{name}"
                if label not in self.absent:
                    core, lifted = self.lifted.get(label, (function.core, function.lifted))
                    found.append((interface, name, core, lifted))
        return found

    def text(self) -> str:
        """The component."""
        bodies = self._honest() | self.bodies
        imports = "".join(self._import(interface) for interface in self.imports)
        lowered = "".join(self._lower(interface) for interface in self.imports)
        lowered += "".join(text for text, _ in self.builtins.values())
        host = " ".join(
            f'(export "{interface}.{name}" (func ${interface}.{name}))'
            for interface in self.imports
            for name in IMPORTS[interface].functions
        )
        host += " ".join(f'(export "{name}" (func ${name}))' for name in self.builtins)
        core_imports = "".join(
            f'(import "host" "{interface}.{name}" (func ${interface}.{name} {core}))\n'
            for interface in self.imports
            for name, core in IMPORTS[interface].core.items()
        )
        core_imports += "".join(
            f'(import "host" "{name}" (func ${name} {core}))\n' for name, (_, core) in self.builtins.items()
        )
        core_functions = "".join(
            f'(func (export "{interface}.{name}") {core} {bodies[f"{interface}.{name}"]})\n'
            f'(func (export "after {interface}.{name}") {_results(core)} '
            f"{self.after.get(f'{interface}.{name}', '(call $forget)')})\n"
            for interface, name, core, _ in self._functions()
        )
        types = "".join(
            f"(type ${name} {text})\n" for interface in self.worlds for name, text in TYPES[interface].items()
        )
        return f"""
(component
  {self.foreign}
  {imports}
  (core module $libc
    (memory (export "memory") {self.memory})
    (global $heap (export "heap") (mut i32) (i32.const {HEAP}))
    (func (export "realloc")
      (param $old i32) (param $size-old i32) (param $align i32) (param $size i32) (result i32)
      {self.realloc or _BUMP})
    {self.libc}
    {self.image.segment()}
  )
  (core instance $libc (instantiate $libc))
  {lowered}
  (core module $plugin
    (import "libc" "memory" (memory $memory 0))
    (import "libc" "heap" (global $heap (mut i32)))
    {core_imports}
    {self.core_imports}
    (func $forget (global.set $heap (i32.const {HEAP})))
    {core_functions}
    {self.extra}
  )
  (core instance $plugin (instantiate $plugin
    (with "libc" (instance $libc))
    (with "host" (instance {host}))))
  {types}
  {self._lift()}
  {"".join(self._export(interface) for interface in self.worlds)}
  {self.component}
)
"""

    def binary(self) -> bytes:
        """The component's bytes; raises `wasmtime.WasmtimeError` when the text is wrong."""
        return bytes(wasmtime.wat2wasm(self.text()))

    @staticmethod
    def _import(interface: str) -> str:
        wanted = IMPORTS[interface]
        functions = "".join(f'(export "{name}" (func {kind}))\n' for name, kind in wanted.functions.items())
        return f'(import "{_PACKAGE}/{interface}@0.1.0" (instance ${interface} {wanted.types} {functions}))\n'

    @staticmethod
    def _lower(interface: str) -> str:
        return "".join(
            f'(core func ${interface}.{name} (canon lower (func ${interface} "{name}") '
            '(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))\n'
            for name in IMPORTS[interface].functions
        )

    def _lift(self) -> str:
        return "".join(
            f"(func ${interface}.{name} {lifted} "
            f'(canon lift (core func $plugin "{interface}.{name}") (memory (core memory $libc "memory")) '
            f'(realloc (core func $libc "realloc")) (post-return (core func $plugin "after {interface}.{name}"))))\n'
            for interface, name, _, lifted in self._functions()
        )

    def _export(self, interface: str) -> str:
        functions = "".join(
            f'(export "{name}" (func ${interface}.{name}))\n'
            for owner, name, _, _ in self._functions()
            if owner == interface
        )
        types = "".join(f'(export "{name}" (type ${name}))\n' for name in TYPES[interface])
        return (
            f"(instance $exported-{interface} {types} {functions})\n"
            f'(export "{_PACKAGE}/{interface}@0.1.0" (instance $exported-{interface}))\n'
        )


def _results(core: str) -> str:
    """The results of a core type, as the parameters of what runs after it."""
    return f"(param {core.rpartition('(result ')[2].rstrip(')')})" if "(result " in core else ""


_BUMP: Final = """
      (local $place i32)
      (local.set $place (i32.and
        (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
      (global.set $heap (i32.add (local.get $place) (local.get $size)))
      (block $fits
        (br_if $fits (i32.le_u (global.get $heap) (i32.shl (memory.size) (i32.const 16))))
        (br_if $fits (i32.ne (i32.const -1) (memory.grow
          (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16))))))
        (unreachable))
      (local.get $place)"""
"""Hands out the heap in one direction; `$forget` begins anew."""
