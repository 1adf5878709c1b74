from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from vectors.population import keyring
from wasmpuck.keyserver.sources import STDIN, BrokenStream, Source, expand

DATA = keyring(40)
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.compress,
    "two gz members": lambda data: gzip.compress(data[:999]) + gzip.compress(data[999:]),
    "two bz2 streams": lambda data: bz2.compress(data[:999]) + bz2.compress(data[999:]),
    "two xz streams": lambda data: lzma.compress(data[:999]) + bytes(4) + lzma.compress(data[999:]),
    "two zstd frames": lambda data: zstandard.compress(data[:999]) + zstandard.compress(data[999:]),
}


def read(path: Path, found: bytearray) -> None:
    """Appends what a source gives, a chunk at a time."""
    stream = Source(path).open()
    try:
        while chunk := stream.file.read(1000):
            found += chunk
    finally:
        stream.close()


@pytest.mark.parametrize("form", PACKERS)
def test_a_source_gives_the_unpacked_bytes(tmp_path: Path, form: str) -> None:
    """However it is compressed and whatever its name, from the beginning or from any place on."""
    path = tmp_path / "keys"
    path.write_bytes(PACKERS[form](DATA))
    for skipped in (0, 1, 5_000, len(DATA)):
        stream = Source(path).open()
        assert DATA.startswith(stream.start)
        stream.skip(skipped)
        assert stream.file.read() == DATA[skipped:]
        assert stream.taken == path.stat().st_size
        stream.close()


@pytest.mark.parametrize("form", ["gz", "bz2", "xz", "zstd"])
def test_a_stream_that_is_cut_gives_what_is_whole_and_then_an_error(tmp_path: Path, form: str) -> None:
    """The error is ours and has a hint."""
    noise = b"".join(keyring(40, seed=str(number)) for number in range(40))
    path = tmp_path / "keys"
    path.write_bytes(PACKERS[form](noise)[:-30])
    found = bytearray()
    with pytest.raises(BrokenStream) as caught:
        read(path, found)
    assert caught.value.hint
    assert noise.startswith(bytes(found))


@pytest.mark.parametrize("form", ["gz", "bz2", "xz", "zstd"])
def test_a_bomb_is_not_unpacked(tmp_path: Path, form: str) -> None:
    """What expands far more than keys can is refused early, and one chunk at a time."""
    path = tmp_path / "bomb"
    path.write_bytes(PACKERS[form](bytes(400 << 20)))
    given = bytearray()
    with pytest.raises(BrokenStream, match="no keyring"):
        read(path, given)
    assert len(given) <= (64 << 20) + 100 * path.stat().st_size


def test_a_window_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    """A zstd frame may ask for gigabytes of window; the hint says how to load it nevertheless."""
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=30, enable_ldm=False)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    path = tmp_path / "keys"
    path.write_bytes(packer.compress(DATA) + packer.flush())
    with pytest.raises(BrokenStream) as caught:
        Source(path).open()
    assert "wasmpuck load -" in caught.value.hint


def test_standard_input_is_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compressed as well; it stays open, and has no identity to go on with."""
    stdin = io.TextIOWrapper(io.BytesIO(gzip.compress(DATA)))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert Source(STDIN).identity is None
    stream = Source(STDIN).open()
    assert stream.file.read() == DATA
    stream.close()
    assert not stdin.closed


def test_a_folder_stands_for_the_keyrings_in_it(tmp_path: Path) -> None:
    """In the order of their names, in folders below as well; other files are passed over unless they are named."""
    names = [
        "b/sks-dump-0001.pgp",
        "b/sks-dump-0000.pgp.gz",
        "a.asc",
        "metadata.txt",
        ".hidden.pgp",
        "c.gz",
        "z.zst.txt",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = [source.path for source in expand([tmp_path, tmp_path / "metadata.txt"])]
    wanted = ["a.asc", "b/sks-dump-0000.pgp.gz", "b/sks-dump-0001.pgp", "metadata.txt"]
    assert found == [tmp_path / name for name in wanted]
    (tmp_path / "empty").mkdir()
    (source,) = expand([tmp_path / "empty"])
    with pytest.raises(OSError, match="no keyring"):
        source.open()
