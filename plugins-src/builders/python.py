"""What componentize-py makes without WASI: a Python plugin with its own world, and the language runtime.

Its output differs from build to build (it holds a snapshot of an interpreter's memory), so an artifact is kept until
its sources change.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from wasmpuck.kit.toolchains import python
from wasmpuck.kit.toolchains.lasting import immortalized

from . import toolchain
from .errors import BuildError
from .recipe import Recipe, uncommented

__all__ = ["build", "test"]


def build(recipe: Recipe, scratch: Path) -> bytes:
    """The component that componentize-py makes of the folder, using the empty folder `scratch`. Raises `BuildError`."""
    manifest = recipe.manifest()
    sources = scratch / "sources"
    for path, content in recipe.parts().items():
        python.write(sources / path, uncommented(content.decode()).encode() if path.endswith(".wit") else content)
    module = recipe.build.get("module")
    if not isinstance(module, str):
        raise BuildError(f"{recipe.name}/plugin.toml: build.module must name the module that implements the exports")
    if recipe.language == "python":
        wit, world = sources / "wit", f"{_package(sources)}/plugin"
    else:
        wit, world = python.world(manifest, scratch)
    files = recipe.contract([*manifest.worlds, *manifest.imports])
    component = python.componentize(toolchain.componentize_py(recipe.root), module, files, wit, world, scratch)
    return component if recipe.language == "python" else immortalized(component)


def test(recipe: Recipe, scratch: Path) -> None:
    """Runs the plugin's own tests, if there are any, on this machine. Raises `BuildError` with their output when one
    fails.
    """
    if not (recipe.folder / "tests").is_dir():
        return
    options = [
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
        "-q",
        "--import-mode=importlib",
        "--rootdir",
        str(recipe.folder),
    ]
    command = [sys.executable, "-m", "pytest", *options, "-c", os.devnull, "tests"]
    path = f"{recipe.folder}{os.pathsep}{recipe.root / 'plugins-src' / 'sdk' / 'python'}"
    environment = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    toolchain.run(command, cwd=recipe.folder, environment=dict(environment))


def _package(sources: Path) -> str:
    for path in sorted((sources / "wit").glob("*.wit")):
        for line in path.read_text().splitlines():
            if line.startswith("package "):
                return line.removeprefix("package ").partition("@")[0].strip(" ;")
    raise BuildError("the plugin's wit/ folder declares no package")
