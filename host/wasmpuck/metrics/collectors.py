"""Every Prometheus collector of the server, declared once.

A `Metrics` has a registry of its own, so that two servers in one process (tests) do not add up. What a request does is
a dictionary look-up and a few additions; pages are made of that when they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from wasmpuck.metrics.hockeypuck import hockeypuck_lines
from wasmpuck.metrics.requests import Requests

__all__ = ["EXPOSITION_CONTENT_TYPE", "Metrics"]

EXPOSITION_CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""Content type of `Metrics.render`."""

_MOST_REASONS = 64
"""Reason codes of refusals that get a series of their own; a plugin chooses them, so they must be bounded."""

_CHANGES = {"inserted": "added", "updated": "updated", "removed": "removed"}
"""How the database changes, and Hockeypuck's word for it."""


class Metrics:
    """The server's own series. Names begin with `wasmpuck_`; the unit is in the name."""

    def __init__(self, *, process: bool = True, hockeypuck_names: bool = True) -> None:
        """`process`: also export the interpreter's and the process's standard series.

        `hockeypuck_names`: also give what Hockeypuck counts under its names.
        """
        self._hockeypuck_names = hockeypuck_names
        self.registry = CollectorRegistry(auto_describe=True)
        if process:
            ProcessCollector(registry=self.registry)
            PlatformCollector(registry=self.registry)
            GCCollector(registry=self.registry)

        self._requests = Requests()
        self.registry.register(self._requests)
        self._in_flight = 0
        Gauge("wasmpuck_http_requests_in_flight", "Requests being answered now.", registry=self.registry).set_function(
            lambda: self._in_flight
        )
        self._received = Counter(
            "wasmpuck_http_received_bytes", "Bytes of request bodies taken.", registry=self.registry
        ).inc
        self._sent = Counter("wasmpuck_http_sent_bytes", "Bytes of answers' bodies.", registry=self.registry).inc
        self._connections = Gauge("wasmpuck_http_connections", "Open connections.", registry=self.registry)
        self._delayed = Gauge(
            "wasmpuck_http_delayed_requests", "Requests that wait because a plugin said so.", registry=self.registry
        )
        self._dripping = Gauge(
            "wasmpuck_http_dripping_connections",
            "Connections that get a slow answer of a plugin.",
            registry=self.registry,
        )
        self._connections_closed = Counter(
            "wasmpuck_http_connections_closed",
            "Connections that the server closed on its own account, by reason.",
            ("reason",),
            registry=self.registry,
        )

        self._store_keys = Gauge("wasmpuck_store_keys", "Certificates in the database.", registry=self.registry)
        changed = Counter(
            "wasmpuck_store_changed_keys",
            "Certificates that changed in the database while this server ran, by change (inserted, updated, removed).",
            ("change",),
            registry=self.registry,
        )
        self._changed = {change: changed.labels(change) for change in _CHANGES}
        quarantine = Counter(
            "wasmpuck_store_quarantine",
            "Certificates that went into quarantine and that came out of it (quarantined, released).",
            ("change",),
            registry=self.registry,
        )
        self._quarantine = {change: quarantine.labels(change) for change in ("quarantined", "released")}
        self._submitted = Counter(
            "wasmpuck_store_submitted_keys",
            "Certificates submitted, by origin and outcome (inserted, updated, ignored, quarantined, rejected).",
            ("origin", "outcome"),
            registry=self.registry,
        )
        self._rejected = Counter(
            "wasmpuck_store_rejected_keys",
            "Certificates that were refused, by the reason's code.",
            ("reason",),
            registry=self.registry,
        )
        self._store_errors = Counter(
            "wasmpuck_store_errors", "Operations that the database did not do.", registry=self.registry
        ).inc
        self._letters = Counter(
            "wasmpuck_mail_letters",
            "Letters, by what became of them (sent, lost) and how often one was put off (retried).",
            ("outcome",),
            registry=self.registry,
        )
        self._reasons: set[str] = set()

    # --- requests: on the hot path ---

    def request_began(self) -> None:
        """A request's headers are complete."""
        self._in_flight += 1

    def request_ended(self, method: str, operation: str, status: int, seconds: float, sent: int) -> None:
        """An answer is ready: `sent` bytes of body (0 when not known beforehand)."""
        self._in_flight -= 1
        self._requests.ended(method, operation, status, seconds)
        if sent:
            self._sent(sent)

    def request_abandoned(self) -> None:
        """A request ended without an answer: its client went away."""
        self._in_flight -= 1

    def received(self, size: int) -> None:
        """A request body of `size` bytes was read."""
        self._received(size)

    # --- connections ---

    def watch_connections(self, count: Callable[[], int]) -> None:
        """`count` is asked for the number of open connections whenever the metrics are read."""
        self._connections.set_function(count)

    def watch_slow(self, delayed: Callable[[], int], dripping: Callable[[], int]) -> None:
        """The same for requests that plugins let wait, and for connections that get a slow answer."""
        self._delayed.set_function(delayed)
        self._dripping.set_function(dripping)

    def connection_closed(self, reason: str) -> None:
        """The server closed a connection for `reason`, one of `http.limits.Closed`."""
        self._connections_closed.labels(reason).inc()

    # --- the store ---

    def store_counted(self, total: int) -> None:
        """There are `total` certificates in the database."""
        self._store_keys.set(total)

    def store_changed(self, *, before: bool, after: bool) -> None:
        """A certificate changed in the database, which had it `before`, and has it `after`."""
        self._changed["updated" if before and after else "inserted" if after else "removed"].inc()
        if before != after:
            self._store_keys.inc(1 if after else -1)

    def quarantined(self, *, released: bool) -> None:
        """A certificate was put into quarantine, or released from it."""
        self._quarantine["released" if released else "quarantined"].inc()

    def submitted(
        self,
        origin: str,
        *,
        inserted: int,
        updated: int,
        ignored: int,
        rejected: Iterable[str],
        quarantined: int = 0,
    ) -> None:
        """A submission was taken; `rejected` holds a reason's code for each certificate refused."""
        outcomes = {"inserted": inserted, "updated": updated, "ignored": ignored, "quarantined": quarantined}
        for outcome, count in outcomes.items():
            if count:
                self._submitted.labels(origin, outcome).inc(count)
        for reason in rejected:
            code = reason
            self._submitted.labels(origin, "rejected").inc()
            if code not in self._reasons:
                if len(self._reasons) < _MOST_REASONS:
                    self._reasons.add(code)
                else:
                    code = "other"
            self._rejected.labels(code).inc()

    def store_failed(self) -> None:
        """The database did not do what it was asked."""
        self._store_errors()

    # --- mail ---

    def letter(self, outcome: str) -> None:
        """A letter was `sent`, `retried` or `lost`."""
        self._letters.labels(outcome).inc()

    # --- reading ---

    def render(self) -> bytes:
        """All series in Prometheus' text format; content type `EXPOSITION_CONTENT_TYPE`."""
        page = generate_latest(self.registry)
        if not self._hockeypuck_names:
            return page
        keys = {word: _total(self._changed[change]) for change, word in _CHANGES.items()}
        keys["ignored"] = _total(self._submitted, outcome="ignored")
        return page + hockeypuck_lines(keys, self._requests).encode()


def _total(counter: Counter, **labels: str) -> float:
    """What a counter has counted, over all its series that have these labels."""
    return sum(
        sample.value
        for metric in counter.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and labels.items() <= sample.labels.items()
    )
