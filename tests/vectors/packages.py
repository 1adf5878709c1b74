"""Programs and data of the system that real-world tests need."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

__all__ = ["KEYRINGS", "debian_keyrings", "install"]

KEYRINGS = Path("/usr/share/keyrings")


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


def debian_keyrings() -> list[Path]:
    """The keyrings of Debian's developers and maintainers: some 900 real certificates, 30 years of practice."""
    install("debian-keyring", KEYRINGS / "debian-keyring.gpg")
    return [KEYRINGS / f"debian-{name}.gpg" for name in ("keyring", "maintainers", "nonupload", "role-keys")]
