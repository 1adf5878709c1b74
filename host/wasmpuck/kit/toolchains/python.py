"""Python: a script as a component of its own, with the language runtime in it, made by componentize-py.

Its output differs from build to build (it holds a snapshot of an interpreter's memory).
"""

from __future__ import annotations

import os
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from wasmpuck.kit.resources import pins_file, runtime_folder, sdk_folder, wit_files
from wasmpuck.kit.sources import source_files
from wasmpuck_signing import Manifest
from wasmpuck_signing.script import Script

from .contract import contract
from .errors import ToolchainError
from .lasting import immortalized
from .process import run
from .tool import Tool, pins

__all__ = ["componentize", "find", "standalone", "world", "write"]

_PACKAGE = "wasmpuck_plugin"


def find(version: str = "") -> Tool:
    """The componentize-py that is installed beside the running Python; `version` is by default the pinned one.

    Raises `ToolchainError` with the command that installs it.
    """
    pinned = version or pins(pins_file())["COMPONENTIZE_PY"]
    hint = f"{sys.executable} -m pip install componentize-py=={pinned}"
    try:
        found = metadata.version("componentize-py")
    except metadata.PackageNotFoundError:
        raise ToolchainError(f"componentize-py {pinned} is not installed", hint) from None
    if found != pinned:
        raise ToolchainError(f"componentize-py is {found}; {pinned} is pinned in toolchain.pins", hint)
    return Tool(f"componentize-py {found}", Path(sys.executable).parent / "componentize-py")


def standalone(script: Script, manifest: Manifest, tool: Tool, scratch: Path) -> bytes:
    """A component that holds a script and the runtime that executes it, with the script's own imports and exports.

    The script is executed while it is built: what it does at its top must not call the server. `scratch` is an empty
    folder. Raises `ToolchainError`.
    """
    runtime, sources = runtime_folder("python"), scratch / "sources"
    for base, below in ((runtime, ""), (sdk_folder("python") / _PACKAGE, f"{_PACKAGE}/")):
        for path in source_files(base):
            write(sources / f"{below}{path.as_posix()}", (base / path).read_bytes())
    about = (manifest.name, str(manifest.version), manifest.description, script.entry)
    write(sources / "frozen_script.py", f"PROGRAM = {(*about, dict(script.files), manifest.imports)!r}\n".encode())
    module = tomllib.loads((runtime / "plugin.toml").read_text(encoding="utf-8"))["build"]["module"]
    files = contract(wit_files(), [*manifest.worlds, *manifest.imports])
    return immortalized(componentize(tool, module, files, *world(manifest, scratch), scratch))


def world(manifest: Manifest, scratch: Path) -> tuple[Path, str]:
    """The folder and the name of a world that imports and exports what the manifest says."""
    package, _, version = manifest.contract.partition("@")
    lines = [f"  import {package}/{name}@{version};\n" for name in manifest.imports]
    lines += [f"  export {package}/{name}@{version};\n" for name in manifest.worlds]
    text = f"package wasmpuck:built@{version};\n\nworld plugin {{\n{''.join(lines)}}}\n"
    write(scratch / "world" / "world.wit", text.encode())
    return scratch / "world", "wasmpuck:built/plugin"


def componentize(tool: Tool, module: str, files: dict[str, str], wit: Path, name: str, scratch: Path) -> bytes:
    """The component of the Python files in `scratch/sources`, of which `module` implements the exports of the world
    `name` in the folder `wit`; `files` are those of the contract. Raises `ToolchainError`.
    """
    for file, text in files.items():
        write(scratch / "contract" / file, text.encode())
    # Without an environment of its own componentize-py takes in the packages of the Python that runs it.
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (scratch / "empty" / "lib" / version / "site-packages").mkdir(parents=True)
    output = scratch / "component.wasm"
    command = [*tool.command, "-d", str(scratch / "contract"), "-d", str(wit), "-w", name]
    command += ["componentize", "--stub-wasi", "-p", str(scratch / "sources"), "-o", str(output), module]
    environment = {"PATH": os.environ["PATH"], "VIRTUAL_ENV": str(scratch / "empty"), "RUST_BACKTRACE": "0"}
    run(command, cwd=scratch, environment=environment)
    return output.read_bytes()


def write(path: Path, content: bytes) -> None:
    """Writes a file, and makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
