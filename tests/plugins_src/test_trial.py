"""Scripts in JavaScript are tried when they are built, and the same source gives the same bytes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from builders import script, trial
from builders.dist import Dist
from builders.errors import BuildError
from builders.recipe import Recipe, find
from plugins_src.stand import DIST, SOURCES
from wasmpuck_signing.keys import PrivateKey


def sample(root: Path, source: str | None = None) -> Recipe:
    """The sample `greeting` in a checkout of its own, with another source."""
    (root / "plugins-dist").mkdir(parents=True)
    (root / "plugins-dist" / "runtimes").symlink_to(DIST / "runtimes")
    recipe = Recipe(root, "samples/js/greeting")
    shutil.copytree(SOURCES / recipe.name, recipe.folder)
    if source is not None:
        (recipe.folder / "plugin.js").write_text(source)
    return recipe


def tried(recipe: Recipe) -> None:
    trial.check(recipe, script.build(recipe, None), Dist(DIST))


def test_a_sample_passes(tmp_path: Path) -> None:
    """The sample as it is."""
    tried(sample(tmp_path))


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("import { log } from 'wasmpuck';\n\nlet x = ;\n", "greeting/plugin.js:3:9: SyntaxError", ""),
        ("null.x;\n", "greeting/plugin.js:1:1: TypeError: cannot read property 'x' of null", ""),
        ("require('wasmpuck').routes.get('/x', () => {});", "greeting implements lifecycle, routes", "plugin.worlds"),
        ("require('wasmpuck').log.info('now');", "greeting cannot be executed", "outside of hooks"),
    ],
)
def test_what_cannot_be_executed_is_not_built(source: str, message: str, hint: str, tmp_path: Path) -> None:
    """File, line and column of an error; worlds that differ; imports that are called too early."""
    with pytest.raises(BuildError) as caught:
        tried(sample(tmp_path, source))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_two_folders_give_the_same_bytes(tmp_path: Path) -> None:
    """Where the checkout lies does not matter."""
    key = PrivateKey.generate()
    one = script.build(sample(tmp_path / "one"), key)
    assert script.build(sample(tmp_path / "a" / "longer" / "two"), key) == one


def test_a_sample_is_found_by_its_name_alone() -> None:
    """Samples are built when they are asked for, not with everything else."""
    root = SOURCES.parent
    assert [recipe.name for recipe in find(root, ["samples/js/greeting"])] == ["samples/js/greeting"]
    assert not any(recipe.name.startswith("samples/") for recipe in find(root))
