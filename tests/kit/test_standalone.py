"""`build --standalone`: a script and its runtime in one component, or the words that say what is missing."""

from __future__ import annotations

import json
import shutil
from importlib import metadata
from pathlib import Path

import pytest

from builders import toolchain
from kit.conftest import Kit
from kit.guests import REQUEST
from wasmpuck_signing import Manifest

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "plugins-src" / "samples"


def copy(kit: Kit, language: str) -> Path:
    folder = kit.folder / "greeting"
    shutil.copytree(SAMPLES / language / "greeting", folder, ignore=shutil.ignore_patterns("dist"))
    return folder


def look_up(kit: Kit, artifact: Path) -> object:
    """What the plugin does with a look-up."""
    request = kit.folder / "request.json"
    request.write_text(json.dumps(REQUEST))
    return kit.json("call", artifact, "middleware.on-request", f"@{request}", "--json")["result"]["verdict"]


@pytest.mark.parametrize("language", ["js", "python"])
def test_a_component_does_what_the_script_does(kit: Kit, language: str) -> None:
    """It needs no runtime, exports what the script exports, and answers alike."""
    if language == "js":
        toolchain.componentize_qjs(ROOT)
    folder = copy(kit, language)
    script = kit.folder / "script.wasm"
    built = kit.json("build", folder, "--json")
    shutil.copy(built["artifact"], script)
    made = kit.json("build", folder, "--standalone", "--json")
    assert made["built-with"].startswith("componentize-")
    artifact = Path(made["artifact"])
    manifest = Manifest.of(artifact.read_bytes())
    assert (manifest.kind, manifest.runtime) == ("component", None)
    empty = kit.folder / "empty"
    empty.mkdir()
    assert "middleware" in kit.json("inspect", artifact, "--runtimes", empty, "--json")["exports"]
    assert look_up(kit, artifact) == look_up(kit, script) == {"next": [["x-greeting", "hello"]]}


def test_a_missing_componentize_py_is_named_with_its_command(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 4, and the very version that is needed."""

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    folder = copy(kit, "python")
    monkeypatch.setattr(metadata, "version", missing)
    done = kit("build", folder, "--standalone")
    assert done.exit_code == 4
    assert "componentize-py 0.25.1 is not installed" in done.stderr
    assert "-m pip install componentize-py==0.25.1" in done.stderr


def test_missing_tools_for_javascript_are_named(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Node.js first, then componentize-qjs with the command that installs it where it is looked for."""
    folder = copy(kit, "js")
    monkeypatch.setenv("WASMPUCK_TOOLS", str(kit.folder))
    node = kit.folder / "bin" / "node"
    node.parent.mkdir()
    monkeypatch.setenv("PATH", str(node.parent))
    done = kit("build", folder, "--standalone")
    assert done.exit_code == 4
    assert "node is missing" in done.stderr
    node.write_text("#!/bin/sh\n")
    node.chmod(0o755)
    done = kit("build", folder, "--standalone")
    assert done.exit_code == 4
    assert "componentize-qjs 0.4.5 is not installed" in done.stderr
    assert "npm install --ignore-scripts --prefix " in done.stderr
    assert "componentize-qjs@0.4.5" in done.stderr
