"""The folder of artifacts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wasmpuck.plugins.catalog import Catalog


def folder(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).write_bytes(b"x")
    return path


def found(path: Path, *order: str) -> dict[str, str]:
    return {name: file.name for name, file in Catalog(path, order).scan().items()}


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("ratelimit-window.wasm", "ratelimit-window"),
        ("ratelimit-window-0.1.0.wasm", "ratelimit-window"),
        ("ratelimit-window-0.1.0-rc.1.wasm", "ratelimit-window"),
        ("ratelimit-window-0.1.0-rc-1.wasm", "ratelimit-window"),
        ("a-1-1.0.0.wasm", "a-1"),
        ("a-1.wasm", "a-1"),
        ("a-1.2.wasm", "a-1.2"),
        ("x.wasm", "x"),
    ],
)
def test_a_file_claims_a_name(file: str, name: str) -> None:
    """A version behind the name is not part of it, in whichever of its forms."""
    assert Catalog.plugin_name(Path(file)) == name


def test_only_artifacts_are_found(tmp_path: Path) -> None:
    """Hidden files, other suffixes and folders are left alone."""
    folder(tmp_path, "a.wasm", ".b.wasm", "c.wasm.part", "d.txt", "SHA256SUMS")
    (tmp_path / "e.wasm").mkdir()
    assert found(tmp_path) == {"a": "a.wasm"}


def test_the_load_order(tmp_path: Path) -> None:
    """Listed plugins come first and in that order, the others by name; a listed one that is absent does not matter."""
    folder(tmp_path, "a.wasm", "b.wasm", "c.wasm", "d.wasm")
    assert list(found(tmp_path, "d", "missing", "b")) == ["d", "b", "a", "c"]


def test_the_highest_version_counts(tmp_path: Path) -> None:
    """Of several files of one plugin the highest version is taken, by number and not by text."""
    folder(tmp_path, "a-0.9.0.wasm", "a-0.10.0.wasm", "a-0.10.0-rc.1.wasm", "a-0.2.0.wasm")
    assert found(tmp_path) == {"a": "a-0.10.0.wasm"}


def test_a_file_without_a_version_counts_most(tmp_path: Path) -> None:
    """`NAME.wasm` is what the operator put there by hand."""
    folder(tmp_path, "a-9.0.0.wasm", "a.wasm")
    assert found(tmp_path) == {"a": "a.wasm"}


def test_a_folder_that_cannot_be_read_is_empty(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A missing folder is logged and holds no plugin."""
    assert found(tmp_path / "none") == {}
    assert "cannot be read: No such file or directory" in caplog.text


def test_marks_tell_changes(tmp_path: Path) -> None:
    """A mark stays the same until the file's time, length or identity changes, and is none for no file."""
    path = folder(tmp_path, "a.wasm") / "a.wasm"
    catalog = Catalog(tmp_path)
    first = catalog.mark(path)
    assert first == catalog.mark(path)
    os.utime(path, ns=(0, 12345))
    second = catalog.mark(path)
    assert second != first
    (tmp_path / "b").write_bytes(b"x")
    os.utime(tmp_path / "b", ns=(0, 12345))
    (tmp_path / "b").replace(path)
    assert catalog.mark(path) != second
    path.unlink()
    assert catalog.mark(path) is None
