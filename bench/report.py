"""What becomes of results: a table on the terminal, results.json, and the generated part of docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.figures import CATALOGUE
from bench.measure import Result

__all__ = ["DOCUMENT", "RESULTS", "load", "merge", "save", "show", "write_document"]

RESULTS = Path(__file__).parent / "results.json"
DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"

_BEGIN = "<!-- begin: written by `just bench --write-docs` -->"
_END = "<!-- end -->"


def load(path: Path = RESULTS) -> list[Result]:
    """Results of an earlier run; none when there was none."""
    if not path.exists():
        return []
    return [Result.from_json(entry) for entry in json.loads(path.read_text())]


def merge(old: Iterable[Result], new: Iterable[Result]) -> list[Result]:
    """New results in place of old ones with the same id, in the catalogue's order."""
    known = {result.id: result for result in (*old, *new)}
    return [known[figure] for figure in CATALOGUE if figure in known]


def save(results: Sequence[Result], path: Path = RESULTS) -> None:
    """Writes results.json."""
    path.write_text(json.dumps([result.as_json() for result in results], indent=2, ensure_ascii=False) + "\n")


def _number(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _cells(result: Result) -> tuple[str, ...]:
    figure = CATALOGUE[result.id]
    least, greatest = result.spread
    return (
        result.id,
        figure.what,
        _number(result.ours),
        f"{_number(result.reference)} {result.unit}",
        _number(result.ratio),
        f"{_number(least)} … {_number(greatest)}",
        str(result.runs),
        figure.goal.text(result.unit) if figure.goal else "",
    )


def _met(result: Result) -> str:
    goal = CATALOGUE[result.id].goal
    return "" if goal is None else "yes" if goal.met(result) else "no"


def show(results: Sequence[Result], console: Console) -> None:
    """Prints the table."""
    table = Table(title="Ours against the reference, measured by turns in one run", title_justify="left")
    for heading in ("figure", "what"):
        table.add_column(heading, overflow="fold", min_width=14)
    for heading in ("ours", "reference", "ratio", "spread", "runs"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("goal", "met"):
        table.add_column(heading, no_wrap=True)
    for result in results:
        met = _met(result)
        table.add_row(*_cells(result), Text(met, style={"yes": "green", "no": "red"}.get(met, "")))
    console.print(table)


def _markdown(results: Sequence[Result]) -> str:
    lines = [
        "| figure | ours | reference | ratio | least … greatest | runs | goal | met |",
        "|---|--:|--:|--:|--:|--:|---|---|",
    ]
    for result in results:
        figure, _, ours, reference, ratio, spread, runs, goal = _cells(result)
        cells = (f"`{figure}`", f"{ours} {result.unit}", reference, ratio, spread, runs, goal, _met(result))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _meanings() -> str:
    lines = ["| figure | ours | reference |", "|---|---|---|"]
    lines += [f"| `{name}` | {figure.what} | {figure.reference} |" for name, figure in CATALOGUE.items()]
    return "\n".join(lines)


def write_document(results: Sequence[Result], path: Path = DOCUMENT) -> None:
    """Replaces what stands between the markers.

    Raises:
        ValueError: the document has no markers.
    """
    text = path.read_text()
    head, begin, rest = text.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{path.name} has no place for the table: the lines {_BEGIN} and {_END} are missing")
    path.write_text(f"{head}{begin}\n\n{_markdown(results)}\n\n{_meanings()}\n\n{end}{tail}")
