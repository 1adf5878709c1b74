"""A Python plugin, built by componentize-py without WASI.

Its output differs from build to build (it holds a snapshot of an interpreter's memory), so an artifact is kept until
its sources change.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import toolchain
from .errors import BuildError
from .recipe import Recipe, uncommented

__all__ = ["build", "test"]


def build(recipe: Recipe, scratch: Path) -> bytes:
    """The component that componentize-py makes of the folder, using the empty folder `scratch`. Raises `BuildError`."""
    tool = toolchain.componentize_py(recipe.root)
    module = recipe.build.get("module")
    if not isinstance(module, str):
        raise BuildError(f"{recipe.name}/plugin.toml: build.module must name the module that implements the exports")
    manifest = recipe.manifest()
    contract = scratch / "contract"
    contract.mkdir()
    for name, text in recipe.contract([*manifest.worlds, *manifest.imports]).items():
        (contract / name).write_text(text)
    sources = scratch / "sources"
    for path in recipe.sources():
        copy = sources / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        content = (recipe.folder / path).read_bytes()
        copy.write_bytes(uncommented(content.decode()).encode() if path.suffix == ".wit" else content)
    # Without an environment of its own componentize-py takes in the packages of the Python that runs it.
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (scratch / "empty" / "lib" / version / "site-packages").mkdir(parents=True)
    output = scratch / "component.wasm"
    command = [str(tool), "-d", str(contract), "-d", str(sources / "wit")]
    command += [
        "-w",
        f"{_package(sources)}/plugin",
        "componentize",
        "--stub-wasi",
        "-p",
        str(sources),
        "-o",
        str(output),
        module,
    ]
    environment = {"PATH": os.environ["PATH"], "VIRTUAL_ENV": str(scratch / "empty"), "RUST_BACKTRACE": "0"}
    toolchain.run(command, cwd=scratch, environment=environment)
    return output.read_bytes()


def test(recipe: Recipe, scratch: Path) -> None:
    """Runs the plugin's own tests on this machine. Raises `BuildError` with their output when one fails."""
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
    environment = os.environ | {"PYTHONPATH": str(recipe.folder), "PYTHONDONTWRITEBYTECODE": "1"}
    toolchain.run(command, cwd=recipe.folder, environment=dict(environment))


def _package(sources: Path) -> str:
    for path in sorted((sources / "wit").glob("*.wit")):
        for line in path.read_text().splitlines():
            if line.startswith("package "):
                return line.removeprefix("package ").partition("@")[0].strip(" ;")
    raise BuildError("the plugin's wit/ folder declares no package")
