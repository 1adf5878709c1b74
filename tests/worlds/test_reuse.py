"""Kept verdicts: for whom, how often, how long, how many."""

from __future__ import annotations

from collections import namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.runtime.values import Case
from wasmpuck.worlds.reuse import Verdicts

Reuse = namedtuple("Reuse", ["scope", "requests", "milliseconds"])
GO = Case("next", [])


def used(verdicts: Verdicts[Case], client: str = "a", operation: str = "get", now: float = 0.0) -> Case | None:
    """The verdict that is kept, used once."""
    kept = verdicts.find(client, operation, now)
    if kept is None:
        return None
    kept.left -= 1
    return kept.value


def asked(verdicts: Verdicts[Case], client: str = "a", operation: str = "get", now: float = 0.0) -> bool:
    """Whether the plugin has to be asked; if not, one use is taken."""
    return used(verdicts, client, operation, now) is None


@pytest.mark.parametrize(
    ("scope", "others"),
    [
        ("client-operation", [("a", "add"), ("b", "get"), ("", "get"), ("a", "")]),
        ("client", [("b", "get"), ("", "get")]),
        ("everyone", []),
    ],
)
def test_each_scope_holds_for_its_requests(scope: str, others: list[tuple[str, str]]) -> None:
    """A verdict holds for the client and operation that it names, and for no other."""
    verdicts: Verdicts[Case] = Verdicts()
    verdicts.keep("a", "get", GO, Reuse(scope, 100, 1000), 0.0)
    assert not asked(verdicts)
    every = [("a", "get"), ("a", "add"), ("b", "get"), ("", "get"), ("a", "")]
    assert [each for each in every if asked(verdicts, *each)] == others


def test_a_client_without_an_address_is_not_everyone() -> None:
    """Where the server knows no address, a verdict for the client holds for such clients alone."""
    verdicts: Verdicts[Case] = Verdicts()
    verdicts.keep("", "get", GO, Reuse("client", 10, 1000), 0.0)
    assert not asked(verdicts, "")
    assert asked(verdicts, "192.0.2.1")


def test_the_narrowest_verdict_counts() -> None:
    """A verdict for the operation goes before one for the client, and that before everyone's."""
    verdicts: Verdicts[Case] = Verdicts()
    for scope, name in (("everyone", "e"), ("client", "c"), ("client-operation", "o")):
        verdicts.keep("a", "get", Case(name), Reuse(scope, 1, 1000), 0.0)
    assert [used(verdicts) for _ in range(3)] == [Case("o"), Case("c"), Case("e")]
    assert asked(verdicts)


@given(st.integers(1, 50), st.integers(0, 100))
def test_a_verdict_is_used_as_often_as_it_may(requests: int, tries: int) -> None:
    """Exactly that many further requests are answered without asking."""
    verdicts: Verdicts[Case] = Verdicts()
    verdicts.keep("a", "get", GO, Reuse("client", requests, 1000), 0.0)
    assert sum(not asked(verdicts) for _ in range(tries)) == min(requests, tries)


@pytest.mark.parametrize(("milliseconds", "seconds"), [(1, 0.001), (1500, 1.5), (2**32 - 1, 3600.0)])
def test_a_verdict_lives_as_long_as_it_may(milliseconds: int, seconds: float) -> None:
    """It ends after its time, and after an hour at the latest."""
    verdicts: Verdicts[Case] = Verdicts()
    verdicts.keep("a", "get", GO, Reuse("client", 10, milliseconds), 100.0)
    assert not asked(verdicts, now=100.0 + seconds * 0.99)
    assert asked(verdicts, now=100.0 + seconds)
    assert len(verdicts) == 0


@pytest.mark.parametrize("reuse", [Reuse("client", 0, 1000), Reuse("client", 10, 0)])
def test_no_permission_keeps_nothing(reuse: Reuse) -> None:
    """Nought requests or nought milliseconds mean that the plugin is asked each time."""
    verdicts: Verdicts[Case] = Verdicts()
    verdicts.keep("a", "get", GO, reuse, 0.0)
    assert len(verdicts) == 0


def test_a_new_verdict_replaces_the_old_one() -> None:
    """The last word of the plugin counts, with its own numbers."""
    verdicts: Verdicts[Case] = Verdicts()
    verdicts.keep("a", "get", Case("old"), Reuse("client", 100, 1000), 0.0)
    verdicts.keep("a", "get", Case("new"), Reuse("client", 1, 1000), 0.0)
    assert used(verdicts) == Case("new")
    assert asked(verdicts)


def test_the_number_is_bounded() -> None:
    """Above ten thousand the oldest go first."""
    verdicts: Verdicts[Case] = Verdicts()
    for number in range(10_005):
        verdicts.keep(str(number), "get", GO, Reuse("client", 10, 1000), 0.0)
    assert len(verdicts) == 10_000
    assert [asked(verdicts, str(number)) for number in (0, 4, 5, 10_004)] == [True, True, False, False]


def test_the_bytes_are_bounded() -> None:
    """Large answers push out older ones; one that is too large is not kept and drops what it replaces."""
    verdicts: Verdicts[Case] = Verdicts()
    for number in range(40):
        verdicts.keep(str(number), "get", Case("respond", "x" * (1 << 20)), Reuse("client", 10, 1000), 0.0)
    assert 10 <= len(verdicts) <= 16
    assert not asked(verdicts, "39")
    verdicts.keep("39", "get", Case("respond", "x" * (17 << 20)), Reuse("client", 10, 1000), 0.0)
    assert asked(verdicts, "39")
    for number in range(40):  # the room of what ended is free again
        asked(verdicts, str(number), now=5.0)
    assert len(verdicts) == 0
    for number in range(10):
        verdicts.keep(str(number), "get", Case("respond", "x" * (1 << 20)), Reuse("client", 10, 1000), 10.0)
    assert len(verdicts) == 10


def test_everything_can_be_forgotten() -> None:
    """After `forget` the plugin is asked again."""
    verdicts: Verdicts[Case] = Verdicts()
    verdicts.keep("a", "get", GO, Reuse("everyone", 10, 1000), 0.0)
    verdicts.forget()
    assert asked(verdicts)
