"""A request that is shown to one plugin after the other is packed once."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from math import copysign
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.runtime.arena import Arena
from wasmpuck.runtime.marshal import BadValue, Packer, row_unpacker
from wasmpuck.runtime.values import List, Option, Primitive, Record, Type

REQUEST = Record((("client", Primitive("string")), ("words", List(Primitive("string")))))
READ = row_unpacker([REQUEST])


class Request(NamedTuple):
    client: str
    words: list[str]


def packers(arena: Arena, *kinds: Type) -> tuple[Callable[[tuple[Any, ...]], int], Callable[[tuple[Any, ...]], int]]:
    """Those of two plugins."""
    return Packer(arena, kinds, "one", again=True), Packer(arena, kinds, "other", again=True)


def test_the_same_request_is_packed_once() -> None:
    """A second packer of the same types returns the place where the first has put the tuple."""
    one, other = packers(Arena(), REQUEST)
    request = Request("::1", ["a"])
    place = one((request,))
    request.words.append("not looked at any more")
    assert other((request,)) == place
    assert READ(place)[0].words == ["a"]


def test_another_request_is_packed() -> None:
    """An equal tuple is another one."""
    one, other = packers(Arena(), REQUEST)
    first = Request("::1", ["a"])
    one((first,))
    first.words.append("b")
    assert READ(other((Request("::1", ["a", "b"]),)))[0].words == ["a", "b"]


def test_what_was_packed_in_between_is_noticed() -> None:
    """After any other value, as a host function returns one, the tuple is packed anew."""
    arena = Arena()
    one, other = packers(arena, REQUEST)
    request = Request("::1", ["a"])
    one((request,))
    Packer(arena, [Primitive("string")], "a result")(("x" * 1000,))
    assert READ(other((request,)))[0] == request


def test_a_refused_value_leaves_nothing_behind() -> None:
    """When packing has failed half way, the tuple before is packed anew."""
    one, other = packers(Arena(), REQUEST)
    request = Request("::1", ["a"])
    one((request,))
    with pytest.raises(BadValue):
        one((Request("::2", ["b", 3]),))  # type: ignore[list-item]  # what is to be refused
    assert READ(other((request,)))[0] == request


def test_other_types_pack_for_themselves() -> None:
    """A tuple that is passed as another type is packed as that."""
    arena = Arena()
    request = Request("::1", ["a"])
    Packer(arena, [REQUEST], "request", again=True)((request,))
    narrow = Record((("client", Primitive("string")),))
    place = Packer(arena, [narrow], "narrow", again=True)((request,))
    assert row_unpacker([narrow])(place) == (("::1",),)


def test_a_larger_arena_is_filled_anew() -> None:
    """A value that made the arena grow is found in the new one."""
    one, other = packers(Arena(size=256), REQUEST)
    request = Request("::1", ["word"] * 500)
    assert READ(one((request,)))[0] == request
    assert READ(other((request,)))[0] == request


def test_only_a_single_tuple_is_remembered() -> None:
    """Rows of several values and values that are no tuples are packed each time."""
    arena = Arena()
    kinds = [List(Primitive("string"))]
    packer = Packer(arena, kinds, "words", again=True)
    words = ["a"]
    packer((words,))
    words.append("b")
    assert row_unpacker(kinds)(packer((words,))) == (["a", "b"],)


NUMBERS = Record((("client", Primitive("string")), ("n", Primitive("f64"))))


class Texts(NamedTuple):
    client: str
    words: tuple[str, ...]


class Numbers(NamedTuple):
    client: str
    n: float


texts = st.builds(Texts, st.text(max_size=5), st.lists(st.text(max_size=3), max_size=3).map(tuple))


@given(st.lists(texts, max_size=30), st.lists(st.booleans(), max_size=30))
def test_equal_texts_are_laid_out_alike(values: list[Texts], between: list[bool]) -> None:
    """Whatever was packed before or in between, a value reads back as itself, also when its image was kept."""
    arena = Arena(256)
    pack, result = Packer(arena, [REQUEST], "texts", again=True), Packer(arena, [Primitive("string")], "a result")
    for value, interrupted in zip_longest([*values, *values], between, fillvalue=False):
        if not isinstance(value, Texts):
            break
        if interrupted:
            result(("x" * 700,))
        read = READ(pack((Texts(*value),)))[0]
        assert (read.client, tuple(read.words)) == tuple(value)


def test_images_do_not_outlive_the_arena_s_place() -> None:
    """When the arena has grown, which moves it, a value that was packed before is packed anew."""
    arena = Arena(256)
    pack = Packer(arena, [REQUEST], "texts", again=True)
    small = Texts("::1", ("a",))
    before = pack((small,))
    pack((Texts("::2", ("b" * 10_000,) * 50),))
    after = pack((Texts("::1", ("a",)),))
    assert before != after
    assert READ(after)[0].words == ["a"]


def test_numbers_that_are_equal_and_differ_are_kept_apart() -> None:
    """0.0 and -0.0 are equal and not the same: records with numbers are packed each time."""
    pack, read = Packer(Arena(), [NUMBERS], "numbers", again=True), row_unpacker([NUMBERS])
    signs = [copysign(1, read(pack((Numbers("a", n),)))[0].n) for n in (0.0, -0.0, 0.0)]
    assert signs == [1, -1, 1]


def test_images_are_bounded() -> None:
    """Thousands of clients leave no more than a thousand images, and large values none."""
    arena = Arena()
    pack = Packer(arena, [REQUEST], "texts", again=True)
    for number in range(3_000):
        pack((Texts(f"192.0.2.{number}", ()),))
    pack((Texts("x" * 5_000, ()),))
    kept = arena.images(pack._pack)._kept
    assert len(kept) == 1_024
    assert max(len(slots) + len(text) for slots, text, _ in kept.values()) <= 4_096


LETTER = Record((("client", Primitive("string")), ("body", Option(Primitive("string")))))


class Letter(NamedTuple):
    client: str
    body: str | None


letters = st.builds(Letter, st.sampled_from(["a", "b"]), st.none() | st.sampled_from(["", "x"]))


@given(st.lists(letters, max_size=30))
def test_no_text_and_empty_text_are_kept_apart(values: list[Letter]) -> None:
    """A text that may be missing is kept too, as what it was."""
    arena = Arena()
    pack, read = Packer(arena, [LETTER], "letters", again=True), row_unpacker([LETTER])
    for value in values:
        found = read(pack((Letter(*value),)))[0]
        assert (found.client, found.body) == tuple(value)
    assert len(arena.images(pack._pack)._kept) == len(set(values))
