"""A Rust plugin, built so that the same sources and tools give the same bytes wherever the folders are."""

from __future__ import annotations

import os
from pathlib import Path

from . import toolchain
from .recipe import Recipe

__all__ = ["build", "test"]

_TARGET = "wasm32-unknown-unknown"
_EPOCH = "1767225600"  # 2026-01-01T00:00:00Z
_KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
)


def build(recipe: Recipe, target: Path, cargo_home: Path | None = None) -> bytes:
    """The component that cargo makes of the folder, in the build folder `target`. Raises `BuildError`.

    The standard library is built along, because Debian does not ship it for this target; that also lets the panic
    machinery go, whose messages nobody could read: a plugin without WASI has no standard error.
    """
    tools = toolchain.rust_tools(recipe.root)
    environment = _environment(tools, target, cargo_home)
    prefixes = {
        str(recipe.root): "/wasmpuck",
        environment["CARGO_HOME"]: "/cargo",
        str(tools.library.parent): "/rust",
        str(tools.library.parent.resolve()): "/rust",
    }
    flags = [f"--remap-path-prefix={old}={new}" for old, new in prefixes.items()]
    flags += ["-Zunstable-options", "-Cpanic=immediate-abort", f"-Clink-arg=--wasm-ld-path={tools.wasm_ld}"]
    environment |= {
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags),
        f"CARGO_TARGET_{_TARGET.upper().replace('-', '_')}_LINKER": str(tools.wasm_component_ld),
        "RUSTC_BOOTSTRAP": "1",  # -Zbuild-std and immediate-abort
    }
    command = [str(tools.cargo), "build", "--locked", "--release", "--target", _TARGET]
    command += ["-Zbuild-std=std,panic_abort", "-Zbuild-std-features="]
    toolchain.run(command, cwd=recipe.folder, environment=environment)
    return (target / _TARGET / "release" / f"{recipe.name.replace('-', '_')}.wasm").read_bytes()


def test(recipe: Recipe, target: Path) -> None:
    """Runs the plugin's own tests on this machine. Raises `BuildError` with their output when one fails."""
    tools = toolchain.rust_tools(recipe.root)
    command = [str(tools.cargo), "test", "--locked", "--quiet"]
    toolchain.run(command, cwd=recipe.folder, environment=_environment(tools, target, None))


def _environment(tools: toolchain.RustTools, target: Path, cargo_home: Path | None) -> dict[str, str]:
    home = cargo_home or Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {
        "RUSTC": str(tools.rustc),
        "CARGO_HOME": str(home.absolute()),
        "CARGO_TARGET_DIR": str(target.absolute()),
        "CARGO_INCREMENTAL": "0",
        "SOURCE_DATE_EPOCH": _EPOCH,
        "LC_ALL": "C.UTF-8",
    }
