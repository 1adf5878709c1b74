"""`wasmpuck:plugin/files`: ranges of data files that the operator names, read where the guest asks for them."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any, ClassVar, Final

from wasmpuck.runtime.accounting import RateBucket
from wasmpuck.runtime.capabilities.context import Context
from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["Files"]

_BYTES: Final = 65_536
_TEXT_BYTES: Final = 1_048_576
_MOST_OPEN: Final = 16
#: Seconds between two looks at whether a file was replaced.
_INTERVAL: Final = 1.0

_RATE: Final = Case("rate-limited")


class DataFile:
    """WIT `files.data-file`."""

    def __init__(self, files: Files, path: Path, descriptor: int) -> None:
        self._files = files
        self._path = path
        self._descriptor = descriptor
        self._opened = os.fstat(descriptor)

    def size(self) -> float:
        """WIT `data-file.size`."""
        return float(self._opened.st_size)

    def modified(self) -> float:
        """WIT `data-file.modified`."""
        return float(self._opened.st_mtime_ns // 1_000_000)

    def replaced(self) -> bool:
        """WIT `data-file.replaced`."""
        try:
            now = self._path.stat()
        except OSError:
            return False  # in the middle of being replaced, or gone: there is nothing better to open
        return (now.st_dev, now.st_ino) != (self._opened.st_dev, self._opened.st_ino)

    def _read(self, offset: float, length: int, most: int) -> Ok | Err:
        if offset < 0 or not offset.is_integer():
            return Err(Case("other", "an offset is a whole number, 0 or more"))
        wanted = min(length, most, max(0, self._opened.st_size - int(offset)))
        if not self._files.afford(wanted):
            return Err(_RATE)
        try:
            data = os.pread(self._descriptor, wanted, int(offset))
            now = os.fstat(self._descriptor)
        except OSError as problem:
            return Err(Case("unreadable", str(problem.strerror)))
        if (now.st_size, now.st_mtime_ns) != (self._opened.st_size, self._opened.st_mtime_ns):
            return Err(Case("changed"))
        return Ok(data)

    def read(self, offset: float, length: int) -> Case:
        """WIT `data-file.read`."""
        found = self._read(offset, length, _BYTES)
        return Case("data", found.value) if isinstance(found, Ok) else Case("failed", found.value)

    def read_text(self, offset: float, length: int) -> Case:
        """WIT `data-file.read-text`."""
        found = self._read(offset, length, _TEXT_BYTES)
        if isinstance(found, Err):
            return Case("failed", found.value)
        return Case("data", found.value.decode("utf-8", "replace"))

    def close(self) -> None:
        """The guest has no more use for it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._files.returned()


class Files:
    """The data files of one plugin."""

    #: WIT function names.
    functions: ClassVar = frozenset({"names", "open"})
    #: WIT resources.
    resources: ClassVar = {"data-file": DataFile}

    def __init__(self, context: Context) -> None:
        self._paths = dict(context.files)
        self._plugin = context.plugin
        self._bus = context.bus
        self._watcher: asyncio.Task[None] | None = None
        self._monotonic = context.monotonic
        self._rate = RateBucket(context.limits.file_rate, context.monotonic())
        self._most_open = _MOST_OPEN * max(1, context.limits.instances)
        self._open = 0

    def afford(self, size: int) -> bool:
        """Whether so many bytes may be read now."""
        return self._rate.take(size, self._monotonic())

    def returned(self) -> None:
        """A file was closed."""
        self._open -= 1

    def names(self) -> list[str]:
        """WIT `files.names`."""
        return sorted(self._paths)

    def open(self, name: str) -> Any:
        """WIT `files.open`."""
        path = self._paths.get(name)
        if path is None:
            return Err(Case("no-such-file"))
        if self._open >= self._most_open:
            return Err(_RATE)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as problem:
            return Err(Case("unreadable", str(problem.strerror)))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return Err(Case("unreadable", "not a regular file"))
        self._open += 1
        return Ok(DataFile(self, path, descriptor))

    # --- what was replaced -----------------------------------------------------------------------

    def arm(self) -> None:
        """The generation is in service: its files are watched."""
        if self._paths and self._watcher is None:
            self._watcher = asyncio.create_task(self._watch(), name=f"files of {self._plugin}")

    async def _watch(self) -> None:
        seen = await asyncio.to_thread(self._marks)
        while True:
            await asyncio.sleep(_INTERVAL)
            now = await asyncio.to_thread(self._marks)
            for name, mark in now.items():
                if mark is not None and mark != seen.get(name):
                    self._bus.tell("file.replaced", plugin=self._plugin, name=name)
            seen = {name: mark if mark is not None else seen.get(name) for name, mark in now.items()}

    def _marks(self) -> dict[str, tuple[int, ...] | None]:
        """What tells one state of each file from another; `None` while there is none."""
        marks: dict[str, tuple[int, ...] | None] = {}
        for name, path in self._paths.items():
            try:
                status = path.stat()
            except OSError:
                marks[name] = None
            else:
                regular = stat.S_ISREG(status.st_mode)
                marks[name] = (
                    None if not regular else (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                )
        return marks

    def close(self) -> None:
        """Ends the watch. Idempotent."""
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
