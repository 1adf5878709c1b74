"""Rust: which compiler there is for components, and a build whose bytes do not depend on where its folders are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .errors import ToolchainError
from .process import run

__all__ = ["DEBIAN", "TARGET", "RustToolchain", "build", "find", "lock", "test"]

TARGET: Final = "wasm32-unknown-unknown"
DEBIAN: Final = Path("/usr")
"""Where Debian's packages have their compiler."""

_EPOCH: Final = "1767225600"  # 2026-01-01T00:00:00Z
_KEPT: Final = (
    "PATH",
    "HOME",
    "LANG",
    "RUSTUP_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
)
_WHAT_TO_INSTALL: Final = (
    "Any of these will do:\n"
    f"  rustup:  rustup target add {TARGET}\n"
    "  Debian:  apt-get install rustc-web cargo-web rust-web-src lld, and cargo install wasm-component-ld\n"
    "  another: name its compiler in the environment: RUSTC=/path/to/rustc"
)


@dataclass(frozen=True)
class RustToolchain:
    """Absolute paths of what compiles and links a component.

    `wasm_ld` is `None` where wasm-component-ld has a linker of its own beside it; `library` is `None` where the
    standard library for the target is installed, and else the folder of its sources, which are built along.
    """

    name: str
    cargo: Path
    rustc: Path
    wasm_component_ld: Path
    wasm_ld: Path | None
    library: Path | None


def find(environment: Mapping[str, str] | None = None) -> RustToolchain:
    """The first of: the compiler that `RUSTC` names, the active toolchain of rustup, Debian's compiler.

    Raises `ToolchainError`, which says of each why it does not do and what to install.
    """
    environment = os.environ if environment is None else environment
    path = environment.get("PATH")
    candidates: list[tuple[str, Path]] = []
    if explicit := environment.get("RUSTC"):
        candidates.append(("the compiler of RUSTC", Path(shutil.which(explicit, path=path) or explicit).absolute()))
    elif rustup := shutil.which("rustup", path=path):
        found = _asked([rustup, "which", "rustc"], environment)
        if found:
            candidates.append(("rustup's active toolchain", Path(found)))
    if not explicit:
        candidates.append(("Debian's compiler", DEBIAN / "bin" / "rustc"))
    reasons = []
    for name, rustc in candidates:
        toolchain = _made(name, rustc, environment)
        if isinstance(toolchain, RustToolchain):
            return toolchain
        reasons.append(f"{name} ({rustc}): {toolchain}")
    raise ToolchainError("no Rust compiler for components:\n  " + "\n  ".join(reasons), _WHAT_TO_INSTALL)


def build(
    folder: Path,
    toolchain: RustToolchain,
    target: Path,
    *,
    cargo_home: Path | None = None,
    remapped: Mapping[Path, str] | None = None,
    immediate_abort: bool = False,
) -> bytes:
    """The component that cargo makes of the package in `folder`, with the build folder `target`.

    The same sources, `Cargo.lock` and toolchain give the same bytes wherever the folders are, if the packages that are
    named by path lie below the root of the workspace (`folder`, unless it is in one). `remapped` gives the names of
    folders in messages of panics (by default each such package's own); `immediate_abort` leaves the messages out.
    Raises `ToolchainError` with the compiler's words.
    """
    home = cargo_home or Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    environment = _environment(toolchain, target, home)
    package = _metadata(folder, toolchain, environment)
    prefixes = {str(path): name for path, name in (remapped or package.folders).items()}
    prefixes[environment["CARGO_HOME"]] = "/cargo"
    if toolchain.library is not None:
        prefixes |= {str(path): "/rust" for path in (toolchain.library.parent, toolchain.library.parent.resolve())}
    flags = [f"--remap-path-prefix={old}={new}" for old, new in prefixes.items()]
    command = [str(toolchain.cargo), "build", "--locked", "--release", "--target", TARGET]
    if immediate_abort:
        flags += ["-Zunstable-options", "-Cpanic=immediate-abort"]
    if toolchain.wasm_ld is not None:
        flags.append(f"-Clink-arg=--wasm-ld-path={toolchain.wasm_ld}")
    if toolchain.library is not None:
        command += ["-Zbuild-std=std,panic_abort", "-Zbuild-std-features="]
    if toolchain.library is not None or immediate_abort:
        environment["RUSTC_BOOTSTRAP"] = "1"
    environment["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(flags)
    environment[f"CARGO_TARGET_{TARGET.upper().replace('-', '_')}_LINKER"] = str(toolchain.wasm_component_ld)
    run(command, cwd=folder, environment=environment)
    return (target / TARGET / "release" / f"{package.library}.wasm").read_bytes()


def test(folder: Path, toolchain: RustToolchain, target: Path) -> None:
    """Runs the package's own tests on this machine. Raises `ToolchainError` with their output when one fails."""
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    command = [str(toolchain.cargo), "test", "--locked", "--quiet"]
    run(command, cwd=folder, environment=_environment(toolchain, target, home))


def lock(folder: Path, toolchain: RustToolchain) -> None:
    """Writes the package's `Cargo.lock`, keeping what the one that is there says. Raises `ToolchainError`."""
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    command = [str(toolchain.cargo), "metadata", "--format-version=1"]
    run(command, cwd=folder, environment=_environment(toolchain, folder / "target", home))


@dataclass(frozen=True)
class _Package:
    """The file name of the package's library, and the names that stand for the folders of packages named by path."""

    library: str
    folders: dict[Path, str]


def _metadata(folder: Path, toolchain: RustToolchain, environment: Mapping[str, str]) -> _Package:
    if not (folder / "Cargo.toml").exists():
        raise ToolchainError(f"{folder} has no Cargo.toml", "A Rust plugin is a folder with a Cargo.toml.")
    command = [str(toolchain.cargo), "metadata", "--locked", "--format-version=1", "--filter-platform", TARGET]
    try:
        found: dict[str, Any] = json.loads(run(command, cwd=folder, environment=environment))
    except ToolchainError as error:
        hint = "If it is about the lock file: run `cargo generate-lockfile` and keep Cargo.lock with the sources."
        raise ToolchainError(error.message, hint) from None
    local = [package for package in found["packages"] if package["source"] is None]
    own = next(it for it in local if Path(it["manifest_path"]).resolve() == (folder / "Cargo.toml").resolve())
    libraries = [target["name"] for target in own["targets"] if "cdylib" in target["crate_types"]]
    if not libraries:
        raise ToolchainError(f"{folder.name} is no cdylib", 'Its Cargo.toml needs [lib] with crate-type = ["cdylib"].')
    folders = {Path(it["manifest_path"]).parent: f"/{it['name']}" for it in sorted(local, key=lambda it: len(it["id"]))}
    return _Package(libraries[0].replace("-", "_"), folders)


def _environment(toolchain: RustToolchain, target: Path, cargo_home: Path) -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {
        "RUSTC": str(toolchain.rustc),
        "RUSTDOC": str(toolchain.rustc.with_name("rustdoc")),
        "CARGO_HOME": str(cargo_home.absolute()),
        "CARGO_TARGET_DIR": str(target.absolute()),
        "CARGO_INCREMENTAL": "0",
        "SOURCE_DATE_EPOCH": _EPOCH,
        "LC_ALL": "C.UTF-8",
    }


def _made(name: str, rustc: Path, environment: Mapping[str, str]) -> RustToolchain | str:
    """The toolchain of a compiler, or why it is none."""
    if not rustc.exists():
        return "there is none"
    told = _asked([str(rustc), "-vV"], environment)
    sysroot = Path(_asked([str(rustc), "--print", "sysroot"], environment) or "/nonexistent")
    host = next((line.removeprefix("host: ") for line in told.splitlines() if line.startswith("host: ")), "")
    if not host:
        return "it does not say for which machine it is"
    cargo = rustc.with_name("cargo")
    if not cargo.exists():
        return f"there is no cargo beside it ({cargo})"
    rustlib = sysroot / "lib" / "rustlib"
    library: Path | None = None
    if not (rustlib / TARGET / "lib").is_dir():
        library = rustlib / "src" / "rust" / "library"
        if not (library / "std" / "Cargo.toml").exists():
            return f"it has neither the target {TARGET} nor the sources of its standard library"
    own = rustlib / host / "bin"
    folders = [own, Path(environment.get("WASMPUCK_TOOLS", ".tools")) / "bin", *_path(environment)]
    folders.append(Path(environment.get("CARGO_HOME", Path.home() / ".cargo")) / "bin")
    linker = _program(["wasm-component-ld"], folders)
    if linker is None:
        return "there is no wasm-component-ld: cargo install wasm-component-ld"
    wasm_ld = None
    if not (own / "rust-lld").exists() or linker.parent != own:
        versions = sorted({path.name for folder in folders for path in folder.glob("wasm-ld-*")}, reverse=True)
        wasm_ld = _program(["wasm-ld", *versions], folders)
        if wasm_ld is None:
            return "there is no wasm-ld: it is in the package lld"
    version = told.splitlines()[0].split(" (")[0]
    return RustToolchain(f"{version} ({name})", cargo, rustc, linker, wasm_ld, library)


def _asked(command: list[str], environment: Mapping[str, str]) -> str:
    """The first words that a tool says; empty if it fails."""
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _path(environment: Mapping[str, str]) -> list[Path]:
    return [Path(part) for part in environment.get("PATH", "").split(os.pathsep) if part]


def _program(names: list[str], folders: list[Path]) -> Path | None:
    for name in names:
        for folder in folders:
            if os.access(folder / name, os.X_OK):
                return (folder / name).absolute()
    return None
