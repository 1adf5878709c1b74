"""A command line to call, with a cache of its own."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from runtime.guests import Guest
from wasmpuck.kit.cli import commands

# The builders of `plugins-src`; behind everything else there.
sys.path.append(str(Path(__file__).resolve().parents[2] / "plugins-src"))


@dataclass
class Kit:
    """Runs `hockeypuck-plugin …` in this process; `folder` is where files may lie."""

    folder: Path

    def __call__(self, *arguments: object, stdin: str = "") -> Result:
        """The outcome: exit code, standard output and standard error apart."""
        return CliRunner().invoke(commands, [str(one) for one in arguments], prog_name="hockeypuck-plugin", input=stdin)

    def ok(self, *arguments: object, stdin: str = "") -> str:
        """The standard output of a run that must succeed."""
        result = self(*arguments, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *arguments: object) -> Any:
        """The same, read as JSON."""
        return json.loads(self.ok(*arguments))

    def put(self, guest: Guest, name: str = "", **manifest: Any) -> Path:
        """An artifact of a guest."""
        path = self.folder / f"{name or guest.name}.wasm"
        path.write_bytes(guest.artifact(**manifest))
        return path


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder for all tests of the kit: each guest is compiled once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def kit(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """The command line."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.chdir(tmp_path)
    return Kit(tmp_path)
