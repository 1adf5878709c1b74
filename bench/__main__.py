"""``python -m bench``: measures, prints a table, writes results.json."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Sequence

import click
from rich.console import Console

from bench import groups, report
from bench.figures import CATALOGUE
from bench.measure import Effort, Result


def _chosen(only: Sequence[str]) -> list[str]:
    """The figures that the arguments name: ids, or the beginning of ids (`lookup`)."""
    if not only:
        return list(CATALOGUE)
    unknown = [name for name in only if not any(_named(figure, name) for figure in CATALOGUE)]
    if unknown:
        raise click.UsageError(f"There is no figure {', '.join(unknown)}. There are: {', '.join(CATALOGUE)}.")
    return [figure for figure in CATALOGUE if any(_named(figure, name) for name in only)]


def _named(figure: str, name: str) -> bool:
    return figure == name or figure.startswith(name.rstrip(".") + ".")


@click.command()
@click.option("--only", metavar="ID", multiple=True, help="A figure (call.noop) or several (call); may be repeated.")
@click.argument("more", nargs=-1, metavar="[ID]...")
@click.option("--quick", is_flag=True, help="Fewer repetitions: good enough to see whether something is broken.")
@click.option("--write-docs", is_flag=True, help="Put the table into docs/performance.md.")
@click.option("--list", "list_only", is_flag=True, help="Name the figures and stop.")
def main(only: tuple[str, ...], more: tuple[str, ...], quick: bool, write_docs: bool, list_only: bool) -> None:
    """Measure, print a table and write bench/results.json.

    With ids only those figures are taken; others keep what results.json says of them.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)  # in a file nothing has to fold
    if list_only:
        for name, figure in CATALOGUE.items():
            click.echo(f"{name:<22} {figure.what}")
        return
    chosen = _chosen([*only, *more])
    effort = Effort(quick)
    fresh: list[Result] = []
    failed: list[str] = []
    for group in groups.GROUPS:
        started = time.monotonic()
        try:
            taken = groups.measure(group, chosen, effort)
        except Exception:
            failed.append(group)
            traceback.print_exc()
            continue
        if not taken:
            continue
        fresh += taken
        click.echo(f"{group}: {time.monotonic() - started:.0f} s", err=True)
    report.show(report.merge((), fresh), console)
    results = report.merge(report.load(), fresh)
    report.save(results)
    if write_docs:
        report.write_document(results)
    if failed:
        click.echo(f"not measured: {', '.join(failed)}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
