"""How answers look on a terminal. Text from plugins and files is escaped: it cannot steer the terminal."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wasmpuck.logs import escape

__all__ = ["columns", "print_json", "progress", "say"]

_WIDEST: Final = 100_000  # columns; more than any line of ours


def print_json(value: Any) -> None:
    """Prints JSON as a person reads it, one value."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def say(text: str) -> None:
    """A remark beside the answer, on standard error."""
    click.echo(click.style(escape(text), dim=True), err=True)


def columns(head: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()) -> None:
    """Prints a table; off a terminal it is as wide as it needs to be. Columns in `right` are aligned to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, title in enumerate(head):
        table.add_column(title, overflow="fold", justify="right" if number in right else "left")
    for row in rows:
        table.add_row(*(Text(escape(str(cell))) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        wide = Console(highlight=False, width=_WIDEST).measure(table).maximum
        console = Console(highlight=False, width=wide)
    console.print(table)


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Shows on a terminal what takes long; yields what is told of it: what, and for how many seconds so far."""
    if not sys.stderr.isatty():
        yield lambda what, seconds: None
        return
    with Console(stderr=True).status("") as status:

        def tell(what: str, seconds: float) -> None:
            status.update(Text(f"{escape(what)}: {seconds:.0f} s so far"))

        status.update(Text("loading the plugin"))
        yield tell
