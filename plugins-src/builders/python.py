"""What componentize-py makes without WASI: a Python plugin with its own world, the language runtime, and a script with
the runtime in one component.

Its output differs from build to build (it holds a snapshot of an interpreter's memory), so an artifact is kept until
its sources change.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from wasmpuck_signing.manifest import Manifest

from . import toolchain
from .errors import BuildError
from .recipe import Recipe, uncommented

__all__ = ["build", "standalone", "test"]


def build(recipe: Recipe, scratch: Path) -> bytes:
    """The component that componentize-py makes of the folder, using the empty folder `scratch`. Raises `BuildError`."""
    manifest = recipe.manifest()
    sources = scratch / "sources"
    for path, content in recipe.parts().items():
        _write(sources / path, uncommented(content.decode()).encode() if path.endswith(".wit") else content)
    if recipe.language == "python":
        return _componentize(recipe, manifest, scratch, sources / "wit", f"{_package(sources)}/plugin")
    return _componentize(recipe, manifest, scratch, *_world(manifest, scratch))


def standalone(recipe: Recipe, runtime: Recipe, scratch: Path) -> bytes:
    """A component that holds a script and the runtime that executes it, with the script's own imports and exports.

    The script is executed while it is built: what it does at its top must not call the server. Raises `BuildError`.
    """
    manifest = recipe.manifest()
    sources = scratch / "sources"
    for path, content in runtime.parts().items():
        _write(sources / path, content)
    about = (manifest.name, str(manifest.version), manifest.description, recipe.build["entry"])
    files = {path: content.decode() for path, content in recipe.parts().items()}
    _write(sources / "frozen_script.py", f"PROGRAM = {(*about, files, manifest.imports)!r}\n".encode())
    return _componentize(runtime, manifest, scratch, *_world(manifest, scratch))


def _world(manifest: Manifest, scratch: Path) -> tuple[Path, str]:
    """The folder and the name of a world that imports and exports what the manifest says."""
    package, _, version = manifest.contract.partition("@")
    lines = [f"  import {package}/{name}@{version};\n" for name in manifest.imports]
    lines += [f"  export {package}/{name}@{version};\n" for name in manifest.worlds]
    text = f"package wasmpuck:built@{version};\n\nworld plugin {{\n{''.join(lines)}}}\n"
    _write(scratch / "world" / "world.wit", text.encode())
    return scratch / "world", "wasmpuck:built/plugin"


def _componentize(recipe: Recipe, manifest: Manifest, scratch: Path, wit: Path, world: str) -> bytes:
    tool = toolchain.componentize_py(recipe.root)
    module = recipe.build.get("module")
    if not isinstance(module, str):
        raise BuildError(f"{recipe.name}/plugin.toml: build.module must name the module that implements the exports")
    for name, text in recipe.contract([*manifest.worlds, *manifest.imports]).items():
        _write(scratch / "contract" / name, text.encode())
    # Without an environment of its own componentize-py takes in the packages of the Python that runs it.
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (scratch / "empty" / "lib" / version / "site-packages").mkdir(parents=True)
    output = scratch / "component.wasm"
    command = [str(tool), "-d", str(scratch / "contract"), "-d", str(wit), "-w", world]
    command += ["componentize", "--stub-wasi", "-p", str(scratch / "sources"), "-o", str(output), module]
    environment = {"PATH": os.environ["PATH"], "VIRTUAL_ENV": str(scratch / "empty"), "RUST_BACKTRACE": "0"}
    toolchain.run(command, cwd=scratch, environment=environment)
    return output.read_bytes()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


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
