"""From a plugin's folder to its artifact."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wasmpuck.kit.artifacts import MANIFEST, UnusableFile
from wasmpuck_signing import Manifest
from wasmpuck_signing.errors import BadManifest

__all__ = ["OUTPUT", "build"]

OUTPUT: Final = "dist"
"""The folder, inside a plugin's, that its artifact is built into."""

_NOT_SOURCES: Final = frozenset({OUTPUT, "target", "build", "node_modules", "tests", "__pycache__"})


def build(folder: Path) -> Path:
    """The artifact of the plugin in `folder`, newer than all its sources: `dist/NAME.wasm`.

    Raises:
        UnusableFile: the folder holds no plugin, or its artifact is missing or older than a source.
    """
    name = _name(folder)
    artifact = folder / OUTPUT / f"{name}.wasm"
    if not artifact.is_file():
        raise UnusableFile(f"{artifact} is not there", hint=f"build the plugin in {folder} first")
    built = artifact.stat().st_mtime_ns
    for source in _sources(folder):
        if source.stat().st_mtime_ns > built:
            raise UnusableFile(f"{artifact} is older than {source}", hint=f"build the plugin in {folder} again")
    return artifact


def _name(folder: Path) -> str:
    path = folder / MANIFEST
    try:
        return Manifest.from_toml(path.read_text(encoding="utf-8")).name
    except (OSError, UnicodeDecodeError) as problem:
        raise UnusableFile(f"{path} cannot be read: {problem}", hint="name the folder of a plugin") from None
    except BadManifest as problem:
        raise UnusableFile(f"{path}: {problem.message}", hint=problem.hint) from None


def _sources(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NOT_SOURCES and not name.startswith("."))
        yield from (Path(place) / name for name in sorted(files) if not name.startswith("."))
