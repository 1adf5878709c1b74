"""One keyserver for each module of tests, empty at first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.serving import ServerThread, keyserver_thread


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    """A keyserver over SQLite behind a real socket."""
    with keyserver_thread(tmp_path_factory.mktemp("keyserver")) as server:
        yield server


@pytest.fixture(scope="module")
def url(running: ServerThread) -> str:
    """Where it listens."""
    return running.url
