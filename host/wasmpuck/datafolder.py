"""The server's data folder: whose it is, and the files by which commands find a running server."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final, TextIO

from wasmpuck.errors import OperatorError

__all__ = ["LOCK_FILE", "STATE_FILE", "TOKEN_FILE", "claim", "make_private", "write_private"]

STATE_FILE: Final = "server.json"
"""The process and its addresses, while a server runs."""
TOKEN_FILE: Final = "admin.token"
"""What administration asks for, while a server runs."""
LOCK_FILE: Final = "server.lock"
"""Locked by the server that has the folder."""


def make_private(folder: Path) -> None:
    """Makes the folder, for its owner alone, unless it is there. Raises OperatorError when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise OperatorError(
            f"the data folder {folder} cannot be made: {error.strerror}",
            hint="name a writable folder with server.dataDir or --data",
        ) from None


def claim(folder: Path) -> TextIO:
    """The data folder for one server alone, as long as the file is open. Raises OperatorError when another has it."""
    make_private(folder)
    file = (folder / LOCK_FILE).open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise OperatorError(
            f"another server uses the data folder {folder}",
            hint="stop it first, or give this one a folder of its own with server.dataDir or --data",
        ) from None
    return file


def write_private(path: Path, text: str) -> None:
    """Writes a file that its owner alone may read, in the place of what was there."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
