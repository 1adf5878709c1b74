"""The code cache in a folder where things go wrong."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

import pytest

from wasmpuck.runtime.cache import CodeCache, SealedCode

CODE = b"machine code " * 1000
DIGEST = hashlib.sha256(b"an artifact").hexdigest()


@pytest.fixture
def cache(tmp_path: Path) -> CodeCache:
    return CodeCache(tmp_path / "code", tmp_path / "code.key", "engine")


def place(cache: CodeCache) -> Path:
    """Where the code of the artifact would lie, with nothing there."""
    cache.store(DIGEST, CODE).close()
    (path,) = cache.folder.iterdir()
    path.unlink()
    return path


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_not_read(cache: CodeCache, caplog: pytest.LogCaptureFixture, make: object) -> None:
    """A folder or a pipe in the place of a file is reported and neither waited for nor left open."""
    path = place(cache)
    assert callable(make)
    make(path)
    before = descriptors()
    with caplog.at_level(logging.WARNING):
        assert cache.load(DIGEST) is None
    assert "not a regular file" in caplog.text
    assert descriptors() == before


def test_a_link_to_a_device_is_not_read(cache: CodeCache) -> None:
    """A link is refused, whatever it leads to, and replaced by the next code."""
    path = place(cache)
    path.symlink_to("/dev/zero")
    assert cache.load(DIGEST) is None
    cache.store(DIGEST, CODE).close()
    assert not path.is_symlink()
    assert cache.load(DIGEST) is not None


def test_a_folder_that_cannot_be_written_costs_only_time(
    cache: CodeCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Code that cannot be kept is used all the same, and the reason is logged."""
    cache.folder.rmdir()
    (tmp_path / "code").write_text("not a folder")
    with caplog.at_level(logging.WARNING):
        sealed = cache.store(DIGEST, CODE)
    assert Path(sealed.path).read_bytes() == CODE
    sealed.close()
    assert "compiled code cannot be kept" in caplog.text


def test_nothing_half_written_is_left(cache: CodeCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fails in the middle, no part of a file stays in the folder."""

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    cache.store(DIGEST, CODE).close()
    assert list(cache.folder.iterdir()) == []


def test_the_folder_is_private(cache: CodeCache) -> None:
    """Nobody else may look into the folder or put files there."""
    assert cache.folder.stat().st_mode & 0o777 == 0o700


def test_a_damaged_key_is_replaced(cache: CodeCache, tmp_path: Path) -> None:
    """A key file of another length is no key: a new one is made, and what was kept before is not believed."""
    cache.store(DIGEST, CODE).close()
    (tmp_path / "code.key").write_bytes(b"short")
    fresh = CodeCache(tmp_path / "code", tmp_path / "code.key", "engine")
    assert fresh.load(DIGEST) is None
    assert len((tmp_path / "code.key").read_bytes()) == 32


def test_sealed_code_is_closed_once(cache: CodeCache) -> None:
    """Closing gives the descriptor back, closing again does nothing."""
    before = descriptors()
    sealed = SealedCode(CODE)
    assert descriptors() == before + 1
    sealed.close()
    sealed.close()
    assert descriptors() == before
