"""The plugin's own series in the server's metrics (import `metrics`), declared at the top of the plugin.

requests = metrics.counter("requests", "Requests, by operation.", labels=["operation"])
requests.add("get")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from . import _registry, _seam
from .errors import HostError

__all__ = ["Counter", "Declaration", "Gauge", "Histogram", "MetricsError", "counter", "gauge", "histogram"]


class MetricsError(HostError):
    """Why a value was not taken."""

    Undeclared: ClassVar[type[MetricsError]]
    WrongLabels: ClassVar[type[MetricsError]]
    BadValue: ClassVar[type[MetricsError]]
    Other: ClassVar[type[MetricsError]]

    cases: ClassVar = {
        "undeclared": "No metric of this name and kind was declared.",
        "wrong-labels": "As many label values as declared label names are needed.",
        "bad-value": "A counter cannot fall, and no value may be infinite or not a number.",
        "other": "The value was not taken.",
    }


@dataclass(frozen=True)
class Declaration:
    """A metric: name (`a-z0-9_`), kind (`counter`, `gauge`, `histogram`), one sentence, label names (at most 4), upper
    bounds of buckets.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Metric:
    declaration: Declaration

    def _do(self, function: str, labels: tuple[str, ...], value: float) -> None:
        _seam.call(MetricsError, f"metrics.{function}", self.declaration.name, list(labels), float(value))


class Counter(_Metric):
    """Only grows."""

    def add(self, *labels: str, value: float = 1) -> None:
        """Adds to the series with these label values."""
        self._do("add", labels, value)


class Gauge(_Metric):
    """Goes up and down."""

    def add(self, *labels: str, value: float = 1) -> None:
        """Adds to the series with these label values; `value` may be negative."""
        self._do("add", labels, value)

    def set(self, *labels: str, value: float) -> None:
        """Sets the series with these label values."""
        self._do("set", labels, value)


class Histogram(_Metric):
    """Observations in buckets."""

    def observe(self, *labels: str, value: float) -> None:
        """Adds an observation to the series with these label values."""
        self._do("observe", labels, value)


def counter(name: str, help: str, *, labels: Sequence[str] = ()) -> Counter:
    """Declares a counter."""
    return Counter(_declare(Declaration(name, "counter", help, tuple(labels))))


def gauge(name: str, help: str, *, labels: Sequence[str] = ()) -> Gauge:
    """Declares a gauge."""
    return Gauge(_declare(Declaration(name, "gauge", help, tuple(labels))))


def histogram(name: str, help: str, *, labels: Sequence[str] = (), buckets: Sequence[float] = ()) -> Histogram:
    """Declares a histogram; without `buckets` (upper bounds, ascending) it has the server's defaults."""
    return Histogram(_declare(Declaration(name, "histogram", help, tuple(labels), tuple(map(float, buckets)))))


def _declare(declaration: Declaration) -> Declaration:
    _registry.current().metrics.append(declaration)
    return declaration
