"""`hockeypuck-plugin test` and the pytest plugin, on a small project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kit.conftest import Kit
from kit.guests import diligent
from runtime.guests import Guest
from wasmpuck.runtime.values import Case, Err

MANIFEST = """\
[plugin]
name = "probe"
version = "1.0.0"
description = "A guest of the tests"
license = "Apache-2.0"
worlds = ["lifecycle"]
"""

TESTS = """\
import pytest

from wasmpuck.kit.stand import PluginFailed
from wasmpuck.kit.testing import request


def test_requests_are_counted(plugin):
    for _ in range(3):
        assert plugin.call("middleware.on-request", request(client="192.0.2.9"))["verdict"] == {"next": []}
    assert plugin.storage == {"count": 3.0}
    assert [line.message for line in plugin.log] == ["asked"] * 3
    assert len(plugin.published) == 3 and plugin.asked == [] and plugin.metrics == {} and plugin.fuel > 0


def test_time_and_news(plugin):
    plugin.advance(60)
    plugin.deliver("key.inserted")
    plugin.put("other", b"x")
    assert plugin.storage == {"heard": "yes", "other": b"x", "ticked": "yes"}


@pytest.mark.plugin(limits={"host_calls": 2}, seed=1)
def test_marks_change_the_circumstances(plugin):
    with pytest.raises(PluginFailed, match="more than 2 host calls"):
        plugin.call("middleware.on-request", request())


def test_several_at_once(load_plugin):
    one, other = load_plugin(), load_plugin(start=0.0)
    one.call("middleware.on-request", request())
    assert other.storage == {}
"""


def project(kit: Kit, guest: Guest, tests: str = TESTS) -> Path:
    """A plugin's folder, built."""
    folder = kit.folder / "project"
    (folder / "tests").mkdir(parents=True)
    (folder / "plugin.toml").write_text(MANIFEST)
    (folder / "tests" / "test_it.py").write_text(tests)
    (folder / "dist").mkdir()
    (folder / "dist" / "probe.wasm").write_bytes(guest.artifact())
    return folder


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest in a project, as an author starts it."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_fixtures_run_a_projects_plugin(kit: Kit) -> None:
    """An author's tests use the fixture, the mark and the helpers; nothing is left behind that warns."""
    done = run_pytest(project(kit, diligent()))
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_a_stale_artifact_is_not_tested(kit: Kit) -> None:
    """When a source is newer than the artifact, it is built anew first; what stands in the way is said."""
    folder = project(kit, diligent())
    source = folder / "src" / "lib.rs"
    source.parent.mkdir()
    source.write_text("")
    os.utime(source, (2**31 - 1, 2**31 - 1))
    done = run_pytest(folder)
    assert done.returncode == 1
    assert "build.language is missing" in done.stdout


def test_the_command_runs_smoke_test_and_pytest(kit: Kit) -> None:
    """Each step is told with its outcome and what it cost."""
    done = kit("test", project(kit, diligent()), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["passed"] is True
    assert [step["name"] for step in told["steps"]] == [
        "comes into service",
        "lifecycle.describe",
        "lifecycle.validate-config",
        "lifecycle.self-test",
        "lifecycle.health",
        "pytest",
    ]
    assert told["steps"][0]["words"] == "with event-handler, lifecycle, middleware, task-handler"
    assert "% of a call's" in told["steps"][1]["words"]


def test_arguments_reach_pytest_and_its_failure_ends_the_command(kit: Kit) -> None:
    """What stands behind `--` is pytest's; a failing test means 1."""
    folder = project(kit, diligent(), "def test_no():\n    assert False\n\ndef test_yes():\n    assert True\n")
    assert kit("test", folder, "--json").exit_code == 1
    assert kit("test", folder, "--json", "--", "-k", "yes").exit_code == 0


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ({"lifecycle.self-test": Err(Case("other", "no luck"))}, "self-test: no luck"),
        ({"lifecycle.health": Case("degraded", "so so")}, "{'degraded': 'so so'}"),
        ({"lifecycle.validate-config": [{"path": "a.b", "message": "no"}]}, "a.b: no"),
    ],
)
def test_the_smoke_test_fails_with_the_plugins_own_words(kit: Kit, results: dict[str, object], words: str) -> None:
    """An artifact alone can be tested too; what it says about itself is shown."""
    done = kit("test", kit.put(Guest(results=results)))
    assert done.exit_code == 1
    assert words in done.stdout
    assert "failed" in done.stdout


def test_a_missing_toolchain_is_named(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Rust project without cargo ends with 4 and says where to get it."""
    folder = project(kit, diligent())
    (folder / "Cargo.toml").write_text("")
    os.utime(folder / "Cargo.toml", (0, 0))
    monkeypatch.setenv("PATH", "")
    done = kit("test", folder)
    assert done.exit_code == 4
    assert "cargo is not installed" in done.stderr


def test_a_folder_without_a_plugin_is_refused(kit: Kit) -> None:
    """The message names what is missing."""
    done = kit("test", kit.folder)
    assert done.exit_code == 3
    assert "plugin.toml cannot be read" in done.stderr
