"""JavaScript: a script as a component of its own, with the language runtime in it, made by componentize-qjs.

Its output differs in a few bytes from build to build (it holds a snapshot of the engine's memory).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from wasmpuck.kit.compiling import cache_folder
from wasmpuck.kit.resources import checkout, pins_file, runtime_folder, sdk_folder, wit_files
from wasmpuck_signing import Manifest
from wasmpuck_signing.script import Script

from .contract import contract
from .errors import ToolchainError
from .process import run
from .stubs import without_foreign
from .tool import Tool, pins

__all__ = ["ENTRY", "component", "find", "home", "node", "standalone"]

_RUNTIME: Final = "runtimes/quickjs"
_SDK: Final = "sdk/js"
_PROGRAM: Final = Path("node_modules") / "componentize-qjs" / "cli.mjs"

ENTRY: Final = f"{_RUNTIME}/entry.js"
"""The module of the language runtime itself."""


def node() -> Path:
    """Node.js, which runs componentize-qjs and the tests of JavaScript plugins. Raises `ToolchainError`."""
    found = shutil.which("node")
    if found is None:
        raise ToolchainError(
            "node is missing", "Install Node.js 20 or newer with npm (Debian: apt-get install nodejs npm)."
        )
    return Path(found)


def home(version: str, tools: Path) -> Path:
    """The folder below `tools` that a version of componentize-qjs is installed into."""
    return tools / f"componentize-qjs-{version}"


def find() -> Tool:
    """The pinned componentize-qjs: in the folder of tools of a checkout, or in the user's cache folder.

    Raises `ToolchainError` with the command that installs it.
    """
    pinned = pins(pins_file())["COMPONENTIZE_QJS"]
    node_program = node()
    folders = [cache_folder() / "tools"]
    if "WASMPUCK_TOOLS" in os.environ:
        folders.insert(0, Path(os.environ["WASMPUCK_TOOLS"]).absolute())
    elif (root := checkout()) is not None:
        folders.insert(0, root / ".tools")
    for folder in folders:
        program = home(pinned, folder) / _PROGRAM
        if program.is_file() and _version(program) == pinned:
            return Tool(f"componentize-qjs {pinned}", program, (node_program,))
    raise ToolchainError(
        f"componentize-qjs {pinned} is not installed",
        f"npm install --ignore-scripts --prefix {home(pinned, folders[-1])} componentize-qjs@{pinned}",
    )


def _version(program: Path) -> str:
    try:
        return str(json.loads((program.parent / "package.json").read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError):
        return ""


def standalone(script: Script, manifest: Manifest, tool: Tool, scratch: Path) -> bytes:
    """A component that holds a script and the runtime that executes it, with the script's own imports and exports.

    The script is executed by the first call of an instance, so that it sees the same world as on the runtime. `scratch`
    is an empty folder. Raises `ToolchainError`.
    """
    program = {
        "name": manifest.name,
        "version": str(manifest.version),
        "description": manifest.description,
        "entry": script.entry,
        "files": [{"path": path, "text": text} for path, text in script.files.items()],
        "imports": list(manifest.imports),
    }
    camel = [re.sub("-(.)", lambda match: match[1].upper(), name) for name in manifest.worlds]
    imported = [
        f'import import{index} from "{manifest.contract.replace("@", f"/{name}@")}";'
        for index, name in enumerate(manifest.imports)
    ]
    bindings = ", ".join(f"{json.dumps(name)}: import{index}" for index, name in enumerate(manifest.imports))
    entry = [
        *imported,
        f'import {{ standalone }} from "./{_RUNTIME}/standalone.js";',
        f"const made = standalone({{ {bindings} }}, {json.dumps(program)});",
        *(f"export const {name} = made.{name};" for name in camel),
    ]
    (scratch / "sources").mkdir()
    (scratch / "sources" / "entry.js").write_text("\n".join(entry) + "\n", encoding="utf-8")
    return component(tool, "entry.js", manifest.worlds, manifest.imports, scratch)


def component(tool: Tool, entry: str, worlds: Iterable[str], imports: Iterable[str], scratch: Path) -> bytes:
    """The component of the module `entry` below `scratch/sources`, into which the language runtime and the SDK are
    copied. Raises `ToolchainError`.
    """
    worlds, imports = list(worlds), list(imports)
    sources = scratch / "sources"
    for source, place in ((runtime_folder("quickjs"), _RUNTIME), (sdk_folder("js"), _SDK)):
        shutil.copytree(source, sources / place, dirs_exist_ok=True)
    wit = scratch / "contract"
    wit.mkdir()
    for name, text in contract(wit_files(), [*worlds, *imports]).items():
        if name != "worlds.wit":
            (wit / name).write_text(text, encoding="utf-8")
    lines = [f"    import {name};\n" for name in imports] + [f"    export {name};\n" for name in worlds]
    (wit / "plugin.wit").write_text(f"package wasmpuck:plugin@0.1.0;\nworld plugin {{\n{''.join(lines)}}}\n")
    output = scratch / "component.wasm"
    command = [*tool.command, "--sync", "--wit", str(wit), "-n", "plugin"]
    command += ["--js", str(sources / entry), "--module-root", str(sources), "--output", str(output)]
    run(command, cwd=scratch, environment={"PATH": os.environ["PATH"], "RUST_BACKTRACE": "0"})
    return without_foreign(output.read_bytes())
