"""The documentation says what is so: its links lead somewhere, its examples load, its commands do what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tomli

from house.documents import ROOT, Block, anchors, blocks, documents, links, slug
from house.sessions import matches, sessions
from wasmpuck.config import parse
from wasmpuck.errors import CallReason, Refusal
from wasmpuck_signing import Manifest, Publisher, Version
from wasmpuck_signing.manifest import NeededRuntime

ALL_BLOCKS = [block for document in documents() for block in blocks(document)]


def of(*languages: str) -> list[Block]:
    """The blocks in these languages."""
    return [block for block in ALL_BLOCKS if block.language in languages]


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link names a file of the project and, after `#`, a heading in it."""
    for number, target in links(document):
        if target.startswith(("https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        place = f"{document.relative_to(ROOT)}:{number}"
        assert file.exists(), f"{place}: there is no {target}"
        assert ROOT in [file, *file.parents], f"{place}: {target} leads out of the project"
        if anchor:
            assert anchor in anchors(file), f"{place}: {name or 'this page'} has no heading #{anchor}"


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_has_a_language(document: Path) -> None:
    """Every fenced block says what it is, so that none escapes its check by accident."""
    for block in blocks(document):
        assert block.language in {"console", "js", "rust", "python", "sh", "text", "toml", "wit"}, block.place


@pytest.mark.parametrize("block", of("toml"), ids=lambda block: block.place)
def test_toml_examples_load(block: Block) -> None:
    """Every TOML example is a configuration, a publisher, a manifest or a package that is taken as it stands."""
    table = tomli.loads(block.text)
    if "publisher" in table:
        key = re.sub(r"BASE64-\S+", "jAejG7mr0CN2M3T6XNwvhBruN7kjal8uQUfGZfWVGe8=", block.text)
        assert Publisher.from_toml(key, block.place).plugins
    elif "plugin" in table:
        runtime = NeededRuntime("python", Version.parse("0.1.0"), f"sha256:{'0' * 64}")
        manifest = Manifest.from_toml(block.text, runtime=lambda name: replace(runtime, name=name))
        assert manifest.name == table["plugin"]["name"]
    elif "package" in table:
        rust = ROOT / "plugins-src"
        crate = tomli.loads((rust / "sdk" / "rust" / "Cargo.toml").read_text())["package"]
        assert table["dependencies"][crate["name"]]["version"] == crate["version"]
        settled = tomli.loads((rust / "Cargo.toml").read_text())["profile"]["release"]
        assert table["profile"]["release"].items() <= settled.items()
    else:
        assert parse(block.text, file=block.place)


#: Its blocks belong together, language by language: tests/kit/test_tutorial.py runs them.
TUTORIAL = ROOT / "docs" / "plugin-authors.md"


@pytest.mark.parametrize(
    "block", [block for block in of("console") if block.document != TUTORIAL], ids=lambda block: block.place
)
def test_console_examples_run(block: Block, tmp_path: Path) -> None:
    """Every `$ ` command of a console block runs beside the plugins and prints what the block shows."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
    }
    for folder in ("plugins-dist", "plugins-src", "wit"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    for command, expected in sessions(block):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        shown = [line.rstrip() for line in done.stdout.splitlines()]
        assert matches(expected, shown), f"{block.place}: {command} printed\n{done.stdout}"


def test_the_readme_opens_with_what_this_is_and_two_commands() -> None:
    """README.md says in five lines what this is; then come the two commands, each in a block of its own."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    opening = readme.split("\n\n")[1]
    assert len(opening.splitlines()) <= 6
    commands = [block.text.strip() for block in blocks(ROOT / "README.md") if block.text.startswith("./do")]
    assert commands == ["./do serve", "./do test"]


def test_continuous_integration_runs_the_recipe_that_the_readme_names() -> None:
    """The README's test command is a line of `.ci/run`, and every recipe that is named anywhere exists."""
    stages = re.findall(r"^stage (\./do .+)$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    assert "./do test" in stages
    recipes = set(
        re.findall(r"^([a-z][a-z-]*)(?: \*\w+)?:", (ROOT / "justfile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    for stage in stages:
        assert stage.removeprefix("./do ") in recipes
    for document in documents():
        for named in re.findall(r"\./do ([a-z][a-z-]*)", document.read_text(encoding="utf-8")):
            assert named in recipes, f"{document.relative_to(ROOT)}: there is no recipe {named}"


def table(document: Path, heading: str) -> set[str]:
    """The codes in the first column of the first table under a heading."""
    section = re.split(rf"^#+ {re.escape(heading)}$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
    rows = [line.split("|")[1] for line in section.split("\n#")[0].splitlines() if line.startswith("| `")]
    return {code for cell in rows for code in re.findall(r"`([^`]+)`", cell)}


def test_operators_find_every_way_in_which_a_call_ends() -> None:
    """docs/operators.md says what each reason of a failed call means and what to do about it."""
    assert table(ROOT / "docs" / "operators.md", "Grants and quotas") == set(CallReason) - {CallReason.OK}


def test_operators_find_every_reason_for_which_a_plugin_is_refused() -> None:
    """docs/operators.md says what each refusal of an artifact means."""
    assert table(ROOT / "docs" / "operators.md", "Why a plugin is not loaded") == set(Refusal)


def test_every_decision_is_in_the_index() -> None:
    """docs/adr/README.md links each decision once, under its own title."""
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text(encoding="utf-8")
    for page in sorted(folder.glob("0*.md")):
        title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix(f"# {page.name[:4]}: ")
        assert f"| [{page.name[:4]}]({page.name}) | {title} |" in index


def test_anchors_are_made_as_viewers_make_them() -> None:
    """Letter case, code marks and punctuation are dropped, blanks become hyphens."""
    assert slug("What is `kept` of a certificate?") == "what-is-kept-of-a-certificate"
    assert slug("Budgets, and what they cost") == "budgets-and-what-they-cost"
