"""How far a long command is: a bar with rate and remaining time on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, TaskID, TextColumn, TimeRemainingColumn

from wasmpuck.cli.rendering import plain

__all__ = ["Meter"]

_LINE_EVERY = 10.0  # seconds


class Meter:
    """Shows progress on standard error while it is entered.

    `total` is what `done` counts up to, bytes or certificates, 0 if that is not known.
    """

    def __init__(self, what: str, total: int, *, in_bytes: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._total = total
        self._clock = clock
        self._began = self._said = clock()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if sys.stderr.isatty():
            columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn()]
            columns += [DownloadColumn()] if in_bytes else []
            columns += [
                TextColumn("{task.fields[certificates]:,} certificates"),
                TextColumn("{task.fields[rate]:,.0f}/s"),
            ]
            self._bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)

    def __enter__(self) -> Meter:
        self._began = self._said = self._clock()
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self._what, total=self._total or None, certificates=0, rate=0.0)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, certificates: int, what: str = "") -> None:
        """Says how far it is, in the unit of `total`, how many certificates were dealt with, and what is at hand."""
        now = self._clock()
        elapsed = now - self._began
        rate = certificates / elapsed if elapsed else 0.0
        if self._bar is not None and self._task is not None:
            shown = plain(what) or self._what
            self._bar.update(self._task, description=shown, completed=done, certificates=certificates, rate=rate)
        elif now - self._said >= _LINE_EVERY:
            self._said = now
            click.echo(
                f"{self._what}: {certificates:,} certificates, {rate:,.0f}/s{self._left(done, elapsed)}", err=True
            )

    def _left(self, done: int, elapsed: float) -> str:
        if not self._total or not done:
            return ""
        seconds = int(elapsed * max(0, self._total - done) / done)
        minutes, seconds = divmod(seconds, 60)
        left = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {seconds} s"
        return f", {100 * done / self._total:.0f} %, {left} left"
