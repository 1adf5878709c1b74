"""``python -m soak [SECONDS]``: the whole zoo beside honest plugins and gpg, with a table and a verdict."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from soak.run import Findings, soak, summary
from soak.tally import Trend, percentile

RESULTS = Path(__file__).parents[2] / "bench" / "soak.json"


def _trend(table: Table, what: str, found: Trend, unit: str, scale: float) -> None:
    table.add_row(
        what,
        f"{found.first / scale:,.1f} → {found.last / scale:,.1f} {unit}",
        f"most {found.most / scale:,.1f} {unit}, {found.slope / scale:+,.3f} ± {found.error / scale:,.3f} a minute",
    )


def _show(findings: Findings, console: Console) -> None:
    table = Table(title=f"Soak of {findings.seconds:.0f} s", title_justify="left")
    for heading, justify in (("what", "left"), ("count", "right"), ("lost, or how it went", "left")):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]  # a literal, from a tuple
    for kind, count in sorted(findings.asked.items()):
        lost = findings.lost.get(kind, 0)
        table.add_row(kind, f"{count:,}", f"[red]{lost}[/red]" if lost else "0")
    table.add_section()
    _trend(table, "memory after warm-up", findings.resident, "MB", 1e6)
    _trend(table, "without the guests' memory", findings.own, "MB", 1e6)
    _trend(table, "open files", findings.files, "", 1)
    _trend(table, "threads", findings.threads, "", 1)
    delays = [value * 1000 for value in findings.delays]
    table.add_row(
        "idle request, ms",
        f"{len(delays):,}",
        ", ".join(f"p{percent} {percentile(delays, percent):.1f}" for percent in (50, 90, 99))
        + f", most {max(delays, default=0):.0f}",
    )
    table.add_section()
    for name, outcomes in findings.honest.items():
        table.add_row(
            f"{name}, generation {findings.generations.get(name, 0)}", f"{sum(outcomes.values()):,}", _told(outcomes)
        )
    table.add_section()
    for name, outcomes in findings.guests.items():
        table.add_row(
            f"{name}, generation {findings.generations.get(name, 0)}", f"{sum(outcomes.values()):,}", _told(outcomes)
        )
    table.add_section()
    table.add_row("loads refused", f"{sum(findings.refusals.values()):,}", f"of {len(findings.refusals)} artifacts")
    console.print(table)
    for word in findings.words:
        console.print(word, style="red", markup=False)
    for failure in findings.failures:
        console.print(failure, style="bold red", markup=False)


def _told(outcomes: dict[str, int]) -> str:
    asked = {name: count for name, count in outcomes.items() if not name.startswith("lifecycle.")}
    return ", ".join(f"{name.partition('.')[2]} {count:,}" for name, count in sorted(asked.items())) or "not called"


@click.command()
@click.argument("seconds", type=click.FloatRange(min=5), default=600.0)
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="Keep the server's log here.")
def main(seconds: float, log: Path | None) -> None:
    """Soak a server for SECONDS (600), print what was found and write bench/soak.json.

    Ends with status 1 when a request was lost, an honest plugin failed, or memory, files or threads kept growing.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        try:
            findings = soak(folder, seconds, told=lambda line: click.echo(line, err=True))
        finally:
            if log is not None and (folder / "log").exists():
                log.write_bytes((folder / "log").read_bytes())
    RESULTS.write_text(json.dumps(summary(findings), indent=1) + "\n")
    _show(findings, console)
    sys.exit(1 if findings.failures else 0)


if __name__ == "__main__":
    main()
