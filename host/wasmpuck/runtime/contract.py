"""The plugin contract, read from the `.wit` files themselves: which functions there are, and their exact types.

A component that names an interface of the contract must import and export it with the contract's types; anything else
is refused before it runs. Only the part of the WIT language that the contract uses is understood: one package,
interfaces with type aliases, records, variants, enums, flags, resources, functions and `use`; worlds are skipped, since
a host decides by what a component really exports.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
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

__all__ = ["PACKAGE", "Interface", "WitError", "load_contract", "read_wit", "wit_folder"]

PACKAGE: Final = "wasmpuck:plugin"

_PRIMITIVES: Final = {
    "bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string",
}  # fmt: skip
_TOKEN: Final = re.compile(
    r"\s+|//[^\n]*|/\*.*?\*/|(->|%?[a-zA-Z][a-zA-Z0-9-]*|[0-9][0-9.a-z-]*|[{}()<>,:;=.@/*_])", re.DOTALL
)


class WitError(ValueError):
    """Text that is not WIT, or uses a part of it that the contract does not."""


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of the contract: functions by name, and the named types that they use."""

    name: str
    functions: Mapping[str, Function] = field(default_factory=dict)
    types: Mapping[str, Type] = field(default_factory=dict)


class _Reader:
    """Reads one file. `known` holds the interfaces that `use` may refer to."""

    def __init__(self, text: str, known: dict[str, Interface]) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._known = known

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, expected: str = "") -> str:
        token = self._peek()
        if not token or (expected and token != expected):
            raise WitError(f"{expected or 'something'} is needed, not {token or 'the end of the text'}")
        self._at += 1
        return token

    def _maybe(self, token: str) -> bool:
        if self._peek() == token:
            self._at += 1
            return True
        return False

    def _name(self) -> str:
        return self._take().removeprefix("%")

    def read(self) -> None:
        """The whole file."""
        while self._peek():
            word = self._take()
            if word == "package":
                while self._take() != ";":
                    pass
            elif word == "interface":
                interface = self._interface()
                self._known[interface.name] = interface
            elif word == "world":
                self._name()
                self._skip_block()
            else:
                raise WitError(f"{word} is not expected at the top of a file")

    def _skip_block(self) -> None:
        self._take("{")
        depth = 1
        while depth:
            token = self._take()
            depth += (token == "{") - (token == "}")

    def _interface(self) -> Interface:
        name = self._name()
        functions: dict[str, Function] = {}
        types: dict[str, Type] = {}
        self._take("{")
        while not self._maybe("}"):
            word = self._name()
            match word:
                case "use":
                    self._use(types)
                case "type":
                    alias = self._name()
                    self._take("=")
                    types[alias] = self._type(types)
                    self._take(";")
                case "record":
                    label = self._name()
                    types[label] = Record(tuple(self._fields(types)))
                case "variant":
                    label = self._name()
                    types[label] = Variant(tuple(self._cases(types)))
                case "enum":
                    label = self._name()
                    types[label] = Enum(tuple(self._words()))
                case "flags":
                    label = self._name()
                    types[label] = Flags(tuple(self._words()))
                case "resource":
                    label = self._name()
                    types[label] = Own(Resource(name, label))
                    functions.update(self._resource(label, types))
                case _:
                    self._take(":")
                    self._take("func")
                    functions[word] = self._signature(types)
        return Interface(name, functions, types)

    def _resource(self, label: str, types: Mapping[str, Type]) -> Iterator[tuple[str, Function]]:
        """A resource's functions under the names that components give them: `[method]label.name`."""
        own = types[label]
        assert isinstance(own, Own)
        if self._maybe(";"):
            return
        self._take("{")
        while not self._maybe("}"):
            word = self._name()
            if word == "constructor" and self._peek() == "(":
                made = self._signature(types)
                yield f"[constructor]{label}", Function(made.parameters, own)
                continue
            self._take(":")
            static = self._maybe("static")
            self._take("func")
            signature = self._signature(types)
            if static:
                yield f"[static]{label}.{word}", signature
            else:
                parameters = (("self", Borrow(own.resource)), *signature.parameters)
                yield f"[method]{label}.{word}", Function(parameters, signature.result)

    def _use(self, types: dict[str, Type]) -> None:
        source = self._name()
        if source not in self._known:
            raise WitError(f"interface {source} is used before it is known")
        self._take(".")
        self._take("{")
        while not self._maybe("}"):
            name = self._name()
            types[name] = self._known[source].types[name]
            self._maybe(",")
        self._take(";")

    def _fields(self, types: Mapping[str, Type]) -> Iterator[tuple[str, Type]]:
        self._take("{")
        while not self._maybe("}"):
            name = self._name()
            self._take(":")
            yield name, self._type(types)
            self._maybe(",")

    def _cases(self, types: Mapping[str, Type]) -> Iterator[tuple[str, Type | None]]:
        self._take("{")
        while not self._maybe("}"):
            name = self._name()
            payload = None
            if self._maybe("("):
                payload = self._type(types)
                self._take(")")
            yield name, payload
            self._maybe(",")

    def _words(self) -> Iterator[str]:
        self._take("{")
        while not self._maybe("}"):
            yield self._name()
            self._maybe(",")

    def _signature(self, types: Mapping[str, Type]) -> Function:
        self._take("(")
        parameters: list[tuple[str, Type]] = []
        while not self._maybe(")"):
            name = self._name()
            self._take(":")
            parameters.append((name, self._type(types)))
            self._maybe(",")
        result = self._type(types) if self._maybe("->") else None
        self._take(";")
        return Function(tuple(parameters), result)

    def _type(self, types: Mapping[str, Type]) -> Type:
        word = self._name()
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
                self._take("<")
                elements = []
                while not self._maybe(">"):
                    elements.append(self._type(types))
                    self._maybe(",")
                return Tuple(tuple(elements))
            case "result":
                return self._result(types)
        if word not in types:
            raise WitError(f"{word} is not a type that is known here")
        return types[word]

    def _one(self, types: Mapping[str, Type]) -> Type:
        self._take("<")
        found = self._type(types)
        self._take(">")
        return found

    def _result(self, types: Mapping[str, Type]) -> Type:
        if not self._maybe("<"):
            return Result(None, None)
        ok = None if self._maybe("_") else self._type(types)
        err = self._type(types) if self._maybe(",") else None
        self._take(">")
        return Result(ok, err)


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise WitError(f"{text[position : position + 20]!r} is not WIT")
        position = found.end()
        if found.group(1):
            yield found.group(1)


def read_wit(texts: Mapping[str, str]) -> dict[str, Interface]:
    """Reads the files of one package, in the order given; a file may use what an earlier one defines.

    Raises:
        WitError: with the file's name.
    """
    known: dict[str, Interface] = {}
    for name, text in texts.items():
        try:
            _Reader(text, known).read()
        except WitError as error:
            raise WitError(f"{name}: {error}") from None
    return known


def wit_folder() -> Path:
    """The folder of the contract: inside the package in a wheel, `wit/` in a checkout."""
    bundled = Path(__file__).resolve().parents[1] / "wit"
    return bundled if bundled.is_dir() else Path(__file__).resolve().parents[3] / "wit"


@lru_cache(maxsize=1)
def load_contract() -> dict[str, Interface]:
    """The contract that this host speaks: its interfaces by name."""
    folder = wit_folder()
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.wit")}
    # What is used by others comes first; the contract has no longer chains of use.
    order = sorted(texts, key=lambda name: (re.search(r"^\s*use ", texts[name], re.MULTILINE) is not None, name))
    return read_wit({name: texts[name] for name in order})
