"""The compiler of an author's machine: its code is kept in the user's cache folder, so a second run starts at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from wasmpuck.kit.simulated import MemoryStore
from wasmpuck.plugins.runtimes import RuntimeFolder, Shelf
from wasmpuck.runtime.cache import CodeCache
from wasmpuck.runtime.compile import Compiler
from wasmpuck.runtime.engine import Engine
from wasmpuck.runtime.scripts import Code, CompiledScript, SharedCodes
from wasmpuck.trust import UnverifiedDevelopmentPolicy, VerifiedArtifact

__all__ = ["author_compiler", "cache_folder", "load_code", "runtimes_folder"]


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


def runtimes_folder() -> Path:
    """The language runtimes that come with Wasmpuck: inside the package in a wheel, in `plugins-dist` in a checkout."""
    bundled = Path(__file__).resolve().parents[1] / "demo" / "plugins" / "runtimes"
    return bundled if bundled.is_dir() else Path(__file__).resolve().parents[3] / "plugins-dist" / "runtimes"


async def load_code(artifact: VerifiedArtifact, compiler: Compiler, runtimes: Path | None = None) -> Code:
    """Compiles an artifact, or a script's runtime; `runtimes` is a folder of them, by default `runtimes_folder`.

    Raises:
        ArtifactRefused: it cannot be compiled, or its runtime is not there.
    """
    if artifact.script is None:
        return await compiler.compile(artifact)
    codes = SharedCodes(compiler)
    folder = RuntimeFolder(runtimes or runtimes_folder(), ())
    shelf = Shelf(folder, UnverifiedDevelopmentPolicy(), codes, MemoryStore())
    return CompiledScript(artifact, await shelf.take(await shelf.find(artifact)))
