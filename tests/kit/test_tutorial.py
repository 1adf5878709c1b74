"""docs/plugin-authors.md from top to bottom: its commands run in an empty folder and print what the page shows."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from house.documents import ROOT, Block, blocks
from house.sessions import matches, sessions

PAGE = ROOT / "docs" / "plugin-authors.md"
LANGUAGES = ("Python", "JavaScript", "Rust")
PATIENCE = 900


def section(language: str) -> list[Block]:
    """The console blocks under a language's heading."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = lines.index(f"## {language}") + 1
    end = next(number for number, line in enumerate(lines[start:], start + 1) if line.startswith("## "))
    return [block for block in blocks(PAGE) if block.language == "console" and start < block.line < end]


def test_no_command_escapes_the_test() -> None:
    """Every console block of the page belongs to a language."""
    assert sum(len(section(language)) for language in LANGUAGES) == sum(
        block.language == "console" for block in blocks(PAGE)
    )


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Path]:
    """An empty folder; processes that a failed run left in the background are ended."""
    yield tmp_path
    for path in tmp_path.glob("*.pid"):
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(int(path.read_text()), signal.SIGTERM)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tutorial_runs_as_printed(
    shell: Path, tmp_path_factory: pytest.TempPathFactory, language: str, record_property: Callable[[str, object], None]
) -> None:
    """From an empty folder to a signed plugin on a server; the time of each step is shown."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),  # as on a machine on which it never ran
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
    }
    environment.pop("PYTHONPATH", None)
    ports = {"11371": _free_port(), "11381": _free_port()}
    for block in section(language):
        for command, expected in sessions(block):
            real = re.sub("11371|11381", lambda found: ports[found[0]], command)
            real = real.replace("hockeypuck-plugin run ", f"hockeypuck-plugin run --port {ports['11371']} ")
            started = time.monotonic()
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", real],
                cwd=shell,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                check=False,
                timeout=PATIENCE,
            )
            seconds = time.monotonic() - started
            print(f"{language}: {seconds:6.1f} s  {command}")  # noqa: T201 -- what `-rP` shows
            record_property(command, f"{seconds:.1f}")
            shown = [line.rstrip() for line in done.stdout.splitlines()]
            logs = "\n".join(f"{path.name}:\n{path.read_text()}" for path in shell.glob("*.log"))
            assert matches(expected, shown), f"{block.place}: {command} printed\n{done.stdout}\n{logs}"
