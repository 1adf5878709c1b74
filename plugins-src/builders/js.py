"""The language runtime for JavaScript, built by componentize-qjs.

Its output differs in a few bytes from build to build (it holds a snapshot of the engine's memory), so an artifact is
kept until its sources change.
"""

from __future__ import annotations

import os
from pathlib import Path

from wasmpuck.kit.toolchains import javascript

from . import toolchain
from .recipe import Recipe

__all__ = ["build", "test"]

_SDK = "sdk/js"


def build(recipe: Recipe, scratch: Path) -> bytes:
    """The language runtime, using the empty folder `scratch`. Raises `BuildError`."""
    manifest = recipe.manifest()
    tool = toolchain.componentize_qjs(recipe.root)
    return javascript.component(tool, javascript.ENTRY, manifest.worlds, manifest.imports, scratch)


def test(recipe: Recipe, scratch: Path) -> None:
    """Runs the plugin's own tests, if there are any, on this machine. Raises `BuildError` with their output when one
    fails.
    """
    if not (recipe.folder / "tests").is_dir():
        return
    node = javascript.node()
    register = recipe.root / "plugins-src" / _SDK / "testing" / "register.js"
    tests = sorted(str(path) for path in (recipe.folder / "tests").glob("*.js"))
    command = [str(node), "--import", register.as_uri(), "--test", *tests]
    toolchain.run(command, cwd=recipe.folder, environment=dict(os.environ))
