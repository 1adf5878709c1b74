"""Random WIT types and values that fit them."""

from __future__ import annotations

import math
from typing import Any, Final

from hypothesis import strategies as st

from wasmpuck.runtime.values import (
    Case,
    Enum,
    Err,
    Flags,
    List,
    Ok,
    Option,
    Primitive,
    Record,
    Result,
    Some,
    Tuple,
    Type,
    Variant,
    record_class,
)

__all__ = ["PRIMITIVES", "RANGES", "same", "types", "types_with_values", "values"]

RANGES: Final = {
    f"{sign}{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1) if sign == "s" else (0, (1 << bits) - 1)
    for sign in "su"
    for bits in (8, 16, 32, 64)
}
PRIMITIVES: Final = (*RANGES, "f32", "f64", "bool", "char", "string")

_NAMES: Final = st.sampled_from(
    ("a", "b", "c1", "content-type", "from", "class", "none", "some", "ok", "err", "count", "index", "in", "x-y-z", "v")
)
_LABELS: Final = st.lists(_NAMES, min_size=1, max_size=4, unique=True)
_CHARACTERS: Final = st.characters(codec="utf-8")
TEXT: Final = st.text(_CHARACTERS, max_size=12)


def _labelled(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return _LABELS.flatmap(lambda names: st.tuples(*(st.tuples(st.just(name), parts) for name in names)))


def _compound(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    maybe = st.none() | inner
    return st.one_of(
        inner.map(List),
        _labelled(inner).map(Record),
        st.lists(inner, min_size=1, max_size=4).map(lambda elements: Tuple(tuple(elements))),
        _labelled(maybe).map(Variant),
        inner.map(Option),
        st.builds(Result, maybe, maybe),
    )


_LEAVES: Final = st.one_of(
    st.sampled_from(PRIMITIVES).map(Primitive),
    _LABELS.map(lambda names: Enum(tuple(names))),
    st.sampled_from((1, 8, 9, 16, 17, 32)).map(lambda count: Flags(tuple(f"f{index}" for index in range(count)))),
)


def types(depth: int = 4) -> st.SearchStrategy[Type]:
    """Types of every kind, nested at most `depth` deep."""
    return _LEAVES if depth <= 1 else st.one_of(_LEAVES, _compound(types(depth - 1)))


def _primitive(name: str) -> st.SearchStrategy[Any]:
    match name:
        case "bool":
            return st.booleans()
        case "char":
            return _CHARACTERS
        case "string":
            return TEXT
        case "f32":
            return st.floats(width=32)
        case "f64":
            return st.floats()
    low, high = RANGES[name]
    return st.integers(low, high) | st.sampled_from((low, high))


def _case(name: str, payload: Type | None) -> st.SearchStrategy[Any]:
    return st.builds(Case, st.just(name), values(payload) if payload is not None else st.none())


def _side(maker: type, payload: Type | None) -> st.SearchStrategy[Any]:
    return st.builds(maker, values(payload) if payload is not None else st.none())


def values(kind: Type) -> st.SearchStrategy[Any]:
    """Values of a type, as `wasmpuck.runtime.values` describes them."""
    match kind:
        case Primitive(name):
            return _primitive(name)
        case List(Primitive("u8")):
            return st.binary(max_size=40)
        case List(element):
            return st.lists(values(element), max_size=5)
        case Record(fields):
            maker = record_class(tuple(name for name, _ in fields))
            return st.tuples(*(values(field) for _, field in fields)).map(lambda row: maker(*row))
        case Tuple(elements):
            return st.tuples(*map(values, elements))
        case Variant(cases):
            return st.one_of(*(_case(name, payload) for name, payload in cases))
        case Enum(names):
            return st.sampled_from(names)
        case Option(element):
            return st.none() | (values(element).map(Some) if isinstance(element, Option) else values(element))
        case Result(ok, err):
            return _side(Ok, ok) | _side(Err, err)
        case Flags(names):
            return st.frozensets(st.sampled_from(names))
    raise AssertionError(kind)


@st.composite
def types_with_values(draw: st.DrawFn, depth: int = 4, count: int = 3) -> tuple[Type, list[Any]]:
    """A type and some values of it."""
    kind = draw(types(depth))
    return kind, draw(st.lists(values(kind), min_size=1, max_size=count))


def same(kind: Type, one: Any, other: Any) -> bool:
    """Equality that tells 1 from True, `Ok(1)` from `Err(1)`, and takes any NaN for any other."""
    match kind:
        case Primitive("f32" | "f64"):
            if math.isnan(one) or math.isnan(other):
                return math.isnan(one) and math.isnan(other)
            return bool(one == other) and math.copysign(1, one) == math.copysign(1, other)
        case Primitive() | Enum() | Flags() | List(Primitive("u8")):
            return type(one) is type(other) and bool(one == other)
        case List(element):
            return len(one) == len(other) and all(same(element, a, b) for a, b in zip(one, other, strict=True))
        case Record(fields):
            kinds: tuple[Type, ...] = tuple(field for _, field in fields)
            return type(one) is type(other) and same(Tuple(kinds), tuple(one), tuple(other))
        case Tuple(elements):
            return len(one) == len(other) == len(elements) and all(map(same, elements, one, other))
        case Variant(cases):
            return one.tag == other.tag and _same_payload(dict(cases)[one.tag], one.value, other.value)
        case Option(element):
            if one is None or other is None:
                return one is other
            return same(element, one.value, other.value) if isinstance(element, Option) else same(element, one, other)
        case Result(ok, err):
            return type(one) is type(other) and _same_payload(ok if type(one) is Ok else err, one.value, other.value)
    raise AssertionError(kind)


def _same_payload(kind: Type | None, one: Any, other: Any) -> bool:
    return one is other is None if kind is None else same(kind, one, other)
