"""Building a plugin's folder: the same bytes wherever it lies, and anew only when a source has changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from wasmpuck.errors import ArtifactRefused
from wasmpuck.kit.building import build, current
from wasmpuck.kit.errors import UnusableFile

SAMPLES = Path(__file__).resolve().parents[2] / "plugins-src" / "samples"


def copied(language: str, to: Path) -> Path:
    """The sample `greeting` in a folder of its own."""
    return Path(shutil.copytree(SAMPLES / language / "greeting", to, ignore=shutil.ignore_patterns("dist")))


@pytest.mark.parametrize("language", ["python", "js"])
def test_two_folders_give_the_same_bytes(tmp_path: Path, language: str) -> None:
    """A script's artifact depends on its sources and nothing else; what is no source may differ."""
    first = copied(language, tmp_path / "here" / "greeting")
    second = copied(language, tmp_path / "there" / "deeper" / "other-name")
    (second / "README.md").write_text("Something else.\n")
    (second / "notes.log").write_text("Something else.\n")
    os.utime(second / ("plugin.py" if language == "python" else "plugin.js"), (1, 1))
    assert build(first).path.read_bytes() == build(second).path.read_bytes()


def test_what_has_not_changed_is_not_built_again(tmp_path: Path) -> None:
    """The artifact is taken as it is until a source or the manifest is newer."""
    folder = copied("js", tmp_path / "greeting")
    artifact = current(folder)
    written = artifact.stat().st_mtime_ns
    assert current(folder).stat().st_mtime_ns == written
    os.utime(folder / "plugin.toml", ns=(written + 10**9, written + 10**9))
    assert current(folder).stat().st_mtime_ns != written


def test_a_build_that_fails_leaves_the_artifact_before(tmp_path: Path) -> None:
    """The error has file and line, and what was built last is still there."""
    folder = copied("python", tmp_path / "greeting")
    before = build(folder).path.read_bytes()
    source = folder / "plugin.py"
    source.write_text(source.read_text() + "\ndef broken(:\n")
    with pytest.raises(ArtifactRefused, match=r"plugin\.py:\d+"):
        build(folder)
    assert (folder / "dist" / "greeting.wasm").read_bytes() == before
    assert [path.name for path in (folder / "dist").iterdir()] == ["greeting.wasm"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "plugin.name is missing|missing"),
        ("not toml", "is not TOML"),
        ('[plugin]\nname = "greeting"\n', "build.language is missing"),
        ('[plugin]\nname = "greeting"\n[build]\nlanguage = "cobol"\n', "it has to be one of|is 'cobol'"),
    ],
)
def test_a_manifest_that_does_not_hold_is_said(tmp_path: Path, text: str, says: str) -> None:
    """What is missing or wrong in plugin.toml is named with the file."""
    folder = copied("js", tmp_path / "greeting")
    (folder / "plugin.toml").write_text(text)
    with pytest.raises(UnusableFile, match=says) as caught:
        build(folder)
    assert "plugin.toml" in caught.value.message
