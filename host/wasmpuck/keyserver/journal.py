"""How far the loading of each source got, so that a loading that was ended goes on where it was.

Theory of operation. A mark is written after everything before it is durable in the store, so it may be behind but never
ahead. Each source has a file of its own, which is replaced as a whole; one that cannot be read counts as none. A mark
names the certificate stored last before it: where the store does not have that, it is another store or an older state
of it, and the source is loaded from its beginning. Loading anything twice changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Journal", "Mark"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a source: how many pieces lie before it, and its offset in the unpacked bytes.

    `key` is the place in a source that is no stream. `witness` is the fingerprint stored last before it, empty if
    none was; `done` says that it is the end.
    """

    pieces: int = 0
    offset: int = 0
    key: str = ""
    witness: str = ""
    done: bool = False


class Journal:
    """The marks of one data folder. `rules` describe by what rules sources are loaded: under others no mark holds.

    `resumed` tells whether a mark was found that holds. Nothing here waits for the disk. Raises OSError where a file
    cannot be written.
    """

    def __init__(self, folder: Path, rules: str, *, fresh: bool = False) -> None:
        self._folder = folder
        self._rules = rules
        self._fresh = fresh
        self.resumed = False

    async def begin(self, identity: Any, stored: Callable[[str], Awaitable[bool]]) -> Mark:
        """Where to go on with a source; `stored` tells whether the store has a fingerprint."""
        mark = Mark() if self._fresh else self._read(self._path(identity))
        if mark != Mark() and (not mark.witness or not await stored(mark.witness)):
            mark = Mark()
        self.resumed = self.resumed or mark != Mark()
        return mark

    def note(self, identity: Any, mark: Mark) -> None:
        """Writes a mark, over the one before."""
        path = self._path(identity)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = path.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(asdict(mark)))
        new.replace(path)

    def forget(self, identity: Any) -> None:
        """Removes a mark."""
        self._path(identity).unlink(missing_ok=True)

    def _path(self, identity: Any) -> Path:
        named = json.dumps([self._rules, identity])
        return self._folder / f"{hashlib.sha256(named.encode()).hexdigest()[:32]}.json"

    @staticmethod
    def _read(path: Path) -> Mark:
        try:
            return Mark(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return Mark()
