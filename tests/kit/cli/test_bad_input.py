"""What an author may get wrong: each ends with a sentence that says what to do, and nothing half done is left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.conftest import Kit
from runtime.guests import Guest

MANIFEST = """\
[plugin]
name = "mine"
version = "1.0.0"
description = "A plugin."
license = "MIT"
kind = "script"
runtime = "python"
worlds = ["lifecycle"]
imports = ["log"]

[build]
language = "python-script"
entry = "plugin.py"
"""


@pytest.fixture
def project(kit: Kit) -> Path:
    """A small script's folder."""
    folder = kit.folder / "mine"
    folder.mkdir()
    (folder / "plugin.toml").write_text(MANIFEST)
    (folder / "plugin.py").write_text("from wasmpuck_plugin import lifecycle\n")
    return folder


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[plugin]", "[plugin", ("plugin.toml is not TOML", "line 1")),
        ('name = "mine"\n', "", ("name",)),
        ('"1.0.0"', '"one"', ("version: 'one': not a semantic version such as 1.4.0",)),
        ('license = "MIT"', 'licence = "MIT"', ("licence", "license")),
        ('worlds = ["lifecycle"]', "worlds = []", ("worlds",)),
        ('kind = "script"', 'kind = "text"', ("kind: has to be component, script or runtime",)),
        ('runtime = "python"', 'runtime = "ruby"', ("no language runtime ruby", "there are: ", "python")),
        ('language = "python-script"', 'language = "cobol"', ("build.language is 'cobol'", "rust, python-script")),
        ('language = "python-script"\n', "", ("build.language is missing",)),
        ('entry = "plugin.py"\n', "", ("build.entry is missing", '[build] entry = "plugin.py"')),
        ('entry = "plugin.py"', 'entry = "main.py"', ("main.py",)),
        ("[build]", "[configuration]\ntype = 7\n[build]", ("configuration",)),
        ("[build]", "[limits]\nfule = 7\n[build]", ("limits", "fule")),
    ],
)
def test_a_malformed_manifest_is_refused(kit: Kit, project: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    """The message names the entry, and nothing is built."""
    path = project / "plugin.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    done = kit("build", project)
    assert done.exit_code in (1, 3), done.output
    assert done.stdout == ""
    for each in words:
        assert each in done.stderr
    assert not list(project.glob("dist/*"))


def test_a_manifest_that_is_no_text_is_refused(kit: Kit, project: Path) -> None:
    """Bytes that are no UTF-8 are told as such."""
    (project / "plugin.toml").write_bytes(b"\xff\xfe[plugin]")
    done = kit("build", project)
    assert done.exit_code == 3
    assert "plugin.toml is not TOML" in done.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def broken(:\n", ("plugin.py:1:12: SyntaxError",)),
        ("x = 1\nimport turtle\n", ("plugin.py", "line 2", "turtle")),
        ("from wasmpuck_plugin import middleware\n@middleware.on_request\ndef f(r): ...\n", ("middleware",)),
    ],
)
def test_a_script_that_cannot_be_loaded_is_refused_with_its_place(
    kit: Kit, project: Path, source: str, words: tuple[str, ...]
) -> None:
    """Syntax errors, modules that are not there, and exports that the manifest does not list."""
    (project / "plugin.py").write_text(source)
    done = kit("build", project)
    assert (done.exit_code, done.stdout) == (1, ""), done.output
    for each in words:
        assert each in done.stderr
    assert not list(project.glob("dist/*"))


def test_a_source_that_is_no_text_is_refused(kit: Kit, project: Path) -> None:
    """A picture beside the script is named, with where it may lie."""
    (project / "logo.png").write_bytes(b"\x89PNG\xff")
    done = kit("build", project)
    assert done.exit_code == 3
    assert "logo.png is not UTF-8" in done.stderr
    assert "tests/" in done.stderr


def test_a_private_key_does_not_get_into_an_artifact(kit: Kit, project: Path) -> None:
    """A key in the plugin's folder stays there; under another name it is refused."""
    kit.ok("keygen", project / "release.pem")
    kit.ok("build", project, "--key", project / "release.pem")
    assert b"PRIVATE KEY" not in (project / "dist" / "mine.wasm").read_bytes()
    shutil.copy(project / "release.pem", project / "notes.txt")
    done = kit("build", project)
    assert done.exit_code == 3
    assert "notes.txt has a private key in it" in done.stderr
    assert "keep it elsewhere" in done.stderr


def _rust(folder: Path) -> None:
    (folder / "Cargo.toml").write_text('[package]\nname = "mine"\nversion = "1.0.0"\n[lib]\ncrate-type = ["cdylib"]\n')
    text = (folder / "plugin.toml").read_text().replace('kind = "script"\nruntime = "python"', 'kind = "component"')
    (folder / "plugin.toml").write_text(text.replace('"python-script"', '"rust"'))


def test_a_missing_rust_compiler_is_explained(kit: Kit, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cargo on the PATH, building ends with 4 and says of each compiler why it does not do, and what would."""
    _rust(project)
    monkeypatch.setenv("PATH", str(kit.folder))
    monkeypatch.setenv("RUSTC", "rustc-of-nowhere")
    done = kit("build", project)
    assert (done.exit_code, done.stdout) == (4, ""), done.output
    assert "no Rust compiler for components" in done.stderr
    assert "rustup target add wasm32-unknown-unknown" in done.stderr


def _node(folder: Path) -> None:
    (folder / "tests").mkdir()
    (folder / "tests" / "plugin.test.js").write_text("")


def _npm(folder: Path) -> None:
    (folder / "package.json").write_text('{"scripts": {"test": "node --test"}}')


def _cargo(folder: Path) -> None:
    (folder / "Cargo.toml").write_text("")
    os.utime(folder / "Cargo.toml", (0, 0))


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (_node, "node is not installed\nhint: install Node.js"),
        (_npm, "npm is not installed\nhint: install Node.js"),
        (_cargo, "cargo is not installed\nhint: install Rust"),
    ],
)
def test_a_missing_test_program_is_named(
    kit: Kit, project: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Path], None], words: str
) -> None:
    """Tests that cannot be run are no success: the command ends with 4 and names what to install."""
    prepare(project)
    kit.ok("build", project)
    monkeypatch.setenv("PATH", str(kit.folder))
    done = kit("test", project)
    assert done.exit_code == 4, done.output
    assert words in done.stderr


def test_a_guest_that_exports_half_of_what_it_says_is_refused(kit: Kit) -> None:
    """A component whose manifest names another world shows both lists, and what to do."""
    artifact = kit.put(Guest(worlds=("lifecycle",)), worlds=("lifecycle", "middleware"))
    done = kit("call", artifact, "lifecycle.health")
    assert (done.exit_code, done.stdout) == (1, ""), done.output
    assert "middleware" in done.stderr
    assert "lifecycle" in done.stderr


def test_an_artifact_of_100_megabytes_is_refused_at_once(kit: Kit) -> None:
    """Every command that takes an artifact says how large it may be, without compiling it."""
    path = kit.folder / "huge.wasm"
    with path.open("wb") as file:
        file.write(b"\0asm\x0d\0\1\0")
        file.truncate(100_000_000)
    for command in (("inspect", path), ("call", path, "lifecycle.health"), ("test", path), ("bench", path)):
        done = kit(*command)
        assert done.exit_code == 1, done.output
        assert "huge.wasm has more than 67108864 bytes\nhint: Build it smaller" in done.stderr


@pytest.mark.parametrize("content", [b"", b"hello", b"\0asm\1\0\0\0", b"\0asm\x0d\0\1\0\xff"])
def test_what_is_no_component_is_refused(kit: Kit, content: bytes) -> None:
    """An empty file, a text, a core module and a truncated component."""
    path = kit.folder / "thing.wasm"
    path.write_bytes(content)
    done = kit("inspect", path)
    assert (done.exit_code, done.stdout) == (1, ""), done.output
    assert "thing.wasm" in done.stderr
