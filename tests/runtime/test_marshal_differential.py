"""Our marshaller against the stock `wasmtime.component` layer, over one and the same component."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings

from runtime.echo import Ambiguous, Echo
from runtime.guests import run
from runtime.wit_strategies import same, types_with_values
from wasmpuck.runtime.values import (
    Case,
    Enum,
    Err,
    Flags,
    Function,
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

_U8, _U32, _BOOL, _TEXT = (Primitive(name) for name in ("u8", "u32", "bool", "string"))


async def _compare(kind: Type, values: list[Any]) -> None:
    echo = Echo(kind)
    try:
        assert echo.function == Function((("v", kind), ("pad", echo.function.parameters[1][1])), echo.function.result)
        await echo.open()
        for value in values:
            for name in ("same", "through"):
                back = await echo.ours(name, value)
                assert same(kind, back, value), (name, back, value)
                with contextlib.suppress(Ambiguous):
                    known = echo.stock(name, value)
                    assert same(kind, back, known), (name, back, known)
            assert same(kind, echo.seen, value)
    finally:
        echo.close()


@settings(max_examples=120, deadline=None)
@given(types_with_values())
def test_every_type_and_value_crosses_as_in_the_stock_layer(pair: tuple[Type, list[Any]]) -> None:
    """A value of any type comes back from a guest, and from a host function, equal to itself and to stock's answer."""
    kind, values = pair
    run(_compare(kind, values))


_R = record_class(("class", "content-type"))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Variant((("number", _U8), ("truth", _BOOL))), [Case("number", 1), Case("truth", True), Case("truth", False)]),
        (Variant((("here", _U8), ("there", _U8), ("nowhere", None))), [Case("there", 1), Case("nowhere")]),
        (Option(Option(_U32)), [None, Some(None), Some(7)]),
        (Option(Option(Option(_BOOL))), [None, Some(None), Some(Some(None)), Some(Some(True))]),
        (Result(_U32, _U32), [Ok(1), Err(1)]),
        (Result(None, None), [Ok(), Err()]),
        (Enum(tuple(f"n{index}" for index in range(300))), ["n0", "n255", "n256", "n299"]),
        (Flags(tuple(f"f{index}" for index in range(32))), [frozenset(), frozenset({"f0", "f31"})]),
        (Record((("class", _TEXT), ("content-type", Option(_TEXT)))), [_R("é", None), _R("", "\0\U0010ffff")]),
        (List(Tuple((_TEXT, List(_TEXT)))), [[], [("", []), ("a", ["", "b" * 5000])]]),
        (List(_U8), [b"", bytes(range(256)) * 300]),
        (List(Primitive("s64")), [[], [-(2**63), 2**63 - 1] * 4000]),
        (List(Variant((("a", List(_U8)), ("b", None)))), [[Case("a", b"x"), Case("b"), Case("a", b"")]]),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_the_corners(kind: Type, values: list[Any]) -> None:
    """Values that only their case tells apart, empty ones, and long ones cross unchanged."""
    run(_compare(kind, values))
