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

from wasmpuck_signing.manifest import Manifest
from wasmpuck_signing.script import Script

from . import toolchain
from .recipe import Recipe
from .stubs import without_foreign

__all__ = ["runtime", "standalone", "test"]

_RUNTIME = "runtimes/quickjs"
_SDK = "sdk/js"


def runtime(recipe: Recipe, scratch: Path) -> bytes:
    """The language runtime, using the empty folder `scratch`. Raises `BuildError`."""
    manifest = recipe.manifest()
    return _component(recipe, f"{_RUNTIME}/entry.js", manifest.worlds, manifest.imports, scratch)


def standalone(recipe: Recipe, script: Script, manifest: Manifest, scratch: Path) -> bytes:
    """A component that is the language runtime with one script in it, and imports and exports what the script does."""
    program = {
        "name": manifest.name,
        "version": str(manifest.version),
        "description": manifest.description,
        "entry": script.entry,
        "files": [{"path": path, "text": text} for path, text in script.files.items()],
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
    return _component(recipe, "entry.js", manifest.worlds, manifest.imports, scratch)


def test(recipe: Recipe, scratch: Path) -> None:
    """Runs the plugin's own tests on this machine. Raises `BuildError` with their output when one fails."""
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
