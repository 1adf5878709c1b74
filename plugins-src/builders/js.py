"""The language runtime for JavaScript, and JavaScript plugins as components of their own, built by componentize-qjs.

Its output differs in a few bytes from build to build (it holds a snapshot of the engine's memory), so an artifact is
kept until its sources change.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from . import toolchain
from .recipe import Recipe
from .stubs import without_foreign

__all__ = ["build", "standalone", "test"]

_RUNTIME = "runtimes/quickjs"
_SDK = "sdk/js"


def build(recipe: Recipe, scratch: Path) -> bytes:
    """The language runtime, using the empty folder `scratch`. Raises `BuildError`."""
    manifest = recipe.manifest()
    return _component(recipe, f"{_RUNTIME}/entry.js", manifest.worlds, manifest.imports, scratch)


def standalone(recipe: Recipe, runtime: Recipe, scratch: Path) -> bytes:
    """A component that holds a script and the runtime that executes it, with the script's own imports and exports.

    The script is executed by the first call of an instance, so that it sees the same world as on the runtime.
    """
    manifest = recipe.manifest()
    program = {
        "name": manifest.name,
        "version": str(manifest.version),
        "description": manifest.description,
        "entry": recipe.build["entry"],
        "files": [{"path": path, "text": content.decode()} for path, content in recipe.parts().items()],
        "imports": list(manifest.imports),
    }
    camel = {name: re.sub("-(.)", lambda match: match[1].upper(), name) for name in manifest.worlds}
    imported = [
        f'import import{index} from "wasmpuck:plugin/{name}@0.1.0";' for index, name in enumerate(manifest.imports)
    ]
    bindings = ", ".join(f"{json.dumps(name)}: import{index}" for index, name in enumerate(manifest.imports))
    entry = [
        *imported,
        f'import {{ standalone }} from "./{_RUNTIME}/standalone.js";',
        f"const made = standalone({{ {bindings} }}, {json.dumps(program)});",
        *(f"export const {name} = made.{name};" for name in camel.values()),
    ]
    (scratch / "sources").mkdir()
    (scratch / "sources" / "entry.js").write_text("\n".join(entry) + "\n")
    return _component(runtime, "entry.js", manifest.worlds, manifest.imports, scratch)


def test(recipe: Recipe, scratch: Path) -> None:
    """Runs the plugin's own tests, if there are any, on this machine. Raises `BuildError` with their output when one
    fails.
    """
    if not (recipe.folder / "tests").is_dir():
        return
    node = toolchain.node()
    register = recipe.root / "plugins-src" / _SDK / "testing" / "register.js"
    tests = sorted(str(path) for path in (recipe.folder / "tests").glob("*.js"))
    command = [str(node), "--import", register.as_uri(), "--test", *tests]
    toolchain.run(command, cwd=recipe.folder, environment=dict(os.environ))


def _component(recipe: Recipe, entry: str, worlds: Iterable[str], imports: Iterable[str], scratch: Path) -> bytes:
    tool = toolchain.componentize_qjs(recipe.root)
    sources = scratch / "sources"
    for part in (_RUNTIME, _SDK):
        shutil.copytree(recipe.root / "plugins-src" / part, sources / part, dirs_exist_ok=True)
    contract = scratch / "contract"
    contract.mkdir()
    for name, text in recipe.contract([*worlds, *imports]).items():
        if name != "worlds.wit":
            (contract / name).write_text(text)
    world = [f"    import {name};\n" for name in imports] + [f"    export {name};\n" for name in worlds]
    (contract / "plugin.wit").write_text(f"package wasmpuck:plugin@0.1.0;\nworld plugin {{\n{''.join(world)}}}\n")
    output = scratch / "component.wasm"
    command = [str(toolchain.node()), str(tool), "--sync", "--wit", str(contract), "-n", "plugin"]
    command += ["--js", str(sources / entry), "--module-root", str(sources), "--output", str(output)]
    toolchain.run(command, cwd=scratch, environment={"PATH": os.environ["PATH"], "RUST_BACKTRACE": "0"})
    return without_foreign(output.read_bytes())
