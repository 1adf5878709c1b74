"""A request that is shown to one plugin after the other is packed once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from wasmpuck.runtime.arena import Arena
from wasmpuck.runtime.marshal import BadValue, Packer, row_unpacker
from wasmpuck.runtime.values import List, Primitive, Record, Type

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
