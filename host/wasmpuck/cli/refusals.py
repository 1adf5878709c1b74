"""What was not taken, and why: by reason in a table, one by one in a file."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from rich import box
from rich.table import Table
from rich.text import Text

from wasmpuck.cli.rendering import plain
from wasmpuck.keyserver import LoadReport, Refusal

__all__ = ["Refusals", "ReportFile", "load_tables", "number_table"]

_EXAMPLES = 3  # fingerprints that are shown for each reason
_FIELDS = ("source", "offset", "fingerprint", "version", "code", "reason")


@dataclass(slots=True)
class Refusals:
    """Refused certificates by the code of the reason: what was said of the first, how many, and which were first."""

    reasons: dict[str, tuple[str, int, tuple[str, ...]]] = field(default_factory=dict)

    def add(self, source: str, refusals: Iterable[Refusal]) -> None:
        """Notes refusals from a source."""
        for refusal in refusals:
            text, number, which = self.reasons.get(refusal.code, (refusal.text, 0, ()))
            if number < _EXAMPLES:
                which = (*which, refusal.fingerprint or f"byte {refusal.offset} of {source}")
            self.reasons[refusal.code] = text, number + 1, which


class ReportFile:
    """Writes each refusal as a line: comma-separated values if the name ends in `.csv`, else an object of JSON.

    Fields: source, offset, fingerprint, version, code, reason. What is added is in the file when `add` returns. A
    loading that goes on where an earlier one ended adds to that one's report; any other begins a new one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._write: Callable[[Sequence[object]], object] = self._write_object
        self._begun = False

    def __enter__(self) -> Self:
        self._file = self._path.open("a", newline="", encoding="utf-8")
        if self._path.suffix.lower() == ".csv":
            self._write = csv.writer(self._file).writerow
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            if not self._begun:
                self.begin(resumed=False)
            self._file.close()

    def begin(self, *, resumed: bool) -> None:
        """Call before the first `add`: empties the file unless an earlier loading is resumed."""
        if self._begun or self._file is None:
            return
        self._begun = True
        if not resumed:
            self._file.truncate(0)
        if self._path.suffix.lower() == ".csv" and os.fstat(self._file.fileno()).st_size == 0:
            self._write(_FIELDS)

    def add(self, source: str, refusals: Iterable[Refusal]) -> None:
        """Writes a line for each."""
        self.begin(resumed=False)
        for each in refusals:
            self._write((source, each.offset, each.fingerprint, each.version, each.code, each.text))
        if self._file is not None:
            self._file.flush()

    def _write_object(self, values: Sequence[object]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(dict(zip(_FIELDS, values, strict=True)), ensure_ascii=False) + "\n")


def load_tables(report: LoadReport, refusals: Refusals) -> list[Table]:
    """What became of all certificates, why some were refused, and what was left out of others."""
    taken = number_table(
        "certificates",
        (
            ("new", report.inserted),
            ("updated", report.updated),
            ("unchanged", report.ignored),
            *([("in quarantine", report.quarantined)] if report.quarantined else []),
            ("refused", report.rejected),
            ("in all", report.certificates),
        ),
    )
    tables = [taken]
    if refusals.reasons:
        refused = _table(("refused because", "number", "why", "which"))
        for code, (why, number, which) in sorted(refusals.reasons.items(), key=lambda item: -item[1][1]):
            more = f", and {number - _EXAMPLES:,} more" if number > _EXAMPLES else ""
            refused.add_row(Text(plain(code)), f"{number:,}", Text(plain(why)), Text(plain(", ".join(which) + more)))
        tables.append(refused)
    if report.drops:
        tables.append(number_table("packets left out by", sorted(report.drops.items(), key=lambda item: -item[1])))
    return tables


def number_table(what: str, rows: Iterable[tuple[str, int]]) -> Table:
    """A table of labels and numbers."""
    table = _table((what, "number"))
    for label, number in rows:
        table.add_row(Text(plain(label)), f"{number:,}")
    return table


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column == "number" else "left", overflow="fold")
    return table
