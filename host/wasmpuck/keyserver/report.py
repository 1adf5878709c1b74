"""What became of submitted certificates, as values for whoever sent them and for whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from wasmpuck.openpgp.facts import Origin

__all__ = [
    "HeldEvent",
    "KeyEvent",
    "LoadFailure",
    "LoadProgress",
    "LoadReport",
    "Observer",
    "Refusal",
    "SubmitEntry",
    "SubmitReport",
    "Watcher",
]


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """A certificate was stored, replaced or erased.

    `md5` is its SKS digest now, None when it is gone; `previous` the one before, None for a new one. `origin` is
    `BULK` for what an operator did by command.
    """

    fingerprint: str
    md5: str | None
    previous: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """A certificate was put into quarantine, or `released` from it.

    `source` is the plugin that did so, empty for the operator; `reason` says why. What is published changes only where
    a `KeyEvent` says so.
    """

    fingerprint: str
    source: str
    reason: str
    origin: Origin
    released: bool = False


Watcher = Callable[[HeldEvent], None]
"""Like `Observer`, for the quarantine."""

Observer = Callable[[KeyEvent], None]
"""Called on the loop after each change of a certificate, in order; must not block. What it raises is only logged."""


@dataclass(frozen=True, slots=True)
class SubmitEntry:
    """What became of one certificate.

    `code` and `comment` say why it was rejected, put into quarantine or rewritten, else they are empty.
    """

    version: int
    fingerprint: str
    comment: str = ""
    code: str = ""


@dataclass(slots=True)
class SubmitReport:
    """What became of each certificate of an upload, in its order.

    `ignored` holds those that brought nothing new, `quarantined` those that are kept and not published. `drops` counts
    packets that policy left out, by the rule's name.
    """

    inserted: list[SubmitEntry] = field(default_factory=list)
    updated: list[SubmitEntry] = field(default_factory=list)
    ignored: list[SubmitEntry] = field(default_factory=list)
    rejected: list[SubmitEntry] = field(default_factory=list)
    quarantined: list[SubmitEntry] = field(default_factory=list)
    drops: dict[str, int] = field(default_factory=dict)

    def count_drops(self, drops: Iterable[tuple[str, int]]) -> None:
        """Adds to `drops`."""
        for rule, number in drops:
            self.drops[rule] = self.drops.get(rule, 0) + number


@dataclass(frozen=True, slots=True)
class Refusal:
    """A certificate of a source that was not taken: where its unpacked bytes begin there, what it is, and why.

    In armor `offset` counts the decoded bytes of its block. `fingerprint` is empty and `version` 0 if they could not
    be read.
    """

    offset: int
    fingerprint: str
    version: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far the loading of one source is.

    Bytes read of `size` (0: not known) as they lie there, and certificates dealt with so far by this run.
    """

    path: Path
    read: int
    size: int
    certificates: int


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """A file that could not be read to its end, and why. What was read before stays loaded."""

    path: Path
    message: str
    hint: str


@dataclass(slots=True)
class LoadReport:
    """Numbers of certificates over all files, and of packets that policy left out, by the rule's name.

    `resumed` are files of which an earlier run had loaded a part or everything, which is not counted again.
    """

    inserted: int = 0
    updated: int = 0
    ignored: int = 0
    rejected: int = 0
    quarantined: int = 0
    drops: dict[str, int] = field(default_factory=dict)
    failures: list[LoadFailure] = field(default_factory=list)
    resumed: int = 0

    @property
    def certificates(self) -> int:
        """All that were dealt with."""
        return self.inserted + self.updated + self.ignored + self.rejected + self.quarantined

    def add(self, report: SubmitReport) -> None:
        """Counts what a report lists."""
        self.inserted += len(report.inserted)
        self.updated += len(report.updated)
        self.ignored += len(report.ignored)
        self.rejected += len(report.rejected)
        self.quarantined += len(report.quarantined)
        for rule, number in report.drops.items():
            self.drops[rule] = self.drops.get(rule, 0) + number
