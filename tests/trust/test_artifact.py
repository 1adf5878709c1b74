from __future__ import annotations

import os
from pathlib import Path

import pytest

from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.trust import Artifact


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    """An artifact holds all bytes of a file and its name; the text form does not show the bytes."""
    data = bytes(range(256)) * 10_000  # more than one read
    (tmp_path / "example.wasm").write_bytes(data)
    artifact = Artifact.read(tmp_path / "example.wasm")
    assert (artifact.name, artifact.stem, artifact.data) == ("example.wasm", "example", data)
    assert repr(artifact) == "Artifact(name='example.wasm')"


@pytest.mark.parametrize(
    ("name", "stem"), [("a.wasm", "a"), ("a-1.0.0.wasm", "a-1.0.0"), ("a", "a"), ("a.txt", "a.txt")]
)
def test_the_stem_is_the_name_without_its_suffix(name: str, stem: str) -> None:
    """Only `.wasm` is taken off a name."""
    assert Artifact(name, b"").stem == stem


def test_the_size_is_capped(tmp_path: Path) -> None:
    """A file of exactly the cap is read, one byte more is refused without reading on."""
    path = tmp_path / "example.wasm"
    path.write_bytes(b"x" * 100)
    assert len(Artifact.read(path, max_bytes=100).data) == 100
    with pytest.raises(ArtifactRefused, match=r"example\.wasm has more than 99 bytes") as caught:
        Artifact.read(path, max_bytes=99)
    assert caught.value.reason is Refusal.TOO_LARGE
    assert caught.value.hint


def test_the_default_cap_is_64_mebibytes(tmp_path: Path) -> None:
    """Without another cap, a file above 64 MiB is refused."""
    path = tmp_path / "large.wasm"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)
    with pytest.raises(ArtifactRefused, match="more than 67108864 bytes"):
        Artifact.read(path)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """A link, a folder, a FIFO, a device and a missing file are each refused by name, without waiting."""
    (tmp_path / "real.wasm").write_bytes(b"x")
    (tmp_path / "link.wasm").symlink_to(tmp_path / "real.wasm")
    (tmp_path / "folder.wasm").mkdir()
    os.mkfifo(tmp_path / "fifo.wasm")
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    for path, message in (
        (tmp_path / "link.wasm", "link.wasm is a symbolic link"),
        (tmp_path / "folder.wasm", "folder.wasm is not a regular file"),
        (tmp_path / "fifo.wasm", "fifo.wasm is not a regular file"),
        (Path("/dev/zero"), "zero is not a regular file"),
        (tmp_path / "missing.wasm", "missing.wasm cannot be read: No such file or directory"),
        (tmp_path / "real.wasm" / "x.wasm", "x.wasm cannot be read: Not a directory"),
    ):
        with pytest.raises(ArtifactRefused) as caught:
            Artifact.read(path)
        assert (caught.value.reason, caught.value.message) == (Refusal.UNREADABLE, message)
        assert caught.value.hint
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_the_bytes_stay_when_the_file_changes(tmp_path: Path) -> None:
    """What was read is what counts: a file that is overwritten later changes nothing."""
    path = tmp_path / "example.wasm"
    path.write_bytes(b"first")
    artifact = Artifact.read(path)
    path.write_bytes(b"other")
    assert artifact.data == b"first"
