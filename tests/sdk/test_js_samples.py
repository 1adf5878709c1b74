"""The unit tests of the JavaScript samples pass in Node.js, and one that fails is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from builders import js
from builders.errors import BuildError
from builders.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("sample", ["greeting", "wordcount", "upload-guard", "probe"])
def test_a_samples_own_tests(sample: str, tmp_path: Path) -> None:
    """As `build.py --test` runs them."""
    js.test(Recipe(ROOT, f"samples/js/{sample}"), tmp_path)


def test_a_test_that_fails_is_an_error_with_its_output(tmp_path: Path) -> None:
    """The name of the test is in the message."""
    copy = tmp_path / "plugins-src" / "samples" / "js" / "greeting"
    shutil.copytree(ROOT / "plugins-src" / "samples" / "js" / "greeting", copy)
    shutil.copytree(ROOT / "plugins-src" / "sdk" / "js", tmp_path / "plugins-src" / "sdk" / "js")
    plugin = copy / "plugin.js"
    plugin.write_text(plugin.read_text().replace("403", "404"))
    with pytest.raises(BuildError, match="a blocked address gets 403"):
        js.test(Recipe(tmp_path, "samples/js/greeting"), tmp_path)
