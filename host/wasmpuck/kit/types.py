"""Types of the contract in words: as WIT writes them, and as an error says what is needed."""

from __future__ import annotations

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
    Result,
    Tuple,
    Type,
    Variant,
)

__all__ = ["RANGES", "needed", "signature", "type_text"]

RANGES: Final = {
    f"{sign}{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1) if sign == "s" else (0, (1 << bits) - 1)
    for sign in "su"
    for bits in (8, 16, 32, 64)
}
"""The smallest and the largest value of each integer type."""


def type_text(kind: Type | None) -> str:
    """A type as WIT writes it, named types spelled out on one line."""
    match kind:
        case None:
            return "_"
        case Primitive(name):
            return name
        case List(element):
            return f"list<{type_text(element)}>"
        case Record(fields):
            return f"record {{ {', '.join(f'{name}: {type_text(inner)}' for name, inner in fields)} }}"
        case Tuple(elements):
            return f"tuple<{', '.join(map(type_text, elements))}>"
        case Variant(cases):
            shown = (name if inner is None else f"{name}({type_text(inner)})" for name, inner in cases)
            return f"variant {{ {', '.join(shown)} }}"
        case Enum(names):
            return f"enum {{ {', '.join(names)} }}"
        case Option(element):
            return f"option<{type_text(element)}>"
        case Result(None, None):
            return "result"
        case Result(ok, None):
            return f"result<{type_text(ok)}>"
        case Result(ok, err):
            return f"result<{type_text(ok)}, {type_text(err)}>"
        case Flags(names):
            return f"flags {{ {', '.join(names)} }}"
        case Own(resource):
            return f"own<{resource.name}>"
        case Borrow(resource):
            return f"borrow<{resource.name}>"
    raise AssertionError(kind)


def signature(kind: Function) -> str:
    """A function's type as WIT writes it: `func(name: string) -> bool`."""
    shown = ", ".join(f"{name}: {type_text(inner)}" for name, inner in kind.parameters)
    return f"func({shown})" + ("" if kind.result is None else f" -> {type_text(kind.result)}")


def needed(kind: Type) -> str:
    """What an error says is needed."""
    match kind:
        case Primitive("bool"):
            return "true or false"
        case Primitive("string"):
            return "a text"
        case Primitive("char"):
            return "a text of one character"
        case Primitive("f32" | "f64"):
            return 'a number (or "nan", "inf", "-inf")'
        case Primitive(name):
            low, high = RANGES[name]
            return f"a whole number from {low} to {high}"
        case List(Primitive("u8")):
            return '{"base64": "…"}'
        case List():
            return "an array"
        case Record(fields):
            return f"an object with {', '.join(name for name, _ in fields)}"
        case Tuple(elements):
            return f"an array of {len(elements)}"
        case Variant(cases):
            return " or ".join(_case_words(name, inner) for name, inner in cases)
        case Enum(names):
            return " or ".join(f'"{name}"' for name in names)
        case Option(Option()):
            return 'null or {"some": …}'
        case Option(element):
            return f"null or {needed(element)}"
        case Result():
            return '{"ok": …} or {"err": …}'
        case Flags(names):
            return f"an array of some of {', '.join(names)}"
    return '{"resource": number}'


def _case_words(name: str, payload: Type | None) -> str:
    return f'"{name}"' if payload is None else f'{{"{name}": …}}'
