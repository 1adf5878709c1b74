"""The pages under docs/reference/ are what the code says, and the code says something about everything."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from house.documents import ROOT


@pytest.fixture(scope="module")
def generate() -> Iterator[ModuleType]:
    """`docs/generate.py` as a module."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_reference_pages_are_up_to_date() -> None:
    """`./do docs` would change nothing."""
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run ./do docs and commit what it writes"


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "wit").glob("*.wit")) + sorted((ROOT / "wit" / "unstable").glob("*.wit")),
    ids=lambda path: path.name,
)
def test_everything_in_the_contract_is_documented(path: Path, generate: ModuleType) -> None:
    """Each interface, world, type, case, field and function of the contract has a sentence."""

    def undocumented(items: list[Any], inside: str = "") -> Iterator[str]:
        for item in items:
            if item.needs_documentation and not "".join(item.documentation).strip():
                yield f"{inside}{item.text}"
            yield from undocumented(item.children, f"{inside}{item.text} / ")

    items = generate.read_wit(path.read_text(encoding="utf-8"))
    assert len(items) > 1
    assert list(undocumented(items)) == []


def test_the_contract_is_read_with_its_nesting_and_its_documentation(generate: ModuleType) -> None:
    """Functions over several lines are one item, comments go with what follows them."""
    items = generate.read_wit(
        "package a:b@1.0.0;\n/// One.\n/// Two.\ninterface i {\n  use x.{y};\n  /// Does.\n  f: func(\n    a: u8,\n"
        "    b: list<y>,\n  ) -> result<_, y>;\n  /// Kinds.\n  enum e {\n    /// First.\n    first,\n  }\n}\n"
    )
    interface = items[1]
    assert interface.documentation == ["One.", "Two."]
    assert [child.keyword for child in interface.children] == ["use", "f", "enum"]
    assert interface.children[1].documentation == ["Does."]
    assert interface.children[2].children[0].text == "first"


def test_broken_nesting_in_the_contract_is_an_error(generate: ModuleType) -> None:
    """Braces that do not match are reported, so that no half page is written."""
    for text in ("interface i {", "}\n", "interface i {\n}\n}\n"):
        with pytest.raises(ValueError, match="brace"):
            generate.read_wit(text)


def test_the_table_of_imports_needs_a_test_for_everything(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no test covers is named, and so is what a test covers that there is not."""
    covered = generate._covered

    def without(folder: Path) -> Any:
        found = covered(folder)
        del found["storage.error.wrong-type"], found["log.quota.logRate"]
        return found

    monkeypatch.setattr(generate, "_covered", without)
    with pytest.raises(ValueError, match=r"log\.quota\.logRate, storage\.error\.wrong-type"):
        generate.imports()
    monkeypatch.setattr(generate, "_covered", lambda folder: covered(folder) | {"storage.error.odd": ["x"]})
    with pytest.raises(ValueError, match=r"what there is not: storage\.error\.odd"):
        generate.imports()


def test_marks_are_read_without_importing_the_tests(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each name of a mark leads to its test; functions without the mark lead nowhere."""
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    (tmp_path / "test_a.py").write_text(
        'import nothing\n\n@pytest.mark.covers("a.use", "b.use")\nasync def test_x(): ...\n\ndef test_y(): ...\n'
    )
    assert generate._covered(tmp_path) == {"a.use": ["test_a.py::test_x"], "b.use": ["test_a.py::test_x"]}
