"""A script: the source itself, packed. The same source gives the same bytes."""

from __future__ import annotations

from wasmpuck_signing.keys import PrivateKey
from wasmpuck_signing.pack import pack_script
from wasmpuck_signing.script import Script

from .errors import BuildError
from .recipe import Recipe

__all__ = ["build"]


def build(recipe: Recipe, key: PrivateKey | None) -> bytes:
    """The artifact. Every file of the folder that is a source is in it. Raises `BuildError`, and as `pack_script`
    does.
    """
    entry = recipe.build.get("entry")
    if not isinstance(entry, str):
        raise BuildError(f"{recipe.name}/plugin.toml: build.entry must name the file that is executed")
    files = {}
    for path, content in recipe.parts().items():
        try:
            files[path] = content.decode()
        except UnicodeDecodeError as problem:
            raise BuildError(f"{recipe.name}/{path} is not UTF-8 (byte {problem.start})") from None
    return pack_script(Script(entry, files), recipe.manifest(), key)
