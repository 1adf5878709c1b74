"""`metrics`: a plugin's own series, declared and bounded."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest

from runtime.capabilities.stand import Surroundings
from wasmpuck.runtime.capabilities.metrics import Metrics, PluginSeries
from wasmpuck.runtime.values import Case, Err, Ok

Given = namedtuple("Given", ["name", "kind", "help", "labels", "buckets"])
UNDECLARED, WRONG_LABELS, BAD_VALUE = (Err(Case(tag)) for tag in ("undeclared", "wrong-labels", "bad-value"))


def metric(name: str = "seen", kind: str = "counter", labels: Any = (), buckets: Any = (), help: str = "Help.") -> Any:
    return Given(name, kind, help, list(labels), list(buckets))


def opened(*declarations: Any, limit: int = 200) -> tuple[Metrics, PluginSeries]:
    around = Surroundings()
    assert around.series.declare(declarations) == []
    return Metrics(around.context(series_limit=limit)), around.series


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def test_each_kind_counts_in_its_way() -> None:
    """Counters and gauges add, gauges are set, histograms sort into buckets and sum up."""
    metrics, series = opened(
        metric("hits", labels=["op"]), metric("level", "gauge"), metric("took", "histogram", buckets=[1, 2.5])
    )
    assert metrics.add("hits", ["get"], 1) == metrics.add("hits", ["get"], 2.5) == Ok()
    metrics.add("hits", ["add"], 0)
    metrics.set("level", [], 5)
    metrics.add("level", [], -7)
    for value in (0.5, 1.0, 2.0, 99.0):
        metrics.observe("took", [], value)
    declared = series.declared
    assert declared["hits"].values == {("get",): [3.5], ("add",): [0]}
    assert declared["level"].values == {(): [-2]}
    assert declared["took"].values == {(): [2, 1, 1, 102.5]}  # two buckets, the rest, the sum
    assert series.count == 4


@pytest.mark.parametrize(
    ("function", "name", "labels", "value", "answer"),
    [
        ("add", "none", [], 1.0, UNDECLARED),
        ("set", "none", [], 1.0, UNDECLARED),
        ("observe", "none", [], 1.0, UNDECLARED),
        ("add", "took", [], 1.0, UNDECLARED),
        ("set", "hits", ["a"], 1.0, UNDECLARED),
        ("set", "took", [], 1.0, UNDECLARED),
        ("observe", "level", [], 1.0, UNDECLARED),
        ("add", "hits", [], 1.0, WRONG_LABELS),
        ("add", "hits", ["a", "b"], 1.0, WRONG_LABELS),
        ("set", "level", ["a"], 1.0, WRONG_LABELS),
        ("observe", "took", ["a"], 1.0, WRONG_LABELS),
        ("add", "hits", ["a"], -1.0, BAD_VALUE),
        ("add", "hits", ["a"], float("nan"), BAD_VALUE),
        ("add", "level", [], float("inf"), BAD_VALUE),
        ("set", "level", [], float("-inf"), BAD_VALUE),
        ("observe", "took", [], float("nan"), BAD_VALUE),
    ],
)
@pytest.mark.covers("metrics.error.undeclared", "metrics.error.wrong-labels", "metrics.error.bad-value")
def test_what_does_not_fit_is_answered(function: str, name: str, labels: list[str], value: float, answer: Err) -> None:
    """Another name or kind, other labels and impossible values are errors of the contract and change nothing."""
    metrics, series = opened(metric("hits", labels=["op"]), metric("level", "gauge"), metric("took", "histogram"))
    assert same(getattr(metrics, function)(name, labels, value), answer)
    assert series.count == 0


@pytest.mark.covers("metrics.quota.seriesLimit")
def test_series_beyond_the_limit_become_other() -> None:
    """Label values beyond the limit are counted together; what exists goes on; long values are cut and found again."""
    metrics, series = opened(metric("hits", labels=["who"]), limit=3)
    long = "x" * 500
    for who in ("a", long, "b", "c", "d", "a", long):
        assert metrics.add("hits", [who], 1) == Ok()
    assert series.declared["hits"].values == {("a",): [2], ("x" * 128,): [2], ("b",): [1], ("other",): [2]}
    assert series.overflowed == 2


@pytest.mark.parametrize(
    ("declarations", "words"),
    [
        ([metric("Upper")], "metric 'Upper': a name has"),
        ([metric("")], "a name has"),
        ([metric("x" * 65)], "a name has"),
        ([metric("a-b")], "a name has"),
        ([metric("a\n")], "a name has"),
        ([metric(), metric()], "metric 'seen' is declared twice"),
        ([metric(labels="abcde")], "at most 4 different label names"),
        ([metric(labels=["a", "a"])], "at most 4 different label names"),
        ([metric(labels=["A"])], "at most 4 different label names"),
        ([metric(labels=["le"])], "the label names le and plugin are reserved"),
        ([metric(labels=["plugin"])], "reserved"),
        ([metric(buckets=[1])], "only a histogram has buckets"),
        ([metric(kind="histogram", buckets=[2, 1])], "ascending finite numbers"),
        ([metric(kind="histogram", buckets=[1, 1])], "ascending finite numbers"),
        ([metric(kind="histogram", buckets=[1, float("inf")])], "ascending finite numbers"),
        ([metric(kind="histogram", buckets=[float("nan")])], "ascending finite numbers"),
        ([metric(kind="histogram", buckets=range(41))], "at most 40"),
        ([metric("a", "histogram"), metric("a_sum", "gauge")], "under the name of another metric"),
        ([metric("a"), metric("a_total")], "under the name of another metric"),
        ([metric(f"m{number}") for number in range(65)], "at most 64 metrics"),
    ],
)
def test_declarations_are_checked(declarations: list[Any], words: str) -> None:
    """Each rule of a declaration has a sentence of its own, and nothing is declared when one is broken."""
    series = PluginSeries("probe")
    problems = series.declare([metric("fine"), *declarations])
    assert len(problems) == 1
    assert words in problems[0]
    assert series.declared == {}


def test_every_problem_is_told() -> None:
    """An author sees all mistakes at once."""
    assert len(PluginSeries("probe").declare([metric("A"), metric("B"), metric(labels=["le"])])) == 3


def test_values_outlive_a_generation() -> None:
    """A new generation continues a metric of the same shape, starts anew with another shape, and drops the others."""
    metrics, series = opened(metric("kept", labels=["a"]), metric("changed"), metric("gone"))
    for name, labels in (("kept", ["x"]), ("changed", []), ("gone", [])):
        metrics.add(name, labels, 1)
    assert (
        series.declare([metric("kept", labels=["a"], help="Better."), metric("changed", "gauge"), metric("new")]) == []
    )
    assert set(series.declared) == {"kept", "changed", "gone", "new"}  # the old generation still works
    metrics.add("gone", [], 1)
    series.settle({"kept", "changed", "new"})
    assert {name: dict(found.values) for name, found in series.declared.items()} == {
        "kept": {("x",): [1]},
        "changed": {},
        "new": {},
    }
    assert series.declared["kept"].help == "Better."
    assert series.count == 1


def test_a_generation_that_fails_does_not_touch_the_one_in_service() -> None:
    """What a refused generation declared is gone, and the metrics of the one in service are as they were."""
    metrics, series = opened(metric("kept", labels=["a"]), metric("changed", labels=["a"]))
    series.settle({"kept", "changed"})
    metrics.add("changed", ["x"], 1)
    assert series.declare([metric("kept", labels=["a"]), metric("changed", "gauge"), metric("new")]) == []
    assert metrics.add("changed", ["x"], 1) == Ok()  # while the next generation is being prepared
    metrics.add("kept", ["y"], 1)
    metrics.add("new", [], 1)
    series.withdraw()
    assert {name: dict(found.values) for name, found in series.declared.items()} == {
        "kept": {("y",): [1]},
        "changed": {("x",): [2]},
    }
    assert series.count == 2
    assert same(metrics.add("new", [], 1), UNDECLARED)
