"""`wasmpuck:plugin/metrics`: a plugin's own series, bounded in number."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from math import isfinite
from typing import Any, ClassVar, Final

from wasmpuck.runtime.capabilities.context import Context
from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["Declaration", "Metrics", "PluginSeries"]

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_MOST_METRICS: Final = 64
_MOST_LABELS: Final = 4
_MOST_BUCKETS: Final = 40
_LABEL_BYTES: Final = 128
_DEFAULT_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Declaration:
    """One declared metric with its values by label values."""

    __slots__ = ("buckets", "help", "kind", "labels", "name", "values")

    def __init__(self, name: str, kind: str, help: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> None:
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
        self.buckets = buckets
        #: For counters and gauges one number; for histograms the buckets' counts, then the sum.
        self.values: dict[tuple[str, ...], list[float]] = {}

    @property
    def samples(self) -> frozenset[str]:
        """Names under which its values appear on the metrics page: no two metrics may share one."""
        if self.kind == "histogram":
            return frozenset(self.name + suffix for suffix in ("", "_bucket", "_count", "_sum"))
        return frozenset({self.name.removesuffix("_total") + "_total" if self.kind == "counter" else self.name})

    def same_shape(self, other: Declaration) -> bool:
        """Whether values of the one can be continued by the other."""
        return (self.kind, self.labels, self.buckets) == (other.kind, other.labels, other.buckets)


class PluginSeries:
    """The metrics of one plugin, kept over its generations so that counters do not start again."""

    def __init__(self, plugin: str) -> None:
        self.plugin = plugin
        self.declared: dict[str, Declaration] = {}
        self._settled: dict[str, Declaration] = {}
        self._coming: dict[str, Declaration] = {}
        self.count = 0
        self.dropped_log_lines = 0
        #: Events that it published, and that were delivered to it or dropped because too many waited.
        self.events: Counter[str] = Counter()
        self.overflowed = 0

    def declare(self, declarations: Iterable[Any]) -> list[str]:
        """Takes the declarations of `lifecycle.describe`; returns what is wrong with them, in sentences.

        What an older generation declared stays as it was until `settle`: it may still be in service. So a metric whose
        shape has changed can be used from then on only.
        """
        problems: list[str] = []
        fresh: dict[str, Declaration] = {}
        taken: set[str] = set()
        for number, given in enumerate(declarations):
            if number == _MOST_METRICS:
                return [f"at most {_MOST_METRICS} metrics can be declared"]
            where = f"metric {given.name[:80]!r}"
            labels = tuple(given.labels)
            buckets = tuple(given.buckets) or (_DEFAULT_BUCKETS if given.kind == "histogram" else ())
            if not _NAME.match(given.name):
                problems.append(f"{where}: a name has 1 to 64 lower case letters, digits and _")
            elif given.name in fresh:
                problems.append(f"{where} is declared twice")
            elif len(labels) > _MOST_LABELS or len(set(labels)) != len(labels) or not all(map(_NAME.match, labels)):
                problems.append(
                    f"{where}: at most {_MOST_LABELS} different label names of lower case letters, digits and _"
                )
            elif "le" in labels or "plugin" in labels:
                problems.append(f"{where}: the label names le and plugin are reserved")
            elif (
                len(buckets) > _MOST_BUCKETS or list(buckets) != sorted(set(buckets)) or not all(map(isfinite, buckets))
            ):
                problems.append(f"{where}: buckets are at most {_MOST_BUCKETS} ascending finite numbers")
            elif given.kind != "histogram" and buckets:
                problems.append(f"{where}: only a histogram has buckets")
            else:
                declaration = Declaration(given.name, given.kind, given.help[:200], labels, buckets)
                if taken & declaration.samples:
                    problems.append(f"{where} would appear under the name of another metric")
                taken |= declaration.samples
                fresh[given.name] = declaration
        if problems:
            return problems
        for name, declaration in fresh.items():
            old = self.declared.get(name)
            if old is None or old.same_shape(declaration):
                declaration.values = old.values if old is not None else {}
                self.declared[name] = declaration
        self._coming = fresh
        return []

    def settle(self, names: Iterable[str]) -> None:
        """A generation that declares these went into service: what only older ones declared is dropped."""
        found = {**self.declared, **self._coming}
        self.declared = {name: found[name] for name in names if name in found}
        self._settled = dict(self.declared)
        self._coming = {}
        self._recount()

    def withdraw(self) -> None:
        """The generation that declared last does not go into service: what is in service declared counts again."""
        self.declared = dict(self._settled)
        self._coming = {}
        self._recount()

    def _recount(self) -> None:
        self.count = sum(len(declaration.values) for declaration in self.declared.values())


_UNDECLARED: Final = Err(Case("undeclared"))
_WRONG_LABELS: Final = Err(Case("wrong-labels"))
_BAD_VALUE: Final = Err(Case("bad-value"))
_DONE: Final = Ok()


class Metrics:
    """A plugin's view of its series."""

    #: WIT function names.
    functions: ClassVar = frozenset({"add", "set", "observe"})

    def __init__(self, context: Context) -> None:
        self._series = context.series
        self._limit = context.limits.series_limit

    def _values(self, declaration: Declaration, labels: list[str]) -> list[float]:
        key = tuple(labels)
        values = declaration.values.get(key)
        if values is None:
            key = tuple(label[:_LABEL_BYTES] for label in labels)
            if key not in declaration.values and self._series.count >= self._limit:
                self._series.overflowed += 1
                key = ("other",) * len(key)
            values = declaration.values.get(key)
            if values is None:
                size = len(declaration.buckets) + 2 if declaration.kind == "histogram" else 1
                values = declaration.values[key] = [0.0] * size
                self._series.count += 1
        return values

    def add(self, name: str, labels: list[str], value: float) -> Ok | Err:
        """WIT `metrics.add`."""
        declaration = self._series.declared.get(name)
        if declaration is None or declaration.kind == "histogram":
            return _UNDECLARED
        if len(labels) != len(declaration.labels):
            return _WRONG_LABELS
        if not isfinite(value) or (value < 0 and declaration.kind == "counter"):
            return _BAD_VALUE
        self._values(declaration, labels)[0] += value
        return _DONE

    def set(self, name: str, labels: list[str], value: float) -> Ok | Err:
        """WIT `metrics.set`."""
        declaration = self._series.declared.get(name)
        if declaration is None or declaration.kind != "gauge":
            return _UNDECLARED
        if len(labels) != len(declaration.labels):
            return _WRONG_LABELS
        if not isfinite(value):
            return _BAD_VALUE
        self._values(declaration, labels)[0] = value
        return _DONE

    def observe(self, name: str, labels: list[str], value: float) -> Ok | Err:
        """WIT `metrics.observe`."""
        declaration = self._series.declared.get(name)
        if declaration is None or declaration.kind != "histogram":
            return _UNDECLARED
        if len(labels) != len(declaration.labels):
            return _WRONG_LABELS
        if not isfinite(value):
            return _BAD_VALUE
        values = self._values(declaration, labels)
        values[bisect_left(declaration.buckets, value)] += 1
        values[-1] += value
        return _DONE
