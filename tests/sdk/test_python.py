"""The Python samples, executed by the Python runtime, on the list that every SDK passes."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

import pytest

from runtime.guests import run
from sdk.conformance import CASES
from sdk.stage import Open, Subject, of_folder, opener

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "plugins-src" / "samples" / "python"


@cache
def runtime() -> bytes:
    """The component of the Python runtime."""
    return Path(
        os.environ.get("WASMPUCK_PYTHON_RUNTIME", ROOT / "plugins-dist" / "runtimes" / "python.wasm")
    ).read_bytes()


def sample(name: str) -> Subject:
    """A sample as its source."""
    imports = tomllib.loads((SAMPLES / name / "plugin.toml").read_text())["plugin"]["imports"]
    return of_folder(SAMPLES / name, runtime(), "plugin.py", imports)


OPEN = opener(sample)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_conformance(case: Callable[[Open], Awaitable[None]]) -> None:
    """A case of the list."""

    async def main() -> None:
        await case(OPEN)

    run(main())
