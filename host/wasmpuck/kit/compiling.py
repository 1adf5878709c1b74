"""The compiler of an author's machine: its code is kept in the user's cache folder, so a second run starts at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from wasmpuck.runtime.cache import CodeCache
from wasmpuck.runtime.compile import Compiler
from wasmpuck.runtime.engine import Engine

__all__ = ["author_compiler", "cache_folder"]


@lru_cache(maxsize=1)
def _engine() -> Engine:
    return Engine()


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/wasmpuck`, by default `~/.cache/wasmpuck` (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "wasmpuck"


def author_compiler(progress: Callable[[str, float], None] | None = None) -> Compiler:
    """A compiler with a cache under the same rules as a server's (`runtime.cache`)."""
    folder = cache_folder()
    cache = CodeCache(folder / "code", folder / "code.key", _engine().fingerprint())
    return Compiler(_engine(), cache, progress=progress)
