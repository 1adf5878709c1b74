"""Putting a plugin's file into the server's folder, and taking it back when the server does not want it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType

__all__ = ["InstalledFile"]


class InstalledFile:
    """A file at `target` with the given bytes; unless it is kept, leaving the block puts back what was there before.

    Each step is a rename, so that the server, which may look at any moment, sees one whole file or the other. Other
    files beside it begin with a dot, which the server passes over. Raises OSError when the folder cannot be written.
    """

    def __init__(self, target: Path, data: bytes) -> None:
        self._target = target
        self._data = data
        self._old = target.with_name(f".{target.name}.old")
        self._new = target.with_name(f".{target.name}.new")
        self._kept = False

    def keep(self) -> None:
        """Lets the new file stay."""
        self._kept = True

    def __enter__(self) -> InstalledFile:
        self._old.unlink(missing_ok=True)
        if self._target.exists():
            shutil.copy2(self._target, self._old)
        try:
            with self._new.open("wb") as file:
                file.write(self._data)
                file.flush()
                os.fsync(file.fileno())
            self._new.replace(self._target)
        except OSError:
            self._new.unlink(missing_ok=True)
            self._old.unlink(missing_ok=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._kept:
            self._old.unlink(missing_ok=True)
        elif self._old.exists():
            self._old.replace(self._target)
        else:
            self._target.unlink(missing_ok=True)
