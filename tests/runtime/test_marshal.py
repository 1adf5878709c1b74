"""Values into the arena and out of it again, without a guest."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.wit_strategies import RANGES, same, types_with_values
from wasmpuck.runtime import capi
from wasmpuck.runtime.arena import Arena, RoomExceeded
from wasmpuck.runtime.marshal import BadValue, Packer, row_unpacker
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

U8, U32, BOOL, CHAR, F32, F64, TEXT = (
    Primitive(name) for name in ("u8", "u32", "bool", "char", "f32", "f64", "string")
)
PAIR = record_class(("a", "b"))


def round_trip(arena: Arena, kind: Type, value: Any) -> Any:
    """The value packed and unpacked."""
    packer = Packer(arena, [kind], "it")  # keeps the names alive that the slots point to
    return row_unpacker([kind])(packer((value,)))[0]


def pack(kind: Type, value: Any) -> None:
    """Packs a value that may not fit."""
    Packer(Arena(), [kind], "function.name")((value,))


@settings(deadline=None)
@given(types_with_values(), st.sampled_from((32, 48, 1000, 1 << 16)))
def test_what_is_packed_is_what_is_unpacked(pair: tuple[Type, list[Any]], size: int) -> None:
    """For every type and value, in an arena that is large enough and in one that has to grow first."""
    kind, values = pair
    arena = Arena(size)
    packer, unpack = Packer(arena, [kind], "it"), row_unpacker([kind])
    for value in values:
        assert same(kind, unpack(packer((value,)))[0], value)


@settings(deadline=None)
@given(st.lists(types_with_values(depth=2, count=1), max_size=5))
def test_a_row_keeps_its_order(pairs: list[tuple[Type, list[Any]]]) -> None:
    """Several parameters are packed side by side and come out in the same order."""
    kinds, values = [kind for kind, _ in pairs], tuple(found[0] for _, found in pairs)
    packer = Packer(Arena(64), kinds, "it")
    back = row_unpacker(kinds)(packer(values))
    assert len(back) == len(values)
    assert all(map(same, kinds, back, values))


@pytest.mark.parametrize("name", RANGES)
def test_integers_are_checked(name: str) -> None:
    """The ends of a type's range pass; one beyond is refused, alone and in a list."""
    low, high = RANGES[name]
    for value in (low, high):
        assert round_trip(Arena(), Primitive(name), value) == value
    wrong: tuple[Any, ...] = (low - 1, high + 1, "1", 1.0, None)
    for each in wrong:
        with pytest.raises(BadValue, match=r"function\.name: "):
            pack(Primitive(name), each)
        if name != "u8":
            with pytest.raises(BadValue, match=r"function\.name: "):
                pack(List(Primitive(name)), [low, each])


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (BOOL, 1, "a boolean is needed, not int"),
        (BOOL, None, "a boolean is needed, not NoneType"),
        (CHAR, "ab", "a character is needed"),
        (CHAR, "", "a character is needed"),
        (CHAR, 65, "a character is needed"),
        (CHAR, "\ud800", "a surrogate is not a character"),
        (TEXT, "a\udfff", "surrogates not allowed"),
        (TEXT, b"a", "encode"),
        (F64, "1", "required argument is not a float"),
        (F32, 1e300, "float too large"),
        (List(F32), [1e300], "float too large"),
        (List(U8), "text", "bytes-like object"),
        (List(U8), [1, 2], "bytes-like object"),
        (List(U32), 7, "no len"),
        (List(U32), b"\1\0\0\0", "a list of numbers is needed"),
        (List(Primitive("s8")), b"\xff", "a list of numbers is needed"),
        (List(TEXT), [1], "encode"),
        (Record((("a", U8), ("b", U8))), (1, 2), "has no attribute 'a'"),
        (Tuple((U8, U8)), (1,), "a tuple of 2 is needed"),
        (Tuple((U8, U8)), (1, 2, 3), "a tuple of 2 is needed"),
        (Variant((("a", U8), ("b", None))), 1, r"a variant is passed as Case\(tag, value\), not int"),
        (Variant((("a", U8), ("b", None))), Case("c"), "'c' is not one of a, b"),
        (Variant((("a", U8), ("b", None))), Case("b", 1), "this case carries no value"),
        (Variant((("a", U8), ("b", None))), Case("a"), "required argument is not an integer"),
        (Enum(("a", "b")), "c", "'c' is not one of a, b"),
        (Enum(("a", "b")), ["a"], "unhashable"),
        (Flags(("a", "b")), {"c"}, "'c' is not one of a, b"),
        (Flags(("a", "b")), 1, "not iterable"),
        (Option(Option(U8)), 1, "has no attribute 'value'"),
        (Result(U8, None), 1, "a result is passed as Ok or Err"),
        (Result(U8, None), Case("ok", 1), "a result is passed as Ok or Err"),
        (Result(U8, None), Err(1), "this case carries no value"),
        (Result(None, U8), Ok(1), "this case carries no value"),
    ],
    ids=repr,
)
def test_what_does_not_fit_is_refused_in_words(kind: Type, value: Any, words: str) -> None:
    """Each mistake is a `BadValue` that names the function and says what is wrong."""
    with pytest.raises(BadValue, match=words) as caught:
        pack(kind, value)
    assert str(caught.value).startswith("function.name: ")


def test_the_number_of_values_is_checked() -> None:
    """A row of two takes two values."""
    packer = Packer(Arena(), [U8, U8], "it")
    with pytest.raises(BadValue, match="it: 2 values are needed, not 1"):
        packer((1,))


def test_a_refusal_leaves_the_packer_as_it_was() -> None:
    """After a value that does not fit, the next one is packed as ever."""
    kind = List(Record((("a", TEXT), ("b", U8))))
    packer, unpack = Packer(Arena(32), [kind], "it"), row_unpacker([kind])
    with pytest.raises(BadValue):
        packer(([PAIR("x" * 100, 1), PAIR("y", 256)],))
    assert unpack(packer(([PAIR("z", 2)],))) == ([PAIR("z", 2)],)


def test_flags_are_read_once() -> None:
    """Flags that can be read only once are taken like a set of them."""
    assert round_trip(Arena(), Flags(("a", "b", "c")), iter(["c", "a"])) == {"a", "c"}


def test_flags_are_not_letters_of_a_text() -> None:
    """A text is not a set of flags, even if its letters are flags."""
    with pytest.raises(BadValue):
        pack(Flags(("a", "b")), "ab")


@pytest.mark.parametrize("value", [bytearray(b"abc"), memoryview(b"abc"), memoryview(b"xabcx")[1:4]])
def test_every_buffer_is_bytes(value: Any) -> None:
    """A `list<u8>` takes any contiguous buffer."""
    assert round_trip(Arena(), List(U8), value) == b"abc"


def test_a_scattered_buffer_is_refused() -> None:
    """A buffer with steps is no `list<u8>`."""
    with pytest.raises(BadValue):
        pack(List(U8), memoryview(b"abcdef")[::2])


class _Growing:
    """A sequence that has more elements than it says."""

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[str]:
        return iter(["a", "b", "c", "d"])


def test_a_list_that_changes_while_it_is_read_is_refused() -> None:
    """The space was made for the length that the list claimed."""
    with pytest.raises(BadValue, match="changed its length"):
        pack(List(TEXT), _Growing())


def test_the_arena_is_bounded() -> None:
    """A value that needs more call memory than the limit is refused with both numbers, slots and text alike."""
    arena = Arena(64, 4096)
    slots = Packer(arena, [List(U32)], "it")
    slots((list(range(126)),))
    with pytest.raises(BadValue, match=r"it: the value needs 4,832 bytes of call memory; at most 4,096 are allowed"):
        slots((list(range(150)),))
    text = Packer(arena, [TEXT], "it")
    text(("x" * 4096,))
    with pytest.raises(BadValue, match=r"it: the value needs 4,097 bytes of call memory; at most 4,096 are allowed"):
        text(("x" * 4097,))
    with pytest.raises(RoomExceeded):
        arena.slots.grow(4097)


def test_names_outlive_what_built_the_packer() -> None:
    """Field, case and flag names stay readable for the library after garbage collection and reuse of memory."""
    kind = List(
        Record((("content-type", Variant((("a-long-case-name", U8), ("b", None)))), ("z-flags", Flags(("x-y", "y-z")))))
    )
    maker = record_class(("content-type", "z-flags"))
    value = [maker(Case("a-long-case-name", 7), frozenset({"y-z"})), maker(Case("b"), frozenset())]
    packer, unpack = Packer(Arena(), [kind], "it"), row_unpacker([kind])
    gc.collect()
    churn = [bytes([index % 251]) * (index % 64 + 1) for index in range(20_000)]
    where = packer((value,))
    assert unpack(where) == (value,)
    copy = (ctypes.c_char * 32)()
    capi.val_clone(where, ctypes.addressof(copy))  # the library walks the whole tree, names included
    assert unpack(ctypes.addressof(copy)) == (value,)
    capi.val_delete(ctypes.addressof(copy))
    assert len(churn) == 20_000


def test_options_of_options_are_told_apart() -> None:
    """`none` inside `some` is not `none`."""
    kind = Option(Option(U8))
    assert [round_trip(Arena(), kind, value) for value in (None, Some(None), Some(3))] == [None, Some(None), Some(3)]


def test_words_of_python_are_fields_too() -> None:
    """A field called as a keyword gets an underscore, a dash becomes one."""
    maker = record_class(("from", "class", "user-ids"))
    assert maker._fields == ("from_", "class_", "user_ids")
    kind = Record((("from", U8), ("class", U8), ("user-ids", U8)))
    assert round_trip(Arena(), kind, maker(1, 2, 3)).from_ == 1
