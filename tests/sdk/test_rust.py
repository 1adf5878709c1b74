"""The Rust SDK: its own tests, and its samples on the list that every SDK passes."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from runtime.guests import run
from sdk.conformance import CASES, SAMPLES, asked
from sdk.rust import SAMPLES as FOLDER
from sdk.rust import SOURCES, TARGET, component, sample, toolchain
from sdk.stage import Open, Subject, opener
from wasmpuck.errors import CallFailed
from wasmpuck.kit.toolchains import rust
from wasmpuck.runtime.compile import CompiledPlugin
from wasmpuck_signing.manifest import Manifest

OPEN = opener(sample)
ANOTHER = TARGET / "another"
"""A second build folder. It is kept, so that what both build of other packages is built once."""


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """The samples are built before the first test, which has a time for what it awaits."""
    for name in SAMPLES:
        component(name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_conformance(case: Callable[[Open], Awaitable[None]]) -> None:
    """A case of the list."""

    async def main() -> None:
        await case(OPEN)

    run(main())


@pytest.mark.parametrize("name", SAMPLES)
def test_a_component_has_exactly_what_its_manifest_says(name: str) -> None:
    """An import that nothing calls is not in the component, and no export besides those that are named."""
    manifest = Manifest.from_toml((FOLDER / name / "plugin.toml").read_text(), source=None)
    compiled = compiled_of(name)
    assert sorted(compiled.imports) == sorted(manifest.imports)
    assert sorted(compiled.worlds) == sorted(manifest.worlds)


def compiled_of(name: str) -> CompiledPlugin:
    """A sample as the server compiles it."""

    async def main() -> CompiledPlugin:
        async with OPEN(name) as stage:
            return stage.compiled

    return run(main())


def test_an_error_is_logged_with_its_place_in_the_source() -> None:
    """The line names file and line of the author's that gave up."""

    async def main() -> None:
        async with OPEN("greeting") as stage:
            with pytest.raises(CallFailed):
                await stage.call("middleware.on-request", asked({"boom": "1"}))
            (line,) = [fields for level, text, fields in stage.logs if level == "ERROR" and "boom" in text]
            file, number, _ = line["place"].split(":")
            assert Path(file).name == "lib.rs"
            text = (FOLDER / "greeting" / "src" / "lib.rs").read_text().splitlines()[int(number) - 1]
            assert "bail!" in text

    run(main())


def test_the_sdk_the_samples_and_the_documentation_pass_their_own_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """`cargo test` over the workspace: unit tests, examples in the crate's documentation and in docs/sdk-rust.md."""
    monkeypatch.setattr(rust, "_KEPT", (*rust._KEPT, "RUSTDOCFLAGS"))
    monkeypatch.setenv("RUSTDOCFLAGS", "--cfg wasmpuck_docs")
    rust.test(SOURCES, toolchain(), TARGET)


def test_a_build_elsewhere_gives_the_same_bytes(tmp_path: Path) -> None:
    """Neither the folder of the sources nor the one of the build is in the component."""
    copy = tmp_path / "another" / "checkout"
    for name in ("Cargo.toml", "Cargo.lock", "sdk/rust", "samples/rust"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        if (SOURCES / name).is_file():
            shutil.copy(SOURCES / name, copy / name)
        else:
            shutil.copytree(SOURCES / name, copy / name)
    again = rust.build(copy / "samples/rust/greeting", toolchain(), ANOTHER)
    assert again == component("greeting")


def test_a_copy_of_the_crate_builds_on_its_own_and_logs_panics(tmp_path: Path) -> None:
    """An author who copies sdk/rust, links followed, needs nothing else; a panic is logged with its place."""
    shutil.copytree(SOURCES / "sdk" / "rust", tmp_path / "vendor" / "wasmpuck-plugin")
    (tmp_path / "src").mkdir()
    text = (FOLDER / "greeting" / "src" / "lib.rs").read_text()
    (tmp_path / "src" / "lib.rs").write_text(text.replace(" bail,", "").replace("bail!", "panic!"))
    package = (FOLDER / "greeting" / "Cargo.toml").read_text().replace("../../../sdk/rust", "vendor/wasmpuck-plugin")
    (tmp_path / "Cargo.toml").write_text(package + '\n[profile.release]\npanic = "abort"\n')
    shutil.copy(SOURCES / "Cargo.lock", tmp_path)
    compiler = toolchain()
    rust.lock(tmp_path, compiler)
    subject = Subject("greeting", rust.build(tmp_path, compiler, ANOTHER), ("log", "metrics", "storage"))

    async def main() -> None:
        async with opener(lambda _: subject)("greeting") as stage:
            with pytest.raises(CallFailed):
                await stage.call("middleware.on-request", asked({"boom": "1"}))
            (line,) = stage.told("panicked: boom was asked for")
            assert "src/lib.rs:" in line

    run(main())
