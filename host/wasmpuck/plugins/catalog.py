"""The folder of artifacts: which files there are, in which order they are loaded, and which have changed."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wasmpuck.trust import Version

__all__ = ["Catalog", "Mark"]

_log = logging.getLogger(__name__)
_VERSIONED: Final = re.compile(r"([a-z0-9][a-z0-9-]*?)-([0-9]+\.[0-9]+\.[0-9]+(?:-.*)?)")
_NO_VERSION: Final = Version(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells a changed file from an unchanged one without reading it."""

    modified: int
    size: int
    inode: int


class Catalog:
    """Artifacts in a folder, by plugin name: `NAME.wasm`, or the highest of several `NAME-VERSION.wasm`.

    `trouble` says why the folder could not be read the last time; empty if it could.
    """

    def __init__(self, folder: Path, load_order: Sequence[str] = ()) -> None:
        self.folder = folder
        self.trouble = ""
        self._order = {name: place for place, name in enumerate(load_order)}

    def scan(self) -> dict[str, Path]:
        """Files by the name that they claim, in load order: listed ones first, the others by name."""
        found: dict[str, Path] = {}
        try:
            entries = list(self.folder.iterdir())
        except OSError as error:
            if self.trouble != str(error.strerror):
                self.trouble = str(error.strerror)
                _log.error("the plugin folder %s cannot be read: %s", self.folder, self.trouble)
            return {}
        self.trouble = ""
        for entry in sorted(entries, key=self._rank):
            if entry.suffix == ".wasm" and not entry.name.startswith(".") and entry.is_file():
                found[self.plugin_name(entry)] = entry
        return dict(sorted(found.items(), key=lambda pair: (self._order.get(pair[0], len(self._order)), pair[0])))

    @staticmethod
    def plugin_name(path: Path) -> str:
        """`ratelimit-window-0.1.0.wasm` → `ratelimit-window`; a claim, checked against the signed manifest later."""
        found = _VERSIONED.fullmatch(path.stem)
        return found[1] if found else path.stem

    @staticmethod
    def _rank(path: Path) -> tuple[bool, Version, str]:
        """Among files for the same plugin the greatest counts."""
        found = _VERSIONED.fullmatch(path.stem)
        try:
            version = Version.parse(found[2]) if found else _NO_VERSION
        except ValueError:
            version = _NO_VERSION
        return found is None, version, path.name

    def mark(self, path: Path) -> Mark | None:
        """The file's mark, `None` when it is gone."""
        try:
            status = path.stat()
        except OSError:
            return None
        return Mark(status.st_mtime_ns, status.st_size, status.st_ino)
