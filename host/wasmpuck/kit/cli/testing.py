"""`hockeypuck-plugin test`: whatever tests a plugin has, and a smoke test for all."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from wasmpuck.kit.artifacts import read_artifact
from wasmpuck.kit.building import current
from wasmpuck.kit.cli.errors import FAILED
from wasmpuck.kit.cli.options import around_options, circumstances
from wasmpuck.kit.cli.rendering import print_json, progress
from wasmpuck.kit.compiling import author_compiler
from wasmpuck.kit.errors import MissingTool
from wasmpuck.kit.resources import sdk_folder
from wasmpuck.kit.smoke import Step, smoke
from wasmpuck.logs import escape

__all__ = ["test"]

_NODE: Final = "install Node.js 20 or newer: https://nodejs.org"


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("folder", type=click.Path(path_type=Path, exists=True), default=".")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- PYTEST ARGUMENTS]")
@around_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; what the tests print goes to stderr.")
def test(folder: Path, arguments: tuple[str, ...], manifest: Path | None, as_json: bool, **around: Any) -> None:
    """Tests the plugin in FOLDER (or an artifact): smoke test, unit tests of its language, pytest.

    The smoke test brings it into service and asks its lifecycle. Then come `cargo test` where there is a Cargo.toml,
    `npm test` where there is a package.json with tests, else `node --test` where there is JavaScript in a folder
    `tests`, and pytest where there is Python in it, with the fixtures of `wasmpuck.kit.testing`. The libraries for
    plugins are found by themselves. Ends with 1 when something fails.
    """
    artifact = folder if folder.is_file() else current(folder)
    verified = read_artifact(artifact, manifest)
    with progress() as tell:
        steps = asyncio.run(smoke(verified, circumstances(**around), author_compiler(tell)))
    if not as_json:
        for step in steps:
            _show(step)
    if folder.is_dir():
        for name, command in _suites(folder, artifact.resolve(), arguments):
            if not as_json:
                click.echo(f"       {name}: {' '.join(command)}")
            status = _run(command, folder, aside=as_json)
            steps.append(Step(name, status == 0, "" if status == 0 else f"ended with {status}"))
            if not as_json:
                _show(steps[-1])
    passed = all(step.passed for step in steps)
    if as_json:
        found = [{"name": step.name, "passed": step.passed, "words": step.words} for step in steps]
        print_json({"passed": passed, "steps": found})
    click.get_current_context().exit(0 if passed else FAILED)


def _run(command: list[str], folder: Path, *, aside: bool) -> int:
    """The exit status of a test program; `aside` sends what it prints to standard error."""
    if not aside:
        return subprocess.run(command, cwd=folder, check=False).returncode
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    click.echo(done.stdout, err=True, nl=False)
    return done.returncode


def _show(step: Step) -> None:
    mark = click.style("passed", fg="green") if step.passed else click.style("failed", fg="red")
    first, *rest = step.words.splitlines() or [""]
    click.echo(f"{mark} {step.name}{': ' if first else ''}{escape(first)}")
    for line in rest:
        click.echo(f"       {escape(line)}")


def _suites(folder: Path, artifact: Path, arguments: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """The test programs of a folder: name and command."""
    if (folder / "Cargo.toml").is_file():
        yield "unit tests", [_tool("cargo", "install Rust: https://rustup.rs"), "test", "--quiet"]
    scripts = sorted((folder / "tests").glob("**/*.js"))
    if "test" in _scripts(folder / "package.json"):
        yield "unit tests", [_tool("npm", _NODE), "test", "--silent"]
    elif scripts:
        loader = (sdk_folder("js") / "testing" / "register.js").as_uri()
        files = [path.relative_to(folder).as_posix() for path in scripts]
        yield "unit tests", [_tool("node", _NODE), f"--import={loader}", "--test", "--test-reporter=spec", *files]
    if any((folder / "tests").glob("**/test_*.py")):
        if importlib.util.find_spec("pytest") is None:
            raise MissingTool("pytest is not installed", hint=f"{sys.executable} -m pip install pytest")
        own = [sys.executable, "-m", "pytest", "-q", f"--plugin-artifact={artifact}"]
        yield "pytest", [*own, *(arguments or ("tests",))]


def _scripts(path: Path) -> dict[str, Any]:
    try:
        scripts = json.loads(path.read_text(encoding="utf-8")).get("scripts", {})
    except (OSError, ValueError, AttributeError):
        return {}
    return scripts if isinstance(scripts, dict) else {}


def _tool(name: str, hint: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingTool(f"{name} is not installed", hint=hint)
    return found
