"""Version numbers, dependencies and their explanations agree wherever they stand."""

from __future__ import annotations

import re
from importlib.metadata import distributions, version
from typing import Any

import pytest
import tomli
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import wasmpuck
from house.documents import ROOT
from wasmpuck_signing import fields

PROJECT: dict[str, Any] = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("requirements.lock", "requirements-dev.lock")


def locked(name: str) -> dict[str, Version]:
    """Package and version of each entry of a lock."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return {
        canonicalize_name(match[1]): Version(match[2])
        for match in re.finditer(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE)
    }


def declared(*, development: bool) -> list[Requirement]:
    """What pyproject.toml asks for: to run, or with everything else."""
    texts = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["bootstrap"]]
    if development:
        for extra in PROJECT["project"]["optional-dependencies"].values():
            texts += extra
    return [Requirement(text) for text in texts]


def test_the_version_is_the_same_everywhere() -> None:
    """The package, its metadata and the changelog's newest section name one version."""
    assert version("wasmpuck") == wasmpuck.__version__
    own = Version(wasmpuck.__version__)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest, *older = re.findall(r"^## \[([^\]]+)\]", changelog, re.MULTILINE)
    if own.is_prerelease:
        assert newest == "Unreleased"
        assert all(Version(each) < own for each in older)
    else:
        assert own == Version(next(each for each in (newest, *older) if each != "Unreleased"))


def test_the_contract_has_one_version() -> None:
    """Every WIT file names the package and version that the signing package writes into manifests."""
    for path in sorted((ROOT / "wit").glob("*.wit")):
        assert path.read_text(encoding="utf-8").splitlines()[0] == f"package {fields.CONTRACT};", path.name


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_the_project_asks_for(lock: str) -> None:
    """Each declared requirement is locked at a version that satisfies it."""
    versions = locked(lock)
    for requirement in declared(development=lock == LOCKS[1]):
        found = versions.get(canonicalize_name(requirement.name))
        assert found is not None, f"{lock}: {requirement.name} is missing; run ./do lock"
        assert found in requirement.specifier, f"{lock}: {requirement.name} {found} does not satisfy {requirement}"


def test_both_locks_agree() -> None:
    """A server that is developed runs the versions that an operator runs."""
    run, development = (locked(lock) for lock in LOCKS)
    assert run.items() <= development.items()


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_digests_and_no_places(lock: str) -> None:
    """Every entry has at least one SHA-256 digest; no address and no path of anybody's machine is in the file."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    for line in text.splitlines():
        assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?|[A-Za-z0-9._-]+==[^/:@]+ \\", line), line
    assert len(re.findall(r"==.*\n    --hash", text)) == len(locked(lock))


def test_what_is_installed_is_what_is_locked() -> None:
    """The tests run on the locked versions and on nothing beside them."""
    versions = locked(LOCKS[1])
    brought_by_python = {"pip", "setuptools", "wheel", "wasmpuck"}
    for distribution in distributions():
        name = canonicalize_name(distribution.name)
        if name not in brought_by_python:
            assert versions.get(name) == Version(distribution.version), f"{name} {distribution.version} is not locked"


def test_every_dependency_has_its_reason() -> None:
    """docs/adr/0002-dependencies.md has a row for each declared requirement and for nothing else."""
    page = (ROOT / "docs" / "adr" / "0002-dependencies.md").read_text(encoding="utf-8")
    rows = [cells for line in page.splitlines() if (cells := re.match(r"\| (`[^|]+`) \|", line))]
    explained = {canonicalize_name(name) for cells in rows for name in re.findall(r"`([^`]+)`", cells[1])}
    assert explained == {canonicalize_name(each.name) for each in declared(development=True)}
