"""`hockeypuck-plugin bench`: what calls cost, and whether that has changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from wasmpuck.kit.acts import read_acts
from wasmpuck.kit.artifacts import read_artifact
from wasmpuck.kit.benching import Baseline, Cost, measure, usual_acts
from wasmpuck.kit.cli.errors import FAILED
from wasmpuck.kit.cli.options import ARTIFACT, around_options, circumstances
from wasmpuck.kit.cli.rendering import columns, print_json, progress, say
from wasmpuck.kit.compiling import author_compiler

__all__ = ["bench"]


@click.command()
@click.argument("artifact", type=ARTIFACT)
@click.argument("acts", type=ARTIFACT, required=False)
@around_options
@click.option("--rounds", type=click.IntRange(1), default=20, show_default=True, help="How often time is taken.")
@click.option("--baseline", type=ARTIFACT, default="bench.json", show_default=True, help="The file to compare with.")
@click.option("--write", is_flag=True, help="Write the baseline anew instead of comparing.")
@click.option(
    "--threshold",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="By how many per cent a call's fuel may grow.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(
    artifact: Path,
    acts: Path | None,
    manifest: Path | None,
    rounds: int,
    baseline: Path,
    write: bool,
    threshold: float,
    as_json: bool,
    **around: Any,
) -> None:
    """Measures the calls of the file ACTS (JSON, see docs/kit.md); without it health, self-test and a request.

    Fuel is the same on every machine, so it is compared with the file BASELINE, which is written when it is not there.
    A call whose fuel has grown by more than the threshold ends the command with 1. `random` has a seed: --seed, or 0.
    """
    verified = read_artifact(artifact, manifest)
    found = circumstances(**around)
    found = found if found.seed is not None else replace(found, seed=0)
    wanted = usual_acts(verified) if acts is None else read_acts(acts)
    with progress() as tell:
        costs = asyncio.run(measure(verified, found, wanted, author_compiler(tell), rounds=rounds))
    fresh = write or not baseline.exists()
    changes: list[float | None] = [None] * len(costs) if fresh else [*Baseline.read(baseline).changes(costs)]
    if fresh:
        Baseline.of(verified, costs).write(baseline)
    grown = [change for change in changes if change is not None and change > threshold]
    if as_json:
        rows = [
            {
                "export": cost.export,
                "fuel": cost.fuel,
                "percent": cost.percent,
                "seconds": cost.seconds,
                "change": change,
            }
            for cost, change in zip(costs, changes, strict=True)
        ]
        print_json({"calls": rows, "budget": costs[0].budget if costs else 0, "grown": len(grown)})
    else:
        columns(
            ("call", "fuel", "% of budget", "µs here", "change"),
            [_row(cost, change) for cost, change in zip(costs, changes, strict=True)],
            right=(1, 2, 3, 4),
        )
        if fresh:
            say(f"{baseline} is written")
        if grown:
            say(f"{len(grown)} calls need more than {threshold:g} % more fuel than {baseline} says")
    click.get_current_context().exit(FAILED if grown else 0)


def _row(cost: Cost, change: float | None) -> tuple[str, ...]:
    shown = "" if change is None else f"{change:+.1f} %"
    return cost.export, f"{cost.fuel:,}", f"{cost.percent:.3f}", f"{1e6 * cost.seconds:,.0f}", shown
