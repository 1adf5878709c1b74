"""The server that the whole run talks to, and what real clients need."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.command import Running, wasmpuck_serve

CONFIGURATION = """\
[server]
hostname = "e2e.example"

[plugins]
enabled = false
"""

KEYRINGS = Path("/usr/share/keyrings")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`wasmpuck serve` without plugins."""
    with wasmpuck_serve(tmp_path_factory.mktemp("server"), CONFIGURATION) as server:
        yield server


@pytest.fixture(scope="session")
def server(running: Running) -> str:
    """Its URL."""
    return running.url


def install(package: str, proof: Path) -> None:
    """Sees to it that `proof`, a file of this Debian package, is there; RuntimeError with advice when it cannot."""
    if proof.exists():
        return
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise RuntimeError(f"{proof} is missing: install the Debian package {package} (apt-get install {package})")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([apt, "update", "-q"], check=True, env=environment, capture_output=True)
    subprocess.run(
        [apt, "install", "-qy", "--no-install-recommends", package], check=True, env=environment, capture_output=True
    )


@pytest.fixture(scope="session")
def gnupg() -> None:
    """gpg and its network daemon are installed."""
    install("gnupg", Path("/usr/bin/gpg"))
    install("dirmngr", Path("/usr/bin/dirmngr"))


@pytest.fixture(scope="session")
def debian_keyrings() -> list[Path]:
    """The keyrings of Debian's developers and maintainers: some 900 real certificates, 30 years of practice."""
    install("debian-keyring", KEYRINGS / "debian-keyring.gpg")
    return [KEYRINGS / f"debian-{name}.gpg" for name in ("keyring", "maintainers", "nonupload", "role-keys")]
