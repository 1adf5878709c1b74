"""`shared`: counting structures against plain models, their quotas, and who shares what with whom."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.capabilities.stand import Surroundings
from wasmpuck.runtime.capabilities.commons import Commons
from wasmpuck.runtime.capabilities.shared import Shared
from wasmpuck.runtime.values import Case, Err, Ok

KIND, QUOTA, LARGE, FOREIGN, VALUE = (
    Case(tag) for tag in ("wrong-kind", "quota-exceeded", "too-large", "not-allowed", "bad-value")
)


class Stand(Surroundings):
    """Plugins that share one server's memory."""

    def __init__(self) -> None:
        super().__init__(now=1_000.0)
        self.commons = Commons()

    def plugin(self, name: str = "probe", scopes: tuple[str, ...] = (), **limits: Any) -> Shared:
        context = self.context(**limits)
        context.plugin, context.commons, context.shared_scopes = name, self.commons, frozenset(scopes)
        return Shared(context)


def value(answer: Ok | Err) -> Any:
    """What an operation that went well returned."""
    assert isinstance(answer, Ok), answer
    return answer.value


def error(answer: Ok | Err) -> Any:
    """Why an operation did not go well."""
    assert isinstance(answer, Err), answer
    return answer.value


def test_shared_counters_add_and_are_read_with_zero() -> None:
    """A counter begins at 0, adds what it is given, and adding 0 reads it."""
    shared = Stand().plugin()
    assert [value(shared.counter_add("c", delta)) for delta in (0.0, 2.5, -1.0, 0.0)] == [0.0, 2.5, 1.5, 1.5]


@given(st.lists(st.tuples(st.floats(0, 40), st.sampled_from("ab"), st.integers(0, 5)), max_size=60))
def test_shared_windows_are_never_further_off_than_a_slice(events: list[tuple[float, str, int]]) -> None:
    """A window's sum lies between what happened in 15 and in 17 sixteenths of its span."""
    stand = Stand()
    shared = stand.plugin()
    happened: list[tuple[float, str, int]] = []
    for pause, key, weight in events:
        stand.now += pause
        happened.append((stand.now, key, weight))
        found = value(shared.window_add("w", key, float(weight), 16_000))
        within = [
            sum(each for when, name, each in happened if name == key and when > stand.now - span) for span in (15, 17)
        ]
        assert within[0] - 1e-9 <= found <= within[1] + 1e-9


def test_shared_windows_that_are_only_read_take_no_room_and_do_not_live_longer() -> None:
    """Reading an unknown key makes nothing, and reading a known one does not keep it."""
    stand = Stand()
    shared = stand.plugin()
    assert value(shared.window_add("w", "a", 0.0, 16_000)) == 0.0
    assert stand.commons.own("probe").structures == {}
    value(shared.window_add("w", "a", 1.0, 16_000))
    for _ in range(20):
        stand.now += 1
        read = value(shared.window_add("w", "a", 0.0, 16_000))
    assert read == 0.0
    value(shared.window_add("w", "b", 1.0, 16_000))
    assert stand.commons.own("probe").structures["w"].grows("a", stand.now) > 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "has", "remove", "size"]),
            st.sampled_from("abc"),
            st.none() | st.integers(0, 5_000),
            st.floats(0, 3),
        ),
        max_size=80,
    )
)
def test_shared_sets_are_sets_whose_members_expire(steps: list[tuple[str, str, int | None, float]]) -> None:
    """Adding, asking, removing and counting agree with a dict of ends."""
    stand = Stand()
    shared = stand.plugin()
    model: dict[str, float] = {}
    for what, member, ttl, pause in steps:
        stand.now += pause
        model = {each: end for each, end in model.items() if end > stand.now}
        if what == "add":
            assert value(shared.set_add("s", member, ttl)) is (member not in model)
            model[member] = math.inf if ttl is None else stand.now + ttl / 1000
        elif what == "has":
            assert value(shared.set_has("s", member)) is (member in model)
        elif what == "remove":
            assert value(shared.set_remove("s", member)) is (model.pop(member, None) is not None)
        else:
            assert value(shared.set_size("s")) == len(model)
    stand.now += 10
    value(shared.set_size("s"))
    alive = sum(end > stand.now for end in model.values())
    structure = stand.commons.own("probe").structures.get("s")
    assert structure is None or (structure.size > 0) is (alive > 0)


@given(st.lists(st.tuples(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), st.integers(1, 9)), max_size=200))
def test_shared_tops_never_miss_a_member_that_is_heavier_than_the_lightest(events: list[tuple[str, int]]) -> None:
    """Weights are at least the real ones, too high by at most the lightest candidate's, and sorted."""
    shared = Stand().plugin()
    real: Counter[str] = Counter()
    for member, weight in events:
        real[member] += weight
        value(shared.top_add("t", member, float(weight), 2))
    listed = value(shared.top_list("t", 100))
    assert len(listed) == min(2, len(real))
    assert listed == sorted(listed, key=lambda each: (-each[1], each[0]))
    bound = sum(real.values()) / 16
    for member, weight in listed:
        assert real[member] <= weight <= real[member] + bound
    heaviest = max(real.values(), default=0)
    if heaviest > bound:
        assert listed[0][1] >= heaviest


@pytest.mark.parametrize("different", [0, 1, 100, 5_000, 50_000])
def test_shared_distinct_counts_are_near(different: int) -> None:
    """The estimate is within four standard errors, and members that come twice count once."""
    shared = Stand().plugin()
    for number in range(different):
        value(shared.distinct_add("d", f"member {number}"))
        value(shared.distinct_add("d", f"member {number // 2}"))
    assert abs(value(shared.distinct_count("d")) - different) <= max(1.0, 4 * 0.01625 * different)


def test_shared_structures_belong_to_the_plugin_and_scopes_to_those_that_list_them() -> None:
    """Equal names of two plugins are two structures; a scope's are one for all who may use it."""
    stand = Stand()
    one, two = stand.plugin("one", ("bans",)), stand.plugin("two", ("bans",))
    value(one.counter_add("c", 1.0))
    assert value(two.counter_add("c", 0.0)) == 0.0
    value(one.set_add("bans/now", "192.0.2.1", None))
    assert value(two.set_has("bans/now", "192.0.2.1")) is True


def test_shared_structures_outlive_a_generation() -> None:
    """The next generation finds what the one before counted."""
    stand = Stand()
    value(stand.plugin().counter_add("c", 5.0))
    assert value(stand.plugin().counter_add("c", 0.0)) == 5.0


def test_shared_scopes_that_are_not_listed_are_refused_as_not_allowed() -> None:
    """A plugin cannot look into a scope that its operator did not list, nor remove one's structures."""
    shared = Stand().plugin(scopes=("bans",))
    assert error(shared.counter_add("other/c", 1.0)) == FOREIGN
    assert error(shared.remove("bans/c")) == FOREIGN


def test_shared_kinds_are_not_mixed() -> None:
    """An operation on a structure of another kind is refused as wrong-kind and changes nothing."""
    shared = Stand().plugin()
    value(shared.counter_add("x", 1.0))
    assert error(shared.set_add("x", "a", None)) == KIND
    assert error(shared.set_size("x")) == KIND
    assert error(shared.window_add("x", "a", 1.0, 1_000)) == KIND
    assert error(shared.top_add("x", "a", 1.0, 3)) == KIND
    assert error(shared.top_list("x", 3)) == KIND
    assert error(shared.distinct_add("x", "a")) == KIND
    assert error(shared.distinct_count("x")) == KIND
    assert value(shared.counter_add("x", 0.0)) == 1.0


def test_shared_names_and_members_that_are_empty_or_too_long_are_refused() -> None:
    """Names have 1 to 128 bytes, members and keys 1 to 256: too-large otherwise."""
    shared = Stand().plugin(scopes=("s",))
    for name in ("", "n" * 129, "é" * 65, "s/"):
        assert error(shared.counter_add(name, 1.0)) == LARGE
    for member in ("", "m" * 257):
        assert error(shared.set_add("s", member, None)) == LARGE
        assert error(shared.window_add("w", member, 1.0, 1_000)) == LARGE
    assert value(shared.counter_add("n" * 128, 1.0)) == 1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_shared_numbers_that_make_no_sense_are_bad_values(bad: float) -> None:
    """Not a number, infinite, negative weights, spans of nothing or more than a day, and no places are refused."""
    shared = Stand().plugin()
    assert error(shared.counter_add("c", bad)) == VALUE
    assert error(shared.window_add("w", "a", bad, 1_000)) == VALUE
    assert error(shared.top_add("t", "a", bad, 1)) == VALUE
    assert error(shared.window_add("w", "a", -1.0, 1_000)) == VALUE
    assert error(shared.window_add("w", "a", 1.0, 0)) == VALUE
    assert error(shared.window_add("w", "a", 1.0, 86_400_001)) == VALUE
    assert error(shared.top_add("t", "a", 1.0, 0)) == VALUE
    assert error(shared.top_add("t", "a", 1.0, 1_001)) == VALUE
    value(shared.counter_add("c", 1e308))
    assert error(shared.counter_add("c", 1e308)) == VALUE
    assert value(shared.counter_add("c", 0.0)) == 1e308


def test_shared_quota_of_structures() -> None:
    """One structure more than granted is refused as quota-exceeded, until another is removed."""
    shared = Stand().plugin(shared_structures=2)
    value(shared.counter_add("a", 1.0))
    value(shared.counter_add("b", 1.0))
    assert error(shared.counter_add("c", 1.0)) == QUOTA
    assert value(shared.remove("a")) is True
    assert value(shared.remove("a")) is False
    assert value(shared.counter_add("c", 1.0)) == 1.0


def test_shared_quota_of_bytes() -> None:
    """Members beyond the bytes granted are refused, those that are there are not; what expires makes room again."""
    stand = Stand()
    shared = stand.plugin(shared_bytes=2_000)
    added = 0
    while isinstance(answer := shared.set_add("s", f"member {added}", 5_000), Ok):
        added += 1
        assert added < 100
    assert error(answer) == QUOTA
    assert value(shared.set_add("s", "member 0", 5_000)) is False
    assert stand.commons.own("probe").used <= 2_000
    assert error(shared.distinct_add("d", "x")) == QUOTA
    stand.now += 6
    assert value(shared.set_add("s", "another", 5_000)) is True
    assert value(shared.set_size("s")) == 1
