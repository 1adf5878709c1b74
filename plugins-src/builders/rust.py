"""A Rust plugin, built by the author's kit with the pinned tools, so that anybody gets the published bytes."""

from __future__ import annotations

from pathlib import Path

from wasmpuck.kit.toolchains import rust

from . import toolchain
from .recipe import Recipe

__all__ = ["build", "test"]


def build(recipe: Recipe, target: Path, cargo_home: Path | None = None) -> bytes:
    """The component that cargo makes of the folder, in the build folder `target`. Raises `BuildError`.

    The panic machinery is left out, because the standard library is built along anyway, for want of Debian's.
    """
    tools = toolchain.rust_tools(recipe.root)
    names = {recipe.root: "/wasmpuck"}
    return rust.build(recipe.folder, tools, target, cargo_home=cargo_home, remapped=names, immediate_abort=True)


def test(recipe: Recipe, target: Path) -> None:
    """Runs the plugin's own tests on this machine. Raises `BuildError` with their output when one fails."""
    rust.test(recipe.folder, toolchain.rust_tools(recipe.root), target)
