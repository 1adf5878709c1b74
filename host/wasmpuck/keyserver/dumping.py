"""Everything that a store holds, as a series of keyrings or as one stream.

Theory of operation. Certificates come by ascending fingerprint, so a file holds all of a range of them and a dump
that was ended goes on behind the last whole file. A file gets its name when it is whole and on the disk; the list of
them, `dump.json`, is written after each. What is stored or changed while a dump runs may or may not be in it.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, cast

import zstandard

from wasmpuck.errors import OperatorError
from wasmpuck.storage import KeyStore, Record

__all__ = ["Compression", "Dump", "DumpFile", "Selection", "dump_files", "dump_stream"]

Compression = Literal["none", "gz", "zstd"]
_SUFFIXES: dict[Compression, str] = {"none": ".pgp", "gz": ".pgp.gz", "zstd": ".pgp.zst"}
_LIST = "dump.json"
_FLUSH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Selection:
    """Which certificates: those last changed at or after `since` and before `until`, seconds since 1970."""

    since: float | None = None
    until: float | None = None

    def takes(self, record: Record) -> bool:
        """Whether it is one of them."""
        return (self.since is None or record.modified >= self.since) and (
            self.until is None or record.modified < self.until
        )


@dataclass(frozen=True, slots=True)
class DumpFile:
    """A file of a dump: how many certificates it holds, the SHA-256 and length of it, and its last fingerprint."""

    name: str
    certificates: int
    size: int
    sha256: str
    last: str


@dataclass(slots=True)
class Dump:
    """What `dump.json` says: how the dump is made, which files are whole, and whether that is all."""

    count: int
    compression: Compression
    since: float | None
    until: float | None
    complete: bool = False
    files: list[DumpFile] = field(default_factory=list)

    @property
    def certificates(self) -> int:
        """In all whole files."""
        return sum(file.certificates for file in self.files)


async def dump_stream(
    store: KeyStore,
    out: BinaryIO,
    *,
    selection: Selection = Selection(),
    compression: Compression = "none",
    progress: Callable[[int], None] | None = None,
) -> int:
    """Writes every selected certificate to `out`, which stays open; returns how many.

    Raises OSError as `out` does, `StorageUnavailable`.
    """
    packed = _packer(out, compression)
    number = 0
    pending = bytearray()
    async for record in _selected(store, selection, ""):
        pending += record.data
        number += 1
        if len(pending) >= _FLUSH_BYTES:
            await asyncio.to_thread(packed.write, bytes(pending))
            pending.clear()
            if progress is not None:
                progress(number)
    await asyncio.to_thread(packed.write, bytes(pending))
    if compression != "none":
        packed.close()
    await asyncio.to_thread(out.flush)
    return number


async def dump_files(
    store: KeyStore,
    folder: Path,
    *,
    count: int,
    selection: Selection = Selection(),
    compression: Compression = "none",
    resume: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Dump:
    """Writes files of `count` certificates into a folder, which is made if it is not there.

    A dump of the same kind that was ended there is completed if `resume` is set. Any other one in the folder is
    replaced, its files removed. Raises OSError, OperatorError for a folder with other things of the same names,
    `StorageUnavailable`.
    """
    wanted = Dump(count, compression, selection.since, selection.until)
    dump = await asyncio.to_thread(_begin, folder, wanted, resume)
    written = dump.certificates
    after = dump.files[-1].last if dump.files else ""
    batch: list[Record] = []
    size = 0
    writer = _FileWriter(folder, dump)
    async for record in _selected(store, selection, after):
        batch.append(record)
        size += len(record.data)
        whole = writer.certificates + len(batch) >= count
        if whole or size >= _FLUSH_BYTES:
            written += len(batch)
            await asyncio.to_thread(writer.write, batch, whole)
            batch, size = [], 0
            if progress is not None:
                progress(written)
    await asyncio.to_thread(writer.finish, batch)
    return dump


async def _selected(store: KeyStore, selection: Selection, after: str) -> AsyncIterator[Record]:
    async for record in store.iterate(after=after):
        if selection.takes(record):
            yield record


def _packer(out: BinaryIO, compression: Compression) -> BinaryIO:
    match compression:
        case "gz":
            return cast("BinaryIO", gzip.GzipFile(fileobj=out, mode="wb", filename="", mtime=0))
        case "zstd":
            return cast("BinaryIO", zstandard.ZstdCompressor(level=3).stream_writer(out, closefd=False))
        case "none":
            return out


class _Hashed(io.RawIOBase):
    """A file that hashes what is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override] # never given anything else
        """All of it."""
        self._file.write(data)
        self.hash.update(data)
        self.size += len(data)
        return len(data)


class _FileWriter:
    """The file at work, and the list of those that are whole."""

    def __init__(self, folder: Path, dump: Dump) -> None:
        self._folder = folder
        self._dump = dump
        self._file: BinaryIO | None = None
        self.certificates = 0
        self._last = ""

    def write(self, records: list[Record], whole: bool) -> None:
        if self._file is None:
            self._begin()
        for record in records:
            self._packed.write(record.data)
            self.certificates += 1
            self._last = record.fingerprint
        if whole:
            self._end()

    def finish(self, records: list[Record]) -> None:
        if records:
            self.write(records, True)
        elif self._file is not None:
            self._end()
        self._dump.complete = True
        _save(self._folder, self._dump)

    def _begin(self) -> None:
        name = f"wasmpuck-dump-{len(self._dump.files):04d}{_SUFFIXES[self._dump.compression]}"
        self._name = name
        self._file = (self._folder / f".{name}").open("wb")
        self._hashed = _Hashed(self._file)
        self._packed = _packer(cast("BinaryIO", self._hashed), self._dump.compression)

    def _end(self) -> None:
        assert self._file is not None
        if self._dump.compression != "none":
            self._packed.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        (self._folder / f".{self._name}").replace(self._folder / self._name)
        digest = self._hashed.hash.hexdigest()
        self._dump.files.append(DumpFile(self._name, self.certificates, self._hashed.size, digest, self._last))
        _save(self._folder, self._dump)
        self._file, self.certificates = None, 0


def _begin(folder: Path, wanted: Dump, resume: bool) -> Dump:
    folder.mkdir(parents=True, exist_ok=True)
    present = [path for path in folder.glob("*wasmpuck-dump-*") if path.is_file()]
    found = _load(folder)
    if found is None and present:
        raise OperatorError(
            f"the folder {folder} holds files of a dump but no {_LIST}", hint="remove them, or name another folder"
        )
    if found is not None and resume and not found.complete and _kind(found) == _kind(wanted):
        return found
    for path in present:
        path.unlink()
    _save(folder, wanted)
    return wanted


def _kind(dump: Dump) -> tuple[object, ...]:
    return dump.count, dump.compression, dump.since, dump.until


def _save(folder: Path, dump: Dump) -> None:
    new = folder / f".{_LIST}"
    with new.open("w") as file:
        json.dump(asdict(dump), file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / _LIST)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _load(folder: Path) -> Dump | None:
    try:
        found = json.loads((folder / _LIST).read_text())
        files = [DumpFile(**file) for file in found.pop("files")]
        return Dump(**found, files=files)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        raise OperatorError(
            f"{folder / _LIST} is not the list of a dump",
            hint="remove it with the files beside it, or name another folder",
        ) from None
