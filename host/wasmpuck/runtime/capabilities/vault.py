"""A folder of secrets: a file for each, which the server alone reads."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["Unreadable", "Vault"]

_LARGEST: Final = 65_536
#: Seconds for which a value is kept: a changed file is seen that late.
_KEPT: Final = 1.0


class Unreadable(Exception):
    """A secret whose file cannot be used; why, in words without the value."""


class Vault:
    """A folder with a file for each secret, as container platforms provide it; links are followed.

    Args:
        folder: where the files lie.
        monotonic: seconds.
    """

    def __init__(self, folder: Path, monotonic: Callable[[], float]) -> None:
        self._folder = folder
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, str]] = {}

    def value(self, name: str) -> str:
        """A secret's value, without the line break at its end.

        Raises:
            Unreadable: its file is not there, too large, not UTF-8, or readable by others.
        """
        now = self._monotonic()
        kept = self._kept.get(name)
        if kept is not None and now - kept[0] < _KEPT:
            return kept[1]
        value = self._read(self._folder / name)
        self._kept[name] = (now, value)
        return value

    @staticmethod
    def _read(path: Path) -> str:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise Unreadable(f"{path.name} is not a regular file")
                if status.st_mode & 0o007:
                    raise Unreadable(f"{path.name} can be read or written by everybody: chmod o= it")
                data = file.read(_LARGEST + 1)
        except OSError as problem:
            raise Unreadable(f"{path.name}: {problem.strerror}") from None
        if len(data) > _LARGEST:
            raise Unreadable(f"{path.name} has more than {_LARGEST:,} bytes")
        try:
            return data.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise Unreadable(f"{path.name} is not UTF-8") from None
