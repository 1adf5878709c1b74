"""Finding a Rust compiler for components, with compilers that only say who they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmpuck.kit.toolchains import rust
from wasmpuck.kit.toolchains.errors import ToolchainError

HOST = "x86_64-unknown-linux-gnu"


def program(path: Path, text: str = "") -> Path:
    """A shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def compiler(root: Path, *, target: bool = False, sources: bool = False, linker: bool = True) -> Path:
    """A compiler with its sysroot, and in it what is asked for; its path."""
    rustlib = root / "lib" / "rustlib"
    if target:
        (rustlib / rust.TARGET / "lib").mkdir(parents=True)
    if sources:
        std = rustlib / "src" / "rust" / "library" / "std"
        std.mkdir(parents=True)
        (std / "Cargo.toml").touch()
    if linker:
        program(rustlib / HOST / "bin" / "wasm-component-ld")
        program(rustlib / HOST / "bin" / "rust-lld")
    program(root / "bin" / "cargo")
    told = f'case "$1" in -vV) printf "rustc 1.90.0 (abc)\\nhost: {HOST}\\n";; *) echo {root};; esac'
    return program(root / "bin" / "rustc", told)


@pytest.fixture(autouse=True)
def no_debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's compiler is looked for in a folder of the test's."""
    monkeypatch.setattr(rust, "DEBIAN", tmp_path / "usr")


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    """One in which nothing of this machine's is found but a shell's tools."""
    return {"PATH": f"{tmp_path / 'bin'}:/bin:/usr/bin", "CARGO_HOME": str(tmp_path / "cargo"), **more}


def test_an_explicit_compiler_comes_first(tmp_path: Path) -> None:
    """`RUSTC` is taken although rustup and Debian have compilers."""
    mine = compiler(tmp_path / "mine", target=True)
    theirs = compiler(tmp_path / "theirs", target=True)
    compiler(tmp_path / "usr", sources=True)
    program(tmp_path / "bin" / "rustup", f"echo {theirs}")
    found = rust.find(environment(tmp_path, RUSTC=str(mine)))
    assert (found.rustc, found.cargo) == (mine, mine.with_name("cargo"))
    assert found.library is None
    assert found.wasm_ld is None
    assert rust.find(environment(tmp_path)).rustc == theirs


def test_a_rustup_without_the_target_yields_to_debian(tmp_path: Path) -> None:
    """Debian's compiler builds the standard library along, with the linker that cargo installed."""
    program(tmp_path / "bin" / "rustup", f"echo {compiler(tmp_path / 'theirs')}")
    debian = compiler(tmp_path / "usr", sources=True, linker=False)
    linker = program(tmp_path / "tools" / "bin" / "wasm-component-ld")
    wasm_ld = program(tmp_path / "bin" / "wasm-ld")
    found = rust.find(environment(tmp_path, WASMPUCK_TOOLS=str(tmp_path / "tools")))
    assert found.rustc == debian
    assert found.library == tmp_path / "usr" / "lib" / "rustlib" / "src" / "rust" / "library"
    assert (found.wasm_component_ld, found.wasm_ld) == (linker, wasm_ld)


def test_what_is_missing_is_said_of_each_with_what_to_install(tmp_path: Path) -> None:
    """The error names every compiler that was looked at, why it does not do, and the commands that help."""
    program(tmp_path / "bin" / "rustup", f"echo {compiler(tmp_path / 'theirs')}")
    with pytest.raises(ToolchainError) as caught:
        rust.find(environment(tmp_path))
    assert f"it has neither the target {rust.TARGET} nor the sources" in caught.value.message
    assert "Debian's compiler" in caught.value.message
    assert f"rustup target add {rust.TARGET}" in caught.value.hint
    assert "apt-get install rustc-web" in caught.value.hint


def test_an_explicit_compiler_that_does_not_do_is_an_error(tmp_path: Path) -> None:
    """Nobody else's is taken in its place."""
    compiler(tmp_path / "usr", target=True)
    with pytest.raises(ToolchainError, match="there is none"):
        rust.find(environment(tmp_path, RUSTC=str(tmp_path / "nowhere")))


def test_a_folder_without_a_package_is_said_so(tmp_path: Path) -> None:
    """Before any compiler is asked."""
    tools = rust.find(environment(tmp_path, RUSTC=str(compiler(tmp_path / "mine", target=True))))
    with pytest.raises(ToolchainError, match=r"has no Cargo\.toml"):
        rust.build(tmp_path, tools, tmp_path / "target")
