"""What a newer version of the contract may change, and guests of an older one on a newer host."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from wasmpuck.runtime.compatibility import breaking
from wasmpuck.runtime.contract import CONTRACT_VERSION, read_folder, released_versions, spelled, wit_folder
from wasmpuck.runtime.wit import Package, read_package

OLD = """
package a:b@0.1.0;
interface log { enum level { low, high } write: func(level: level, text: string); }
interface judge { record r { a: u32 } ask: func(r: r) -> bool; }
world base { import log; export judge; }
"""


def package(text: str) -> Package:
    return read_package({"it.wit": text})


def changed(*changes: tuple[str, str]) -> list[str]:
    """What is found when these texts of the old contract are replaced."""
    text = OLD
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return breaking(package(OLD), package(text))


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [("write: func", "/// New.\nflush: func(); write: func")],
        [("interface judge", "interface more { f: func(); } interface judge")],
        [
            ("import log;", "import log; import more;"),
            ("interface judge", "interface more { f: func(); } interface judge"),
        ],
        [("world base", "world other { export judge; } world base")],
        [("enum level", "type handle = u32; enum level")],
    ],
    ids=["nothing", "function", "interface", "import", "world", "type"],
)
def test_what_only_adds_breaks_nothing(changes: list[tuple[str, str]]) -> None:
    """New interfaces, imports, worlds and types, and new functions to call, are allowed."""
    assert changed(*changes) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("low, high", "low, middle, high", ["type log.level is another", "function log.write has another type"]),
        ("text: string", "text: list<u8>", ["function log.write has another type"]),
        ("{ a: u32 }", "{ a: u32, b: u32 }", ["type judge.r is another", "function judge.ask has another type"]),
        ("ask: func", "doubt: func(); ask: func", ["function judge.doubt is new in an interface that plugins export"]),
        ("write: func(level: level, text: string);", "", ["function log.write is gone"]),
        ("import log;", "", ["world base does not import log any more"]),
        ("export judge;", "", ["world base does not export judge any more"]),
        ("export judge;", "export judge; export log;", ["world base exports log too"]),
        ("world base", "world trunk", ["world base is gone"]),
        ("interface log {", "interface journal {", ["interface log is gone"]),
    ],
)
def test_each_change_that_breaks_guests_is_named(before: str, after: str, said: list[str]) -> None:
    """A change of what guests were built against is found and said in a sentence."""
    assert changed((before, after)) == said


def test_the_contract_only_adds_to_what_was_released() -> None:
    """Every released version is a part of each later one, the present one included."""
    folder = wit_folder()
    versions = [read_folder(folder / "released" / spelled(version)) for version in released_versions()]
    for older, newer in itertools.pairwise([*versions, read_folder(folder)]):
        assert breaking(older, newer) == []


def test_the_present_contract_is_called_what_the_host_speaks() -> None:
    """The package name in `wit/` has the version that the host announces."""
    assert read_folder(wit_folder()).name == f"wasmpuck:plugin@{spelled(CONTRACT_VERSION)}"


def test_what_was_released_is_frozen() -> None:
    """Every file of a released version is what it was, and there are no others."""
    folder = wit_folder() / "released"
    lines = (line.split("  ") for line in (folder / "SHA256SUMS").read_text().splitlines())
    pinned = {name: digest for digest, name in lines}
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("*/*")
    }
    assert found == pinned
    assert released_versions() == sorted({tuple(map(int, name.split("/")[0].split("."))) for name in pinned})


def test_what_is_called_as_a_released_version_is_that_version() -> None:
    """Before something is added to `wit/`, its number is raised; sentences may be mended."""
    present = read_folder(wit_folder())
    for version in released_versions():
        released = read_folder(wit_folder() / "released" / spelled(version))
        assert released.name == f"wasmpuck:plugin@{spelled(version)}"
        if released.name == present.name:
            assert released == present
