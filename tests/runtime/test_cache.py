"""The code cache: what comes out is what went in, and nothing else is believed."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

import pytest

from wasmpuck.runtime.cache import CodeCache, SealedCode

CODE = bytes(range(256)) * 20_000
DIGEST = hashlib.sha256(b"an artifact").hexdigest()


@pytest.fixture
def cache(tmp_path: Path) -> CodeCache:
    return CodeCache(tmp_path / "code", tmp_path / "code.key", "engine")


def read(sealed: SealedCode) -> bytes:
    data = Path(sealed.path).read_bytes()
    sealed.close()
    return data


def stored(cache: CodeCache, code: bytes = CODE) -> Path:
    """The only file of the cache after `code` was stored."""
    cache.store(DIGEST, code).close()
    (path,) = cache.folder.iterdir()
    return path


def loaded(cache: CodeCache) -> bytes | None:
    sealed = cache.load(DIGEST)
    return None if sealed is None else read(sealed)


def test_what_is_stored_comes_back(cache: CodeCache) -> None:
    """Code is returned by `store` and by a later `load`, byte for byte."""
    assert read(cache.store(DIGEST, CODE)) == CODE
    assert loaded(cache) == CODE


def test_another_server_with_the_same_key_finds_it(cache: CodeCache, tmp_path: Path) -> None:
    """The key file and the folder are all that a later process needs."""
    stored(cache)
    assert loaded(CodeCache(tmp_path / "code", tmp_path / "code.key", "engine")) == CODE


def test_absent_code_is_none(cache: CodeCache, caplog: pytest.LogCaptureFixture) -> None:
    """An artifact that was never compiled is simply not there, without a warning."""
    with caplog.at_level(logging.WARNING):
        assert cache.load(DIGEST) is None
    assert not caplog.records


@pytest.mark.parametrize("place", [0, 8, 16, 20, 28, 40, 44, 100, 1 << 20, -1])
def test_a_changed_byte_is_noticed(cache: CodeCache, caplog: pytest.LogCaptureFixture, place: int) -> None:
    """A file with one bit turned, in its head or in its code, is refused with a warning and removed."""
    path = stored(cache)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        assert cache.load(DIGEST) is None
    assert "damaged" in caplog.text
    assert not path.exists()


@pytest.mark.parametrize("size", [0, 10, 16, 43, 44, 45, 1_000_000])
def test_a_partial_file_is_noticed(cache: CodeCache, size: int) -> None:
    """A file that was cut anywhere is refused and removed."""
    path = stored(cache)
    path.write_bytes(path.read_bytes()[:size])
    assert cache.load(DIGEST) is None
    assert not path.exists()


def test_appended_bytes_are_noticed(cache: CodeCache) -> None:
    """A file that has grown is refused."""
    path = stored(cache)
    with path.open("ab") as file:
        file.write(b"\0")
    assert cache.load(DIGEST) is None


def test_code_of_another_artifact_is_not_taken(cache: CodeCache) -> None:
    """A file under another artifact's name is refused: the MAC covers the digest."""
    path = stored(cache)
    other = hashlib.sha256(b"another artifact").hexdigest()
    path.rename(path.with_name(path.name.replace(DIGEST[:32], other[:32])))
    assert cache.load(other) is None


def test_code_under_another_key_is_not_taken(cache: CodeCache, tmp_path: Path) -> None:
    """A server whose key is new believes nothing that was written before."""
    stored(cache)
    (tmp_path / "code.key").unlink()
    assert loaded(CodeCache(tmp_path / "code", tmp_path / "code.key", "engine")) is None


def test_code_of_another_engine_is_not_found(cache: CodeCache, tmp_path: Path) -> None:
    """Another engine has other code, and leaves this one's alone."""
    path = stored(cache)
    assert loaded(CodeCache(tmp_path / "code", tmp_path / "code.key", "another engine")) is None
    assert path.exists()


def test_two_files_of_the_same_code_differ(cache: CodeCache) -> None:
    """Each file has a nonce of its own: no two MACs are made with the same one."""
    first = stored(cache).read_bytes()
    second = stored(cache).read_bytes()
    assert first[16:44] != second[16:44]
    assert first[44:] == second[44:]


def test_a_link_is_not_followed(cache: CodeCache, tmp_path: Path) -> None:
    """A symbolic link in the place of a file is not read."""
    path = stored(cache)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert cache.load(DIGEST) is None


def test_loaded_code_cannot_be_written(cache: CodeCache) -> None:
    """What was checked cannot change before it is mapped."""
    stored(cache)
    sealed = cache.load(DIGEST)
    assert sealed is not None
    descriptor = os.open(sealed.path, os.O_RDWR)
    with pytest.raises(PermissionError):
        os.pwrite(descriptor, b"x", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    os.close(descriptor)
    sealed.close()


def test_the_key_is_private(cache: CodeCache, tmp_path: Path) -> None:
    """Only the server's user can read the key."""
    assert (tmp_path / "code.key").stat().st_mode & 0o077 == 0


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    """A full folder loses the code that nobody has loaded for the longest time."""
    cache = CodeCache(tmp_path / "code", tmp_path / "code.key", "engine", max_bytes=2 * len(CODE) + 1000)
    first, second, third = (hashlib.sha256(bytes([number])).hexdigest() for number in range(3))
    for age, digest in enumerate((first, second)):
        cache.store(digest, CODE).close()
        os.utime(cache._path(digest), (age, age))
    used = cache.load(first)
    assert used is not None
    used.close()
    cache.store(third, CODE).close()
    assert [cache._path(digest).exists() for digest in (first, second, third)] == [True, False, True]
