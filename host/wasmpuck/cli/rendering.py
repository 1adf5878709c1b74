"""How things look on a terminal. Text from plugins, files and servers is escaped: it cannot steer the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wasmpuck.errors import ConfigurationError, WasmpuckError
from wasmpuck.logs import escape

__all__ = ["COLUMNS", "RUNTIME_COLUMNS", "error_lines", "plain", "plugin_table", "row_of", "show_table"]

COLUMNS = ("name", "version", "state", "health", "generation", "kind", "runtime", "signer", "worlds", "reason")
"""What is known of a plugin, in the order of the table and of `plugins list --json`."""

RUNTIME_COLUMNS = ("name", "version", "state", "language", "file", "signer", "plugins", "reason")
"""The same of a language runtime, for `plugins runtimes`."""

_WIDEST = 100_000  # columns; more than any line of ours
_STATES = {
    "running": "green",
    "in use": "green",
    "refused": "red",
    "failed": "red",
    "quarantined": "red",
    "disabled": "dim",
}


def row_of(plugin: object, columns: Iterable[str] = COLUMNS) -> dict[str, Any]:
    """A plugin's row: each of the columns, whether `plugin` is a mapping or an object; absent ones are None."""
    if isinstance(plugin, Mapping):
        return {column: plugin.get(column) for column in columns}
    return {column: getattr(plugin, column, None) for column in columns}


def plain(value: object) -> str:
    """A value as one line of text: lists joined by commas, nothing for None, control characters escaped."""
    if value is None:
        return ""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return escape(str(value))
    return ", ".join(plain(item) for item in value)


def plugin_table(plugins: Iterable[object], columns: Iterable[str] = COLUMNS) -> Table:
    """The plugins as a table for people; a column that is empty in every row is left out. Of a reason with a traceback
    the first line is shown.
    """
    columns = tuple(columns)
    rows = [row_of(plugin, columns) for plugin in plugins]
    for row in rows:
        row["reason"] = str(row["reason"] or "").partition("\n")[0]
    shown = [column for column in columns if column == "name" or any(plain(row[column]) for row in rows)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in shown:
        table.add_column(column, overflow="fold", no_wrap=column in ("name", "version", "state"))
    for row in rows:
        style = _STATES.get(plain(row["state"]), "")
        table.add_row(*(Text(plain(row[column]), style=style if column == "state" else "") for column in shown))
    return table


def show_table(table: Table, *, err: bool = False) -> None:
    """Prints a table; off a terminal it is as wide as it needs to be, so that no line is broken."""
    console = Console(stderr=err, highlight=False)
    if not console.is_terminal:
        wide = Console(highlight=False, width=_WIDEST).measure(table).maximum
        console = Console(stderr=err, highlight=False, width=wide)
    console.print(table)


def error_lines(error: WasmpuckError) -> list[str]:
    """An error for people: what is wrong, and below it what to do."""
    if isinstance(error, ConfigurationError):
        count = len(error.problems)
        head = "the configuration has a mistake:" if count == 1 else f"the configuration has {count} mistakes:"
        return [head, *(f"  {escape(str(problem))}" for problem in error.problems)]
    lines = [escape(line) for line in error.message.splitlines()] or [type(error).__name__]
    return [*lines, *(f"hint: {escape(line)}" for line in error.hint.splitlines())]
