"""The groups of figures, each measured in a process of its own, so that none finds what another has left in memory."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from bench.figures import CATALOGUE
from bench.measure import Effort, Result

__all__ = ["GROUPS", "measure"]

GROUPS = tuple(dict.fromkeys(figure.group for figure in CATALOGUE.values()))
"""Names of modules in this package, in the order of the catalogue."""


def _inside(group: str, wanted: frozenset[str], effort: Effort) -> list[Result]:
    module: Any = importlib.import_module(f"bench.{group}")
    results: list[Result] = asyncio.run(module.measure(wanted, effort))
    return results


def measure(group: str, figures: Iterable[str], effort: Effort) -> list[Result]:
    """Those of the figures that belong to the group. Raises what the module raises."""
    wanted = frozenset(name for name in figures if CATALOGUE[name].group == group)
    if not wanted:
        return []
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        return executor.submit(_inside, group, wanted, effort).result()
