"""Worker processes that all tests of a session share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from wasmpuck.keyserver import Workers


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """One process."""
    shared = Workers(1)
    yield shared
    asyncio.run(shared.close())
