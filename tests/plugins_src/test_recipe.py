"""A plugin's sources and their digest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from builders.errors import BuildError
from builders.recipe import Recipe, find, uncommented
from plugins_src.stand import SOURCES

NAMES = ("runtimes/python", "sdk/python", "admission-policy")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of what belongs to the Python runtime and to a script, in another folder."""
    shutil.copytree(SOURCES.parent / "wit", tmp_path / "wit")
    for name in NAMES:
        ignored = shutil.ignore_patterns("__pycache__", "tests", "testing")
        shutil.copytree(SOURCES / name, tmp_path / "plugins-src" / name, ignore=ignored)
    shutil.copy(SOURCES / "toolchain.pins", tmp_path / "plugins-src")
    return tmp_path


def _digest(root: Path) -> str:
    return Recipe(root, "runtimes/python").digest()


def test_the_digest_does_not_depend_on_the_folder(root: Path) -> None:
    """A copy elsewhere has the digest of the checkout, whatever tests and caches lie beside the sources."""
    assert _digest(root) == _digest(SOURCES.parent)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("plugins-src/runtimes/python/python_runtime.py", "_P =", "_P  ="),
        ("plugins-src/sdk/python/wasmpuck_plugin/clock.py", "/ 1000", "/ 1001"),
        ("plugins-src/toolchain.pins", "COMPONENTIZE_PY=", "COMPONENTIZE_PY=9"),
        ("wit/admission.wit", "judge: func", "judge2: func"),
        ("wit/metrics.wit", "gauge,", "gage,"),
    ],
)
def test_the_digest_changes_with_what_is_built(root: Path, file: str, old: str, new: str) -> None:
    """A changed source, SDK, used interface or tool version asks for a new build."""
    before = _digest(root)
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new, 1))
    assert _digest(root) != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("wit/admission.wit", "/// Judges a certificate.", "/// Gives its judgement."),
        ("wit/worlds.wit", "import log;", ""),
        ("plugins-src/toolchain.pins", "RUSTC=", "RUSTC=9"),
        ("plugins-src/runtimes/python/plugin.toml", "0.1.0", "0.1.1"),
        ("plugins-src/admission-policy/plugin.py", "", "# More."),
    ],
)
def test_the_digest_does_not_change_with_what_is_not_built(root: Path, file: str, old: str, new: str) -> None:
    """Comments, worlds that are not used, other languages' tools, the manifest and other plugins ask for none."""
    before = _digest(root)
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new, 1))
    assert _digest(root) == before


def test_a_folder_that_is_to_be_compiled_along_must_be_there(root: Path) -> None:
    """A wrong name in `build.with` is an error, not a smaller runtime."""
    shutil.rmtree(root / "plugins-src" / "sdk")
    with pytest.raises(BuildError, match=r"build\.with names sdk/python/wasmpuck_plugin"):
        _digest(root)


def test_a_script_needs_its_runtime(root: Path) -> None:
    """Its manifest names the published runtime; without one the error says what to build."""
    with pytest.raises(BuildError, match=r"needs plugins-dist/runtimes/python\.wasm") as caught:
        Recipe(root, "admission-policy").manifest()
    assert "runtimes/python" in caught.value.hint


def test_the_contract_is_cut_to_what_the_plugin_uses() -> None:
    """Used interfaces come with those that they use in turn, nothing else."""
    assert list(Recipe(SOURCES.parent, "admission-policy").contract(["lifecycle"])) == ["lifecycle.wit", "metrics.wit"]
    with pytest.raises(BuildError, match="no interface `colour`"):
        Recipe(SOURCES.parent, "admission-policy").contract(["colour"])


def test_comments_are_removed_from_wit() -> None:
    """Only comments and empty lines go."""
    assert uncommented("/// Doc.\nworld a { // x\n\n  // y\n  import b;\n}\n") == "world a {\n  import b;\n}\n"


def test_find_names_what_it_knows() -> None:
    """All plugins are found in order; an unknown name is refused with the known ones."""
    found = [recipe.name for recipe in find(SOURCES.parent)]
    assert {"admission-policy", "ratelimit-window", "runtimes/python"} <= set(found)
    assert found == sorted(found, key=lambda name: ("/" not in name, name)), "runtimes first: scripts name their digest"
    assert [recipe.name for recipe in find(SOURCES.parent, ["ratelimit-window"])] == ["ratelimit-window"]
    with pytest.raises(BuildError, match="no plugin `ratelimit`") as caught:
        find(SOURCES.parent, ["ratelimit"])
    assert "ratelimit-window" in caught.value.hint


def test_a_manifest_must_be_called_as_its_folder(root: Path) -> None:
    """A plugin.toml copied from another plugin is refused."""
    path = root / "plugins-src" / "runtimes" / "python" / "plugin.toml"
    path.write_text(path.read_text().replace('name = "python"', 'name = "other"'))
    with pytest.raises(BuildError, match="names the plugin other"):
        Recipe(root, "runtimes/python").manifest()
    path.write_text(path.read_text().replace('language = "python-runtime"', 'language = "cobol"'))
    with pytest.raises(BuildError, match=r"build\.language must be one of rust, python"):
        _ = Recipe(root, "runtimes/python").language
