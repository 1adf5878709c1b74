"""The JavaScript samples as components of their own: the same list, and no language runtime in the server."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

import pytest

from builders import toolchain
from builders.recipe import Recipe
from runtime.guests import run
from sdk.conformance import CASES
from sdk.stage import Open, Subject, opener
from wasmpuck.kit.toolchains import javascript
from wasmpuck_signing.script import Script

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def open_sample(tmp_path_factory: pytest.TempPathFactory) -> Open:
    """Opens a sample that was built so."""

    @cache
    def built(name: str) -> Subject:
        recipe = Recipe(ROOT, f"samples/js/{name}")
        script = Script("plugin.js", {path: content.decode() for path, content in recipe.parts().items()})
        tool, scratch = toolchain.componentize_qjs(ROOT), tmp_path_factory.mktemp(name)
        component = javascript.standalone(script, recipe.manifest(), tool, scratch)
        imports = tomllib.loads((recipe.folder / "plugin.toml").read_text())["plugin"]["imports"]
        return Subject(name, component, (*imports, "metrics"))

    return opener(built)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_conformance(case: Callable[[Open], Awaitable[None]], open_sample: Open) -> None:
    """A case of the list."""

    async def main() -> None:
        await case(open_sample)

    run(main())
