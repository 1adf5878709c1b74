"""Takes out of a component what componentize-qjs lets it import besides the contract: WASI, and the tool's own loader.

The tool's own `--stub-wasi` composes the component with a second one whose functions trap. Between the two run
adapters over two memories, and a plugin has one. So the component is built without that option, and here each
foreign function that its core modules import becomes a function of the component's first core module (the "shim" of
wit-component, which has no imports) that traps.

Nothing is renumbered: whatever goes leaves something of its kind in its place. An imported instance becomes an empty
one, its type an empty type, an alias of a resource a plain type, an alias of a function another alias, and a lowered
function an alias of a function in the shim. (Component model, Binary.md; WebAssembly core, "Binary Format".)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .binary import Reader, extended, imported, named, section, sections, vector
from .errors import ToolchainError

__all__ = ["without_foreign"]

_COMPONENT = b"\0asm\x0d\0\x01\0"
_CUSTOM, _MODULE, _CORE_INSTANCE, _CORE_TYPE, _NESTED, _INSTANCE, _ALIAS, _TYPE, _CANON, _START, _IMPORT, _EXPORT = (
    range(12)
)
_EMPTY_INSTANCE_TYPE = b"\x42\0"
_EMPTY_INSTANCE = b"\x01\0"
_BOOL = b"\x7f"


@dataclass
class _Lowered:
    """A core function that stands for a foreign one: `entry` of `section`."""

    section: int
    entry: int
    drop: bool


class _Component:
    """The definitions of a component that has no components around it, as far as imports are concerned."""

    KEPT = b"wasmpuck:plugin/"

    def __init__(self, data: bytes) -> None:
        self.sections = list(sections(data))
        self.modules: list[bytes] = []
        self.core_functions = 0
        self.core_instances: list[tuple[int, dict[bytes, int]] | dict[bytes, int]] = []
        self.instances: list[bool] = []  # whether it is foreign
        self.functions: list[bool] = []
        self.types: list[bool] = []
        self.type_places: list[tuple[int, int]] = []
        self.lowered: dict[int, _Lowered] = {}
        self.replaced: dict[tuple[int, int], tuple[int, bytes]] = {}  # place to section's kind and entry
        self.spare: bytes | None = None  # an alias of a function that is not foreign
        self.entries: dict[int, list[bytes]] = {}
        for index, (kind, body) in enumerate(self.sections):
            if kind == _MODULE:
                self.modules.append(body)
            elif kind in self._READERS:
                self._read(index, kind, body)

    def _read(self, index: int, kind: int, body: bytes) -> None:
        reader = Reader(body)
        count = reader.number()
        if kind in (_TYPE, _INSTANCE) and count != 1:
            # Several of them are left as they are, and where each begins is not looked for.
            (self.types if kind == _TYPE else self.instances).extend([False] * count)
            self.type_places.extend([(index, -1)] * (count if kind == _TYPE else 0))
            return
        entries: list[bytes] = []
        for entry in range(count):
            start = reader.at
            self._READERS[kind](self, reader, (index, entry))
            entries.append(reader.since(start))
        self.entries[index] = entries

    def _type(self, reader: Reader, place: tuple[int, int]) -> None:
        reader.at = len(reader.data)
        self.types.append(False)
        self.type_places.append(place)

    def _instance(self, reader: Reader, place: tuple[int, int]) -> None:
        reader.at = len(reader.data)
        self.instances.append(False)

    def _export(self, reader: Reader, place: tuple[int, int]) -> None:
        """An export adds to the index space of its sort."""
        reader.byte()
        reader.name()
        sort = reader.byte()
        reader.number()
        if reader.byte():  # a type is given
            kind = reader.byte()
            if kind not in (1, 4, 5):  # a function, a component, an instance: the index of a type follows
                raise ToolchainError("the component exports something with a type of a kind that is not known here")
            reader.number()
        {1: self.functions, 3: self.types, 5: self.instances}[sort].append(False)
        if sort == 3:
            self.type_places.append((place[0], -1))

    def _import(self, reader: Reader, place: tuple[int, int]) -> None:
        reader.byte()
        name = reader.name()
        sort = reader.byte()
        if sort != 5:
            raise ToolchainError(f"{name.decode()} is imported, and is no interface")
        kind = reader.number()
        foreign = not name.startswith(self.KEPT)
        self.instances.append(foreign)
        if foreign:
            section, entry = self.type_places[kind]
            if entry < 0:
                raise ToolchainError(f"the type of {name.decode()} is not where it is looked for")
            self.replaced[section, entry] = (_TYPE, _EMPTY_INSTANCE_TYPE)
            self.replaced[place] = (_INSTANCE, _EMPTY_INSTANCE)

    def _alias(self, reader: Reader, place: tuple[int, int]) -> None:
        start = reader.at
        sort = reader.byte()
        core = reader.byte() if sort == 0 else None
        target = reader.byte()
        if target == 2:
            reader.number()
            reader.number()
            if sort == 3:
                self.types.append(False)
                self.type_places.append((place[0], -1))
            return
        owner = reader.number()
        reader.name()
        if target == 1:
            self.core_functions += core == 0
            return
        foreign = self.instances[owner]
        {1: self.functions, 3: self.types, 5: self.instances}[sort].append(foreign)
        if sort == 3:
            self.type_places.append((place[0], -1))
            if foreign:
                self.replaced[place] = (_TYPE, _BOOL)
        elif sort == 1:
            if not foreign:
                self.spare = self.spare or reader.since(start)
            else:
                self.replaced[place] = (_ALIAS, b"")  # the spare one is known at the end

    def _canon(self, reader: Reader, place: tuple[int, int]) -> None:
        kind = reader.byte()
        if kind == 0:  # lift
            reader.byte()
            reader.number()
            self._options(reader)
            reader.number()
            self.functions.append(False)
            return
        if kind == 1:  # lower
            reader.byte()
            foreign = self.functions[reader.number()]
            self._options(reader)
        elif kind in (2, 3, 4):  # resource.new, .drop, .rep
            foreign = self.types[reader.number()]
        else:
            raise ToolchainError(f"the component has a built-in function of kind {kind}, which is not known here")
        if foreign:
            self.lowered[self.core_functions] = _Lowered(*place, kind == 3)
        self.core_functions += 1

    @staticmethod
    def _options(reader: Reader) -> None:
        for _ in range(reader.number()):
            if reader.byte() in (3, 4, 5, 7):  # memory, realloc, post-return, callback
                reader.number()

    def _core_instance(self, reader: Reader, place: tuple[int, int]) -> None:
        if reader.byte() == 0:
            module = reader.number()
            given: dict[bytes, int] = {}
            for _ in range(reader.number()):
                name = reader.name()
                reader.byte()
                given[name] = reader.number()
            self.core_instances.append((module, given))
            return
        exported: dict[bytes, int] = {}
        for _ in range(reader.number()):
            name = reader.name()
            if reader.byte() == 0:
                exported[name] = reader.number()
            else:
                reader.number()
        self.core_instances.append(exported)

    _READERS: ClassVar = {
        _CORE_INSTANCE: _core_instance,
        _INSTANCE: _instance,
        _ALIAS: _alias,
        _TYPE: _type,
        _CANON: _canon,
        _IMPORT: _import,
        _EXPORT: _export,
    }

    def signatures(self) -> dict[int, bytes]:
        """The type of each core function that stands for a foreign one, from whoever imports it."""
        found = {number: b"\x60\x01\x7f\0" for number, lowered in self.lowered.items() if lowered.drop}
        for instance in self.core_instances:
            if isinstance(instance, dict):
                continue
            module, given = instance
            wanted = imported(self.modules[module])
            for namespace, number in given.items():
                names = self.core_instances[number]
                if isinstance(names, dict):
                    for name, function in names.items():
                        if function in self.lowered:
                            found[function] = wanted.get((namespace, name), found.get(function, b""))
        return found

    def rebuilt(self) -> bytes:
        """The component without them."""
        first = self.core_instances[0]
        if isinstance(first, dict) or first[1]:
            message = "the first core instance is not the shim: componentize-qjs links differently than it did"
            raise ToolchainError(message)
        signatures = self.signatures()
        # What nobody imports has no type; any function will do in its place.
        added = [(b"foreign-%d" % number, signatures[number]) for number in self.lowered if signatures.get(number)]
        known = {name for name, _ in added}
        for number, lowered in self.lowered.items():
            name = b"foreign-%d" % number
            target = name if name in known else added[0][0]
            self.replaced[lowered.section, lowered.entry] = (_ALIAS, b"\0\0\x01\0" + named(target))
        out = [_COMPONENT]
        seen = 0
        for index, (kind, body) in enumerate(self.sections):
            if kind == _MODULE:
                body = extended(body, added) if seen == first[0] else body
                seen += 1
            if kind == _CUSTOM and Reader(body).name() == b"component-name":
                continue  # names by numbers that mean something else now
            if index not in self.entries or not any(place == index for place, _ in self.replaced):
                out.append(section(kind, body))
                continue
            for entry, content in enumerate(self.entries[index]):
                new, replacement = self.replaced.get((index, entry), (kind, content))
                if not replacement:
                    if self.spare is None:
                        raise ToolchainError("the component imports nothing of the contract")
                    replacement = self.spare
                out.append(section(new, vector([replacement])))
        return b"".join(out)


def without_foreign(component: bytes) -> bytes:
    """The component with no imports but the contract's; the functions of the others trap.

    Raises `ToolchainError` for a component of an unexpected form.
    """
    if component[:8] != _COMPONENT:
        raise ToolchainError("what componentize-qjs wrote is no component")
    # What wraps the component proper in others only brings versions of WASI together, or traps.
    while not any(kind == _MODULE for kind, _ in sections(component)):
        nested = [body for kind, body in sections(component) if kind == _NESTED]
        if not nested:
            raise ToolchainError("what componentize-qjs wrote holds no core module")
        component = max(nested, key=len)
    return _Component(component).rebuilt()
