"""Running a compiler."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from .errors import ToolchainError

__all__ = ["run"]


def run(command: list[str], *, cwd: Path, environment: Mapping[str, str]) -> str:
    """What a tool writes to standard output. Raises `ToolchainError` with the end of all that it wrote if it fails."""
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        output = (done.stdout + done.stderr)[-6000:]
        raise ToolchainError(f"{Path(command[0]).name} failed with status {done.returncode}:\n{output}")
    return done.stdout
