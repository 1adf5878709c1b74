"""The WIT language, as far as the contract uses it: from the text of `.wit` files to interfaces with exact types.

Understood are one package; interfaces with type aliases, records, variants, enums, flags, resources, functions and
`use`; and worlds with imports, exports and `include`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from wasmpuck.runtime.values import (
    Borrow,
    Enum,
    Flags,
    Function,
    List,
    Option,
    Own,
    Primitive,
    Record,
    Resource,
    Result,
    Tuple,
    Type,
    Variant,
)
from wasmpuck.runtime.wit_tokens import Tokens, WitError

__all__ = ["Interface", "Package", "WitError", "World", "read_package", "read_wit"]

_PRIMITIVES: Final = {
    "bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of the contract: functions by name, and the named types that they use."""

    name: str
    functions: Mapping[str, Function] = field(default_factory=dict)
    types: Mapping[str, Type] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class World:
    """What a component of this world imports and exports at most: interfaces by name."""

    name: str
    imports: frozenset[str] = frozenset()
    exports: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Package:
    """The files of one package, read together.

    name: such as `wasmpuck:plugin@0.1.0`; empty if no file says.
    interfaces, worlds: by name; `include` is resolved.
    """

    name: str = ""
    interfaces: Mapping[str, Interface] = field(default_factory=dict)
    worlds: Mapping[str, World] = field(default_factory=dict)


class _Reader(Tokens):
    """Reads one file. `known` holds the interfaces that `use` may refer to, `worlds` those that were read."""

    def __init__(self, text: str, known: dict[str, Interface], worlds: dict[str, World]) -> None:
        super().__init__(text)
        self._known = known
        self._worlds = worlds
        self.package = ""

    def read(self) -> None:
        """The whole file."""
        while self.peek():
            word = self.take()
            if word == "package":
                self.package = self.until(";")
            elif word == "interface":
                interface = self._interface()
                self._known[interface.name] = interface
            elif word == "world":
                world = self._world()
                self._worlds[world.name] = world
            else:
                raise WitError(f"{word} is not expected at the top of a file")

    def _world(self) -> World:
        name = self.name()
        found: dict[str, set[str]] = {"import": set(), "export": set()}
        self.take("{")
        while not self.maybe("}"):
            word = self.take()
            named = self.until(";").partition("@")[0].rpartition("/")[2]
            if word == "include":
                if named not in self._worlds:
                    raise WitError(f"world {named} is included before it is known")
                found["import"] |= self._worlds[named].imports
                found["export"] |= self._worlds[named].exports
            elif word not in found or not re.fullmatch(r"%?[a-zA-Z][a-zA-Z0-9-]*", named):
                raise WitError(f"{word} {named}: a world imports, exports and includes by name, and nothing else")
            else:
                found[word].add(named.removeprefix("%"))
        return World(name, frozenset(found["import"]), frozenset(found["export"]))

    def _interface(self) -> Interface:
        name = self.name()
        functions: dict[str, Function] = {}
        types: dict[str, Type] = {}
        self.take("{")
        while not self.maybe("}"):
            word = self.name()
            match word:
                case "use":
                    self._use(types)
                case "type":
                    alias = self.name()
                    self.take("=")
                    types[alias] = self._type(types)
                    self.take(";")
                case "record":
                    label = self.name()
                    types[label] = Record(tuple(self._fields(types)))
                case "variant":
                    label = self.name()
                    types[label] = Variant(tuple(self._cases(types)))
                case "enum":
                    label = self.name()
                    types[label] = Enum(tuple(self._words()))
                case "flags":
                    label = self.name()
                    types[label] = Flags(tuple(self._words()))
                case "resource":
                    label = self.name()
                    types[label] = Own(Resource(name, label))
                    functions.update(self._resource(label, types))
                case _:
                    self.take(":")
                    self.take("func")
                    functions[word] = self._signature(types)
        return Interface(name, functions, types)

    def _resource(self, label: str, types: Mapping[str, Type]) -> Iterator[tuple[str, Function]]:
        """A resource's functions under the names that components give them: `[method]label.name`."""
        own = types[label]
        assert isinstance(own, Own)
        if self.maybe(";"):
            return
        self.take("{")
        while not self.maybe("}"):
            word = self.name()
            if word == "constructor" and self.peek() == "(":
                made = self._signature(types)
                yield f"[constructor]{label}", Function(made.parameters, own)
                continue
            self.take(":")
            static = self.maybe("static")
            self.take("func")
            signature = self._signature(types)
            if static:
                yield f"[static]{label}.{word}", signature
            else:
                parameters = (("self", Borrow(own.resource)), *signature.parameters)
                yield f"[method]{label}.{word}", Function(parameters, signature.result)

    def _use(self, types: dict[str, Type]) -> None:
        source = self.name()
        if source not in self._known:
            raise WitError(f"interface {source} is used before it is known")
        self.take(".")
        self.take("{")
        while not self.maybe("}"):
            name = self.name()
            types[name] = self._known[source].types[name]
            self.maybe(",")
        self.take(";")

    def _fields(self, types: Mapping[str, Type]) -> Iterator[tuple[str, Type]]:
        self.take("{")
        while not self.maybe("}"):
            name = self.name()
            self.take(":")
            yield name, self._type(types)
            self.maybe(",")

    def _cases(self, types: Mapping[str, Type]) -> Iterator[tuple[str, Type | None]]:
        self.take("{")
        while not self.maybe("}"):
            name = self.name()
            payload = None
            if self.maybe("("):
                payload = self._type(types)
                self.take(")")
            yield name, payload
            self.maybe(",")

    def _words(self) -> Iterator[str]:
        self.take("{")
        while not self.maybe("}"):
            yield self.name()
            self.maybe(",")

    def _signature(self, types: Mapping[str, Type]) -> Function:
        self.take("(")
        parameters: list[tuple[str, Type]] = []
        while not self.maybe(")"):
            name = self.name()
            self.take(":")
            parameters.append((name, self._type(types)))
            self.maybe(",")
        result = self._type(types) if self.maybe("->") else None
        self.take(";")
        return Function(tuple(parameters), result)

    def _type(self, types: Mapping[str, Type]) -> Type:
        word = self.name()
        if word in _PRIMITIVES:
            return Primitive(word)
        match word:
            case "list":
                return List(self._one(types))
            case "option":
                return Option(self._one(types))
            case "borrow":
                lent = self._one(types)
                if not isinstance(lent, Own):
                    raise WitError("only a resource can be borrowed")
                return Borrow(lent.resource)
            case "tuple":
                self.take("<")
                elements = []
                while not self.maybe(">"):
                    elements.append(self._type(types))
                    self.maybe(",")
                return Tuple(tuple(elements))
            case "result":
                return self._result(types)
        if word not in types:
            raise WitError(f"{word} is not a type that is known here")
        return types[word]

    def _one(self, types: Mapping[str, Type]) -> Type:
        self.take("<")
        found = self._type(types)
        self.take(">")
        return found

    def _result(self, types: Mapping[str, Type]) -> Type:
        if not self.maybe("<"):
            return Result(None, None)
        ok = None if self.maybe("_") else self._type(types)
        err = self._type(types) if self.maybe(",") else None
        self.take(">")
        return Result(ok, err)


def read_package(texts: Mapping[str, str]) -> Package:
    """Reads the files of one package, in the order given; a file may use what an earlier one defines.

    Raises:
        WitError: with the file's name and the line.
    """
    known: dict[str, Interface] = {}
    worlds: dict[str, World] = {}
    package = ""
    for name, text in texts.items():
        reader = None
        try:
            reader = _Reader(text, known, worlds)
            reader.read()
        except WitError as error:
            raise WitError(f"{name}: {f'line {reader.line}: ' if reader is not None else ''}{error}") from None
        if package and reader.package and package != reader.package:
            raise WitError(f"{name}: it belongs to {reader.package}, the files before to {package}")
        package = package or reader.package
    return Package(package, known, worlds)


def read_wit(texts: Mapping[str, str]) -> dict[str, Interface]:
    """The interfaces of `read_package`. Raises as it does."""
    return dict(read_package(texts).interfaces)
