"""The JavaScript samples, executed by the QuickJS runtime, on the list that every SDK passes."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from runtime.guests import run
from sdk.conformance import CASES
from sdk.javascript import runtime
from sdk.stage import Open, Subject, of_folder, opener

SAMPLES = Path(__file__).resolve().parents[2] / "plugins-src" / "samples" / "js"


def sample(name: str) -> Subject:
    """A sample as its source."""
    imports = tomllib.loads((SAMPLES / name / "plugin.toml").read_text())["plugin"]["imports"]
    return of_folder(SAMPLES / name, runtime(), "plugin.js", imports)


OPEN = opener(sample)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_conformance(case: Callable[[Open], Awaitable[None]]) -> None:
    """A case of the list."""

    async def main() -> None:
        await case(OPEN)

    run(main())
