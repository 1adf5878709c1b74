"""The tools: where they are, and that they are the pinned ones.

Artifacts are compared byte for byte, so a tool of another version is an error and not a warning.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from wasmpuck.kit.toolchains import javascript, python, tool
from wasmpuck.kit.toolchains.process import run
from wasmpuck.kit.toolchains.rust import RustToolchain

from .errors import BuildError

__all__ = ["componentize_py", "componentize_qjs", "pins", "qjs_home", "run", "rust_tools"]

_SETUP = "Run plugins-src/toolchain.sh as root on Debian 12; it installs the pinned tools."
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)+")


def pins(root: Path) -> dict[str, str]:
    """Tool to version, from `plugins-src/toolchain.pins`."""
    return tool.pins(root / "plugins-src" / "toolchain.pins")


def rust_tools(root: Path) -> RustToolchain:
    """Debian's toolchain with the pinned versions. Raises `BuildError` for the first that is missing or differs."""
    pinned = pins(root)
    bin_folder = Path(os.environ.get("WASMPUCK_TOOLS", root / ".tools")) / "bin"
    library = Path("/usr/lib/rustlib/src/rust/library")
    tools = RustToolchain(
        name="the pinned toolchain",
        cargo=Path("/usr/bin/cargo"),
        rustc=_checked("rustc", Path("/usr/bin/rustc"), pinned["RUSTC"]),
        wasm_ld=_checked("wasm-ld", Path("/usr/bin/wasm-ld-22"), pinned["WASM_LD"]),
        wasm_component_ld=_checked(
            "wasm-component-ld", (bin_folder / "wasm-component-ld").absolute(), pinned["WASM_COMPONENT_LD"]
        ),
        library=library,
    )
    for path in (tools.cargo, library / "std"):
        if not path.exists():
            raise BuildError(f"{path} is missing", _SETUP)
    return tools


def componentize_py(root: Path) -> tool.Tool:
    """The componentize-py that is installed beside the running Python. Raises `BuildError`."""
    return python.find(pins(root)["COMPONENTIZE_PY"])


def qjs_home(root: Path) -> Path:
    """The folder into which the pinned componentize-qjs is installed."""
    pinned = pins(root)["COMPONENTIZE_QJS"]
    return javascript.home(pinned, Path(os.environ.get("WASMPUCK_TOOLS", root / ".tools")).absolute())


def componentize_qjs(root: Path) -> tool.Tool:
    """The pinned componentize-qjs, which is installed into the folder of tools when it is not there.

    Raises `BuildError`.
    """
    pinned = pins(root)["COMPONENTIZE_QJS"]
    home = qjs_home(root)
    package = home / "node_modules" / "componentize-qjs"
    node = javascript.node()
    if not package.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise BuildError(f"componentize-qjs {pinned} is not installed, and npm is missing", "Install npm.")
        home.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(root / "plugins-src" / "runtimes" / "quickjs" / name, home)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        run(command, cwd=home, environment=dict(os.environ))
    found = json.loads((package / "package.json").read_text())["version"]
    if found != pinned:
        raise BuildError(
            f"componentize-qjs is {found}; {pinned} is pinned in plugins-src/toolchain.pins",
            f"Remove {home}; package.json and package-lock.json in plugins-src/runtimes/quickjs must name {pinned}.",
        )
    return tool.Tool(f"componentize-qjs {pinned}", package / "cli.mjs", (node,))


def _checked(name: str, path: Path, pinned: str) -> Path:
    if not path.exists():
        raise BuildError(f"{name} {pinned} is missing ({path})", _SETUP)
    output = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False).stdout
    found = _VERSION.search(output)
    if found is None or found[0] != pinned:
        raise BuildError(
            f"{name} is {found[0] if found else 'of no known version'}; "
            f"{pinned} is pinned in plugins-src/toolchain.pins and another version gives other bytes",
            _SETUP,
        )
    return path
