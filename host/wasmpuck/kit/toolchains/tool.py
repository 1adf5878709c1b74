"""A tool that makes components of scripts, and which version of it is used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Tool", "pins"]


@dataclass(frozen=True)
class Tool:
    """A program: how it is called, where it is, and what has to stand before it on the command line."""

    name: str
    program: Path
    before: tuple[Path, ...] = ()

    @property
    def command(self) -> list[str]:
        """The beginning of a command line."""
        return [*map(str, self.before), str(self.program)]


def pins(path: Path) -> dict[str, str]:
    """Tool to version, from a file of lines NAME=VERSION."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
