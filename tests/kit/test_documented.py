"""docs/kit.md: its tests pass as they stand there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from house.documents import ROOT, blocks


def test_the_documented_tests_pass(tmp_path: Path) -> None:
    """The page's example of an author's tests runs against the rate limiter that it is about."""
    (example,) = [block for block in blocks(ROOT / "docs" / "kit.md") if block.language == "python"]
    (tmp_path / "test_example.py").write_text(example.text)
    artifact = ROOT / "plugins-dist" / "ratelimit-window.wasm"
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", f"--plugin-artifact={artifact}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
