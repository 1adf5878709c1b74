"""Publishing and checking artifacts, with the parts that need no compiler."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

import build
from builders import toolchain
from builders.audit import audit
from builders.dist import Dist
from builders.errors import BuildError
from builders.recipe import Recipe
from plugins_src.stand import DIST, SOURCES
from wasmpuck_signing.keys import PrivateKey
from wasmpuck_signing.manifest import Manifest
from wasmpuck_signing.script import Script

RUNTIME = Recipe(SOURCES.parent, "runtimes/python")
SCRIPT = Recipe(SOURCES.parent, "admission-policy")


@pytest.fixture
def dist(tmp_path: Path) -> Dist:
    """A folder with the published Python runtime and a script."""
    found = Dist(tmp_path / "dist")
    for recipe in (RUNTIME, SCRIPT):
        found.publish(recipe.name, (DIST / f"{recipe.name}.wasm").read_bytes())
    return found


def test_published_files_have_their_sums(tmp_path: Path) -> None:
    """SHA256SUMS is what sha256sum reads, and publishing the same bytes again changes nothing."""
    dist = Dist(tmp_path / "dist")
    assert dist.publish("two", b"2")
    assert dist.publish("one", b"1")
    assert not dist.publish("one", b"1")
    assert dist.artifact("one") == b"1"
    assert dist.artifact("three") is None
    assert list(dist.pinned()) == ["one", "two"]
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=dist.folder, check=True)


def test_the_published_runtime_agrees_with_its_sources(dist: Dist) -> None:
    """Its manifest, source digest, signature and pinned digest are those that a build would give."""
    row, agrees = build.check(RUNTIME, dist, PrivateKey.load(build.KEY))
    assert agrees, row
    assert row[1] == "sources and digest agree"


def test_the_published_script_is_its_source(dist: Dist) -> None:
    """Packed again it has the same bytes, and it is small."""
    row, agrees = build.check(SCRIPT, dist, PrivateKey.load(build.KEY))
    assert agrees, row
    assert row[1] == "packed again, bytes agree"
    artifact = dist.artifact(SCRIPT.name)
    assert artifact is not None
    assert len(artifact) < 50_000
    assert set(Script.of(artifact).files) == {path.as_posix() for path in SCRIPT.sources()}


def test_a_current_artifact_is_not_built_again(dist: Dist) -> None:
    """While the sources are the same, the published runtime is packed again, to the same bytes."""
    before = dist.artifact(RUNTIME.name)
    assert build.build(RUNTIME, dist, PrivateKey.load(build.KEY))[1] == "unchanged"
    assert dist.artifact(RUNTIME.name) == before


def test_a_missing_artifact_is_a_difference(tmp_path: Path) -> None:
    """What was never published does not agree."""
    row, agrees = build.check(SCRIPT, Dist(tmp_path), PrivateKey.generate())
    assert (agrees, row[1]) == (False, "not published")


def test_an_artifact_that_is_not_pinned_is_a_difference(dist: Dist) -> None:
    """A file that was exchanged without its line in SHA256SUMS does not agree."""
    artifact = dist.artifact(SCRIPT.name)
    assert artifact is not None
    (dist.folder / "admission-policy.wasm").write_bytes(artifact + b"x")
    row, agrees = build.check(SCRIPT, dist, PrivateKey.load(build.KEY))
    assert (agrees, row[1]) == (False, "not the pinned file")
    assert row[2] == hashlib.sha256(artifact + b"x").hexdigest()[:16]


def test_another_key_is_a_difference(dist: Dist) -> None:
    """An artifact that somebody else signed does not agree, even when it is pinned."""
    for recipe in (RUNTIME, SCRIPT):
        row, agrees = build.check(recipe, dist, PrivateKey.generate())
        assert (agrees, row[1]) == (False, "bytes differ")


def test_changed_sources_are_a_difference(dist: Dist, tmp_path: Path) -> None:
    """A source that was changed after the build is found: by the digest of a runtime's, by the bytes of a script's."""
    copy = tmp_path / "checkout"
    shutil.copytree(SOURCES.parent / "wit", copy / "wit")
    for name in (RUNTIME.name, SCRIPT.name, "sdk/python"):
        shutil.copytree(SOURCES / name, copy / "plugins-src" / name)
    shutil.copytree(DIST / "runtimes", copy / "plugins-dist" / "runtimes")
    shutil.copy(SOURCES / "toolchain.pins", copy / "plugins-src")
    for path in ("runtimes/python/python_runtime.py", "admission-policy/plugin.py"):
        with (copy / "plugins-src" / path).open("a") as file:
            file.write("\n")
    row, agrees = build.check(Recipe(copy, RUNTIME.name), dist, PrivateKey.load(build.KEY))
    assert (agrees, row[1]) == (False, "sources changed")
    row, agrees = build.check(Recipe(copy, SCRIPT.name), dist, PrivateKey.load(build.KEY))
    assert (agrees, row[1]) == (False, "bytes differ")


def test_only_scripts_are_made_stand_alone() -> None:
    """A component is refused: it needs no runtime beside it."""
    with pytest.raises(BuildError, match="is no script"):
        build.standalone(Recipe(SOURCES.parent, "ratelimit-window"), PrivateKey.generate())


def test_imports_and_worlds_must_be_those_of_the_manifest() -> None:
    """A manifest that asks for more or other imports than the component has, or names another world, is refused."""
    component = (DIST / "ratelimit-window.wasm").read_bytes()
    text = (SOURCES / "ratelimit-window" / "plugin.toml").read_text()
    audit(component, Manifest.from_toml(text))
    with pytest.raises(BuildError, match="ratelimit-window imports wasmpuck:plugin/clock"):
        audit(component, Manifest.from_toml(text.replace('"storage", ', '"storage", "random", ')))
    with pytest.raises(BuildError, match=r"does not export wasmpuck:plugin/admission@0\.1\.0"):
        audit(component, Manifest.from_toml(text.replace('"middleware", ', '"middleware", "admission", ')))


def test_a_missing_tool_is_named_with_the_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the pinned linker the error names it and the script that installs it."""
    (tmp_path / "plugins-src").mkdir()
    pins = (SOURCES / "toolchain.pins").read_text()
    (tmp_path / "plugins-src" / "toolchain.pins").write_text(pins + "RUSTC=0.0.1\n")
    monkeypatch.setenv("WASMPUCK_TOOLS", str(tmp_path))
    with pytest.raises(BuildError) as caught:
        toolchain.rust_tools(tmp_path)
    assert "rustc" in caught.value.message
    assert "0.0.1" in caught.value.message
    assert "toolchain.sh" in caught.value.hint


def test_another_version_of_componentize_py_is_refused(tmp_path: Path) -> None:
    """The installed version has to be the pinned one."""
    (tmp_path / "plugins-src").mkdir()
    (tmp_path / "plugins-src" / "toolchain.pins").write_text("COMPONENTIZE_PY=0.0.1\n")
    with pytest.raises(BuildError, match=r"0\.0\.1 is pinned"):
        toolchain.componentize_py(tmp_path)


def test_an_unknown_plugin_is_an_error_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """The command line exits with 2 and names the known plugins."""
    assert build.main(["ratelimit"]) == 2
    assert "Known: admission-policy, ratelimit-window, " in capsys.readouterr().err
