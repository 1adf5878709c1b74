"""What is loaded: files, folders of them and standard input, compressed or not, as streams of bounded memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import zstandard

from wasmpuck.errors import Unprocessable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["STDIN", "BrokenStream", "Source", "Stream", "expand"]

STDIN = Path("-")
"""Stands for standard input."""

_SUFFIXES = frozenset((".asc", ".gpg", ".key", ".keyring", ".pgp", ".pub"))
_COMPRESSED = frozenset((".bz2", ".gz", ".xz", ".zst"))
_HEAD = 1 << 13
_HELD = 16
_BUFFER = 1 << 18
_MEMORY = 1 << 27  # 128 MiB: the largest window of a compressed stream (zstd --long=27)
_EXPANSION = 100  # bytes for each compressed byte; keys hardly compress, a dump of copies of one does
_ALLOWANCE = 1 << 26  # bytes before the expansion counts


class BrokenStream(Unprocessable):
    """A compressed stream that cannot be read on."""


class _Counted(io.RawIOBase):
    """A stream whose first bytes were read before, and which counts what is taken."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Up to a buffer's length."""
        view = memoryview(buffer).cast("B")
        data, self._head = self._head[: len(view)], self._head[len(view) :]
        data = data or self._rest.read(len(view))
        view[: len(data)] = data
        self.taken += len(data)
        return len(data)


class _Expanded(io.RawIOBase):
    """A decompressor that cannot be made to give a thousand times what it takes, and whose errors are ours."""

    def __init__(self, packed: _Counted, stream: _Readable) -> None:
        self._packed = packed
        self._stream = stream
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Up to a buffer's length. Raises `BrokenStream`."""
        view = memoryview(buffer).cast("B")
        try:
            data = self._stream.read(len(view)) or b""
        except (EOFError, OSError, lzma.LZMAError, zlib.error, zstandard.ZstdError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            hint = "Fetch or make the file again."
            if "memory" in str(error).lower():
                hint = "Unpack the file with the program that made it, and pipe it into: wasmpuck load -"
            raise BrokenStream(f"The compressed data is broken: {error}.", hint=hint) from None
        self._given += len(data)
        if self._given > _ALLOWANCE + _EXPANSION * self._packed.taken:
            raise BrokenStream(
                f"The data expands more than {_EXPANSION}-fold: that is no keyring.",
                hint="If it is one, unpack it and pipe it into: wasmpuck load -",
            )
        view[: len(data)] = data
        return len(data)


@dataclass(slots=True)
class Stream:
    """An open source. `start` are its first bytes, which `file` gives again; `packed` says whether it is compressed.

    `file` reads the unpacked bytes and raises `BrokenStream` or OSError.
    """

    file: BinaryIO
    packed: bool
    start: bytes
    _counted: _Counted
    _raw: BinaryIO
    _own: bool
    _base: int = 0

    @property
    def taken(self) -> int:
        """How many bytes of the source were read, as they lie there."""
        return self._base + self._counted.taken

    def skip(self, count: int) -> None:
        """Passes over the first bytes, before anything is read; in no time where nothing is compressed."""
        if not self.packed and self._raw.seekable():
            self._base = self._raw.seek(count)
            self._counted = _Counted(b"", self._raw)
            self.file = io.BufferedReader(self._counted, _BUFFER)
            return
        while count > 0 and (passed := len(self.file.read(min(count, _BUFFER)))):
            count -= passed

    def close(self) -> None:
        """Ends it; standard input stays open."""
        if self._own:
            self._raw.close()


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or `STDIN`. `size` are the bytes as they lie there, 0 if that is not known."""

    path: Path
    size: int = 0

    @property
    def identity(self) -> tuple[str, int, int] | None:
        """Another value when the file is another one or was written to; None for what cannot be read twice."""
        if self.path == STDIN:
            return None
        if not self.path.is_file():
            return None
        found = self.path.stat()
        return os.path.realpath(self.path), found.st_size, found.st_mtime_ns

    def open(self) -> Stream:
        """Opens it and looks whether it is compressed, whatever its name. Raises OSError, `BrokenStream`."""
        own = self.path != STDIN
        if self.path.is_dir():
            raise OSError(None, "there is no keyring in it (*.pgp, *.gpg, *.asc and the like)", str(self.path))
        raw: BinaryIO = self.path.open("rb") if own else sys.stdin.buffer
        try:
            head = raw.read(_HEAD)
            counted = _Counted(head, raw)
            unpacked = _unpacked(head, counted)
            raw_file: io.RawIOBase = _Expanded(counted, unpacked) if unpacked is not None else counted
            file = io.BufferedReader(raw_file, _BUFFER)
            start = head if unpacked is None else file.peek(_HEAD)[:_HEAD]
        except BaseException:
            if own:
                raw.close()
            raise
        return Stream(file, unpacked is not None, start, counted, raw, own)


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes | None: ...


def _unpacked(head: bytes, packed: _Counted) -> _Readable | None:
    """What unpacks a stream that starts like this; None if it is not compressed. Nothing that OpenPGP starts with."""
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=io.BufferedReader(packed, _BUFFER), mode="rb")
    if head.startswith(b"BZh"):
        return bz2.BZ2File(io.BufferedReader(packed, _BUFFER))
    if head.startswith(b"\xfd7zXZ\0"):
        return _Xz(packed)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return _Zstd(packed)
    return None


class _Zstd:
    """Like zstandard's reader, which does not tell a stream that is cut from one that is whole.

    A frame of its own behind the end comes out unharmed only if all before it was whole.
    """

    def __init__(self, packed: _Counted) -> None:
        self._end = os.urandom(_HELD)
        self._packed = packed
        self._appended = zstandard.compress(self._end)
        self._held = b""
        unpacker = zstandard.ZstdDecompressor(max_window_size=_MEMORY)
        self._reader = unpacker.stream_reader(cast("BinaryIO", _Fed(self._feed)), read_across_frames=True)

    def _feed(self, size: int) -> bytes:
        data = self._packed.read(size)
        if not data:
            data, self._appended = self._appended, b""
        return data or b""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, none only at the end. Raises ZstdError, EOFError."""
        while True:
            data = self._reader.read(size)
            if not data and self._held != self._end:
                raise EOFError("it ends in the middle")
            if not data:
                return b""
            data = self._held + data
            self._held = data[-_HELD:]
            if len(data) > _HELD:
                return data[:-_HELD]


class _Fed:
    """A function that gives bytes, as a file."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.read = read


class _Xz(io.RawIOBase):
    """Like `lzma.LZMAFile`, which cannot bound the memory."""

    def __init__(self, packed: _Counted) -> None:
        self._packed = packed
        self._decoder = lzma.LZMADecompressor(memlimit=_MEMORY)

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, none only at the end. Raises LZMAError, EOFError."""
        while True:
            if self._decoder.eof:
                rest = self._decoder.unused_data.lstrip(b"\0") or self._packed.read(_BUFFER).lstrip(b"\0")
                if not rest:
                    return b""
                self._decoder = lzma.LZMADecompressor(memlimit=_MEMORY)
            else:
                rest = self._packed.read(_BUFFER) if self._decoder.needs_input else b""
                if self._decoder.needs_input and not rest:
                    raise EOFError("it ends in the middle")
            data = self._decoder.decompress(rest, size)
            if data:
                return data


def expand(paths: Iterable[Path]) -> Iterator[Source]:
    """The sources that these paths name; a folder stands for the keyrings in it and below, in the order of their names.

    Keyrings are files with one of the usual suffixes, compressed or not; files named themselves may be called
    anything. A path that is not there and a folder without keyrings come as they are: opening them will say so.
    """
    for path in paths:
        if path == STDIN or not path.is_dir():
            yield Source(path, path.stat().st_size if path.is_file() else 0)
            continue
        found = False
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                file = Path(folder, name)
                if _is_keyring(file) and file.is_file():
                    found = True
                    yield Source(file, file.stat().st_size)
        if not found:
            yield Source(path)


def _is_keyring(file: Path) -> bool:
    suffixes = file.suffixes
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in _SUFFIXES and not file.name.startswith(".")
