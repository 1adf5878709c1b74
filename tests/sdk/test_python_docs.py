"""docs/sdk-python.md: its plugins pass strict type checking, their tests and the runtime, and it leaves nothing out."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from house.documents import blocks
from runtime.guests import run
from sdk.stage import Stage, Subject, of_folder
from sdk.test_python import ROOT, SAMPLES, runtime

PAGE = ROOT / "docs" / "sdk-python.md"
SDK = ROOT / "plugins-src" / "sdk" / "python"


def plugins(folder: Path) -> list[Path]:
    """The page's plugins, each with its test in a folder of its own."""
    found: list[Path] = []
    for block in blocks(PAGE):
        if block.language == "python":
            name = block.text.splitlines()[0].removeprefix("# ")
            assert name in ("plugin.py", "test_plugin.py"), block.place
            if name == "plugin.py":
                found.append(folder / f"doorman{len(found)}")
                found[-1].mkdir()
            (found[-1] / name).write_text(block.text)
    assert len(found) >= 2
    return found


def environment() -> dict[str, str]:
    """As an author has it, with the SDK at hand."""
    return os.environ | {"PYTHONPATH": str(SDK), "MYPYPATH": str(SDK), "PYTHONDONTWRITEBYTECODE": "1"}


def mypy(*paths: Path, cwd: Path) -> str:
    """What mypy --strict says of an author's files."""
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file",
        os.devnull,
        "--cache-dir",
        str(cwd / ".cache"),
    ]
    done = subprocess.run([*command, *map(str, paths)], cwd=cwd, env=environment(), capture_output=True, text=True)
    return done.stdout if done.returncode else ""


def test_the_examples_are_typed(tmp_path: Path) -> None:
    """`mypy --strict` has nothing to say of the page's plugins and tests, of the samples, and of the SDK itself."""
    for folder in plugins(tmp_path):
        assert mypy(folder / "plugin.py", folder / "test_plugin.py", cwd=tmp_path) == ""
    for sample in sorted(SAMPLES.iterdir()):
        assert mypy(sample / "plugin.py", *sorted((sample / "tests").glob("*.py")), cwd=tmp_path) == ""
    assert mypy(SDK / "wasmpuck_plugin", cwd=tmp_path) == ""


def test_a_plugin_that_misuses_the_sdk_is_found_by_its_types(tmp_path: Path) -> None:
    """A verdict of the wrong kind, a setting that does not exist and an unknown exception are errors of type."""
    text = """
from dataclasses import dataclass
from wasmpuck_plugin import admission, middleware, settings, storage

@dataclass(frozen=True)
class Settings:
    text: str = ""

config = settings.typed(Settings)

@middleware.on_request
def judge(request: middleware.Request) -> admission.Verdict:
    print(config.value.colour)
    try:
        return admission.Accept()
    except storage.StorageError.TooSmall:
        raise
"""
    (tmp_path / "plugin.py").write_text(text)
    said = mypy(tmp_path / "plugin.py", cwd=tmp_path)
    assert 'Value of type variable "_F" of "on_request" cannot be' in said
    assert '"Settings" has no attribute "colour"' in said
    assert 'has no attribute "TooSmall"' in said


def test_the_examples_pass_their_tests(tmp_path: Path) -> None:
    """As an author runs them, and the samples too."""
    folders = plugins(tmp_path) + [sample / "tests" for sample in sorted(SAMPLES.iterdir())]
    for folder in folders:
        options = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={folder}", "--import-mode=importlib"]
        command = [sys.executable, "-m", "pytest", *options, str(folder)]
        done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_the_examples_are_loaded_by_the_runtime(tmp_path: Path) -> None:
    """And export what they have functions for."""
    worlds = (["lifecycle", "middleware", "routes"], ["event-handler", "lifecycle", "routes", "task-handler"])
    for folder, expected in zip(plugins(tmp_path), worlds, strict=True):
        (folder / "test_plugin.py").unlink()
        subject: Subject = of_folder(folder, runtime(), "plugin.py", ("log", "metrics", "storage", "tasks", "events"))

        async def main(subject: Subject = subject) -> list[str]:
            async with Stage(subject).instantiate({}, start=False) as stage:
                return stage.worlds

        assert run(main()) == expected


@pytest.mark.parametrize("path", sorted((SDK / "wasmpuck_plugin").glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_the_page_names_everything(path: Path) -> None:
    """Each public name of each module is on the page, and each class of exceptions with all of its cases."""
    sys.path.insert(0, str(SDK))
    try:
        module = importlib.import_module(f"wasmpuck_plugin.{path.stem}")
    finally:
        sys.path.remove(str(SDK))
    words = set(re.findall(r"[A-Za-z_0-9]+", PAGE.read_text()))
    assert set(module.__all__) <= words, set(module.__all__) - words
    for name in module.__all__:
        value: Any = getattr(module, name)
        kinds = getattr(value, "kinds", None)
        if kinds:
            assert {kind.__name__.rpartition(".")[2] for kind in kinds.values()} <= words
            assert inspect.getdoc(value)


def test_the_page_lists_the_standard_library() -> None:
    """Exactly the modules that the runtime loads."""
    sys.path.insert(0, str(ROOT / "plugins-src" / "runtimes" / "python"))
    try:
        stdlib = importlib.import_module("wasmpuck_runtime.stdlib")
    finally:
        sys.path.pop(0)
    (listed,) = [block.text.split() for block in blocks(PAGE) if block.language == "text"]
    assert tuple(listed) == stdlib.MODULES
