"""Reading data files of the operator's (import `files`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar

from . import _seam
from ._times import from_milliseconds
from .errors import HostError

__all__ = ["DataFile", "FilesError", "names", "open"]

_TEXT = 1_048_576
_BYTES = 65_536


class FilesError(HostError):
    """Why a file cannot be read."""

    NoSuchFile: ClassVar[type[FilesError]]
    Unreadable: ClassVar[type[FilesError]]
    Changed: ClassVar[type[FilesError]]
    RateLimited: ClassVar[type[FilesError]]
    Other: ClassVar[type[FilesError]]

    cases: ClassVar = {
        "no-such-file": "The operator has named no file so.",
        "unreadable": "The file is not there or cannot be read.",
        "changed": "The file was changed in place while it was open: open it again.",
        "rate-limited": "More bytes a second, or more open files, than granted.",
        "other": "The file cannot be read.",
    }


class DataFile:
    """An open file. Leaving its `with` block closes it."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def _ask(self, function: str, *arguments: object) -> Any:
        return _seam.call(FilesError, f"files.data-file.{function}", self._handle, *arguments)

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return int(self._ask("size"))

    @property
    def modified(self) -> datetime:
        """When it was last written."""
        return from_milliseconds(self._ask("modified"))

    @property
    def replaced(self) -> bool:
        """Whether another file has its name by now."""
        return bool(self._ask("replaced"))

    def read(self, offset: int, length: int = _BYTES) -> bytes:
        """At most `length` bytes (at most 65,536) from `offset`; fewer only at the end. About 45 ns a byte."""
        found: bytes = _seam.answer(FilesError, self._ask("read", float(offset), length))
        return found

    def read_text(self, offset: int, length: int = _TEXT) -> str:
        """The same as UTF-8 text, at most 1,048,576 bytes."""
        found: str = _seam.answer(FilesError, self._ask("read-text", float(offset), length))
        return found

    def lines(self) -> Iterator[str]:
        """The lines of the file, without their ends. What is no UTF-8 becomes U+FFFD."""
        rest, offset = b"", 0
        while piece := self.read(offset):
            offset += len(piece)
            *whole, rest = (rest + piece).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in whole)
        if rest:
            yield rest.decode("utf-8", "replace")

    def close(self) -> None:
        """Closes it."""
        self._ask("close")

    def __enter__(self) -> DataFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def names() -> list[str]:
    """The names of the plugin's files, in ascending order."""
    return list(_seam.call(FilesError, "files.names"))


def open(name: str) -> DataFile:
    """Opens a file; at most 16 are open in an instance."""
    return DataFile(_seam.call(FilesError, "files.open", name))
