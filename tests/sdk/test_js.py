"""The JavaScript SDK: the sample plugins do what those of the other SDKs do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

import pytest

from sdk.conformance import CASES
from sdk.stage import Open, Subject, of_folder, opener

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "plugins-src" / "samples" / "js"
IMPORTS = {
    "greeting": ("log", "metrics", "storage"),
    "wordcount": ("clock", "keys", "log", "storage", "tasks"),
    "upload-guard": ("events", "log", "storage"),
}


@cache
def runtime() -> bytes:
    return Path("/tmp/wp/jsx/b/quickjs.wasm").read_bytes()


def subject(sample: str) -> Subject:
    return of_folder(SAMPLES / sample, runtime(), "plugin.js", IMPORTS[sample])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_sample_does_what_every_sdk_does(case: Callable[[Open], Awaitable[None]]) -> None:
    """One case of the conformance list."""
    asyncio.run(case(opener(subject)))
