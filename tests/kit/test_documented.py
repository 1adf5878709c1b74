"""docs/kit.md: its tests pass as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from house.documents import ROOT, blocks
from wasmpuck.kit.cli.errors import EXIT_CODES, FAILED, MISSING_TOOL, UNUSABLE, USAGE


def test_the_documented_tests_pass(tmp_path: Path) -> None:
    """The page's example of an author's tests runs against the rate limiter that it is about."""
    (example,) = [block for block in blocks(ROOT / "docs" / "kit.md") if block.language == "python"]
    (tmp_path / "test_example.py").write_text(example.text)
    artifact = ROOT / "plugins-dist" / "ratelimit-window.wasm"
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", f"--plugin-artifact={artifact}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_exit_codes_are_documented_as_they_are() -> None:
    """The page's table and the command's own help name the same codes in the same words."""
    text = (ROOT / "docs" / "kit.md").read_text(encoding="utf-8")
    section = text.split("## Exit codes")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\d)` \| (.+) \|$", section, re.MULTILINE))
    assert set(rows) == {"0", *map(str, (FAILED, USAGE, UNUSABLE, MISSING_TOOL))}
    for code, words in re.findall(r"^  (\d)  (.+?)(?: is wrong,|:|$)", EXIT_CODES, re.MULTILINE):
        assert rows[code].startswith(words)


def test_completion_works_as_documented() -> None:
    """The documented line gives bash a function that completes commands."""
    command = [sys.executable, "-c", "from wasmpuck.kit.cli import main; main()"]
    environment = {**os.environ, "_HOCKEYPUCK_PLUGIN_COMPLETE": "bash_complete", "COMP_CWORD": "1"}
    environment["COMP_WORDS"] = "hockeypuck-plugin re"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["plain,record", "plain,replay"]
