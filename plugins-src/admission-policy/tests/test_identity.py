"""The names that have to agree between files."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

FOLDER = Path(__file__).parent.parent


def test_the_component_and_its_manifest_agree() -> None:
    """`describe` gives the name, version and description of the signed manifest."""
    tree = ast.parse((FOLDER / "component.py").read_text())
    constants = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("NAME", "VERSION", "DESCRIPTION")
    }
    plugin = tomllib.loads((FOLDER / "plugin.toml").read_text())["plugin"]
    assert constants == {key.upper(): plugin[key] for key in ("name", "version", "description")}


def test_nothing_is_imported_that_traps_without_wasi() -> None:
    """No source imports the clock, randomness or files of Python, and none imports inside a function."""
    for path in [FOLDER / "component.py", *sorted((FOLDER / "admission_policy").glob("*.py"))]:
        tree = ast.parse(path.read_text())
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert all(node in tree.body for node in imports), path.name
        names = {alias.name for node in imports for alias in node.names} | {
            node.module for node in imports if isinstance(node, ast.ImportFrom) and node.module
        }
        assert names.isdisjoint({"time", "random", "os", "secrets", "datetime", "uuid", "pathlib", "sys"}), path.name
