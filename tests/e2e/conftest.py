"""The server that the whole run talks to, and what real clients need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.command import Running, wasmpuck_serve
from vectors import packages
from vectors.packages import install

CONFIGURATION = """\
[server]
hostname = "e2e.example"

[plugins]
enabled = false
"""


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`wasmpuck serve` without plugins."""
    with wasmpuck_serve(tmp_path_factory.mktemp("server"), CONFIGURATION) as server:
        yield server


@pytest.fixture(scope="session")
def server(running: Running) -> str:
    """Its URL."""
    return running.url


@pytest.fixture(scope="session")
def gnupg() -> None:
    """gpg and its network daemon are installed."""
    install("gnupg", Path("/usr/bin/gpg"))
    install("dirmngr", Path("/usr/bin/dirmngr"))


@pytest.fixture(scope="session")
def debian_keyrings() -> list[Path]:
    """The keyrings of Debian's developers and maintainers: some 900 real certificates, 30 years of practice."""
    return packages.debian_keyrings()
