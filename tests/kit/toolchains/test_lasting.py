"""Making the objects of a snapshot immortal, in memories made by hand."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasmtime import Engine, Store, wat2wasm
from wasmtime.component import Component, Linker

from wasmpuck.kit.toolchains.errors import ToolchainError
from wasmpuck.kit.toolchains.lasting import immortalized

MARK = b"wasmpuck: objects that last\n"
TYPE, NONE_TYPE, NONE, CLASS = 64, 80, 96, 112
TABLE, OBJECTS = 1024, 2048
STATIC, IMMORTAL = 7 << 28, 5 << 28
PLACES = 64


def component(objects: dict[int, tuple[int, int]], *, named: set[int] | None = None, none: int = STATIC) -> bytes:
    """A component with a function that reads its memory, in which objects (address to count and class) lie. The table
    names those that are `named`, or all.
    """
    known = {TYPE: (STATIC, TYPE), NONE_TYPE: (STATIC, TYPE), NONE: (none, NONE_TYPE), CLASS: (3, TYPE)} | objects
    bits = bytearray((OBJECTS + 16 * PLACES) // 64)
    for place in objects if named is None else named:
        bits[place // 64] |= 1 << place // 8 % 8
    table = MARK + struct.pack("<III", len(bits), TYPE, NONE) + bytes(bits)
    segments = [(TABLE, table), *((place, struct.pack("<II", *words)) for place, words in known.items())]
    # The mark stands where the code mentions it, too.
    segments.append((512, MARK))
    data = " ".join(f'(data (i32.const {place}) "{_escaped(content)}")' for place, content in segments)
    source = f"""(component
      (core module $m (memory 1) {data}
        (func (export "read") (param i32) (result i32) local.get 0 i32.load))
      (core instance $i (instantiate $m))
      (func (export "read") (param "at" u32) (result u32) (canon lift (core func $i "read"))))"""
    return bytes(wat2wasm(source))


def _escaped(content: bytes) -> str:
    return "".join(f"\\{byte:02x}" for byte in content)


def words(made: bytes, *places: int) -> list[int]:
    """What stands at these addresses when the component runs."""
    engine = Engine()
    store = Store(engine)
    instance = Linker(engine).instantiate(store, Component(engine, made))
    found = []
    for place in places:
        read = instance.get_func(store, "read")
        assert read is not None
        found.append(read(store, place))
        read.post_return(store)
    return found


@given(st.dictionaries(st.integers(0, PLACES - 1), st.integers(1, 10_000), min_size=1))
def test_objects_become_immortal_and_nothing_else_changes(counts: dict[int, int]) -> None:
    """Every object in the table gets the count of an immortal one, its class stays; one not in it keeps its count."""
    objects = {OBJECTS + 16 * place: (count, CLASS) for place, count in counts.items()}
    made = immortalized(component(objects))
    for place in objects:
        assert words(made, place, place + 4) == [IMMORTAL, CLASS]
    assert words(made, CLASS, NONE, TYPE) == [3, STATIC, STATIC]


def test_the_table_is_gone_afterwards() -> None:
    """What ran through the table's bytes reads zeros."""
    made = immortalized(component({OBJECTS: (1, CLASS)}))
    assert words(made, TABLE, TABLE + len(MARK)) == [0, 0]


@pytest.mark.parametrize(
    "there",
    [(0, CLASS), (70_000_000, CLASS), (1, 0), (1, 7), (1, OBJECTS)],
    ids=["freed", "linked", "nothing", "odd", "other"],
)
def test_what_is_no_object_any_more_is_left_alone(there: tuple[int, int]) -> None:
    """A place that was freed or holds something else since keeps its bytes."""
    good = {OBJECTS + 16 * place: (1, CLASS) for place in range(1, 20)}
    made = immortalized(component({OBJECTS: there} | good))
    assert words(made, OBJECTS, OBJECTS + 4) == list(there)


def test_immortal_objects_stay_as_they_are() -> None:
    """Objects that are immortal for another reason keep their count, which says so."""
    made = immortalized(component({OBJECTS: (STATIC, CLASS)}))
    assert words(made, OBJECTS) == [STATIC]


def test_a_component_without_a_table_is_refused() -> None:
    """A runtime whose objects were not written down is not published by mistake."""
    with pytest.raises(ToolchainError, match="no table"):
        immortalized(bytes(wat2wasm("(component)")))


def test_another_python_is_noticed() -> None:
    """Where immortal objects have another count than CPython 3.14 gives them, nothing is guessed."""
    with pytest.raises(ToolchainError, match=r"refcount\.h"):
        immortalized(component({OBJECTS: (1, CLASS)}, none=0x3FFFFFFF))


def test_a_table_that_does_not_fit_is_noticed() -> None:
    """A table whose places hold no objects belongs to another memory."""
    with pytest.raises(ToolchainError, match="hold one"):
        immortalized(component({OBJECTS + 16 * place: (0, 0) for place in range(4)}))
