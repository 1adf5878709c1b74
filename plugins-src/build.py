"""Builds the plugins, packs their manifests, signs them with the demonstration key and writes plugins-dist/.

    python plugins-src/build.py                  all plugins
    python plugins-src/build.py NAME…            these
    python plugins-src/build.py --check [NAME…]  writes nothing: builds again elsewhere and compares
    python plugins-src/build.py --test [NAME…]   runs the plugins' own tests
    python plugins-src/build.py --standalone NAME…  makes components of scripts, beside them in dist/

Exit status: 0 done, 1 a difference or a failed test, 2 something is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
import time
from pathlib import Path

from builders import js, python, rust, script, toolchain, trial
from builders.audit import audit
from builders.dist import Dist
from builders.errors import BuildError
from builders.recipe import Recipe, find
from wasmpuck.errors import WasmpuckError
from wasmpuck.kit import building
from wasmpuck_signing.errors import SigningError
from wasmpuck_signing.keys import PrivateKey
from wasmpuck_signing.manifest import Manifest
from wasmpuck_signing.pack import pack

ROOT = Path(__file__).resolve().parent.parent
KEY = ROOT / "plugins-src" / "demonstration-key" / "demonstration.pem"

_Row = tuple[str, str, str, str]

_BUILDERS = {"python": python.build, "python-runtime": python.build, "js-runtime": js.build}
_TESTS = {"rust": rust.test, "js-script": js.test}


def build(recipe: Recipe, dist: Dist, key: PrivateKey) -> _Row:
    """Brings one published artifact up to date; the row says what was done."""
    start = time.monotonic()
    if recipe.is_script:
        artifact = script.build(recipe, key)
        if recipe.language == "js-script":
            trial.check(recipe, artifact, dist)
    else:
        artifact = pack(_component(recipe, dist.artifact(recipe.name)), recipe.manifest(), key)
    outcome = "written" if dist.publish(recipe.name, artifact) else "unchanged"
    return recipe.name, outcome, f"{len(artifact):,} bytes", f"{time.monotonic() - start:.1f} s"


def _component(recipe: Recipe, published: bytes | None) -> bytes:
    manifest = recipe.manifest()
    if recipe.language == "rust":
        component = rust.build(recipe, recipe.folder / "target")
    elif published is not None and _source_of(published) == manifest.source:
        return published  # `pack` takes the old manifest and signature out
    else:
        with tempfile.TemporaryDirectory() as scratch:
            component = _BUILDERS[recipe.language](recipe, Path(scratch))
    audit(component, manifest)
    return component


def standalone(recipe: Recipe, key: PrivateKey) -> _Row:
    """Makes a component of a script, in the folder `dist` beside it; the row says where."""
    start = time.monotonic()
    if not recipe.is_script:
        raise BuildError(f"{recipe.name} is no script: it is a component already")
    if recipe.language == "js-script":
        toolchain.componentize_qjs(recipe.root)  # installs it
    runtimes = recipe.root / "plugins-dist" / "runtimes"
    try:
        built = building.build(recipe.folder, key=key, runtimes=runtimes, standalone=True)
    except WasmpuckError as problem:
        raise BuildError(problem.message, problem.hint) from None
    place = built.path.relative_to(recipe.root.resolve()).as_posix()
    return recipe.name, f"written to {place}", f"{built.size:,} bytes", f"{time.monotonic() - start:.1f} s"


def check(recipe: Recipe, dist: Dist, key: PrivateKey) -> tuple[_Row, bool]:
    """Compares one published artifact with its sources; the row says how, the flag whether it agrees."""
    published = dist.artifact(recipe.name)
    pinned = dist.pinned().get(recipe.name, "none")
    if published is None:
        return (recipe.name, "not published", "", "run build.py"), False
    found = hashlib.sha256(published).hexdigest()
    if found != pinned:
        return (recipe.name, "not the pinned file", found[:16], f"SHA256SUMS has {pinned[:16]}"), False
    if recipe.is_script:
        return _compare(recipe, "packed again, bytes agree", found, script.build(recipe, key))
    manifest = recipe.manifest()
    source = _source_of(published)
    if source != manifest.source:
        return (recipe.name, "sources changed", str(source)[:23], f"now {str(manifest.source)[:23]}"), False
    if recipe.language == "rust":
        return _compare(recipe, "rebuilt, bytes agree", found, pack(_rebuild_elsewhere(recipe), manifest, key))
    return _compare(recipe, "sources and digest agree", found, pack(published, manifest, key))


def _compare(recipe: Recipe, how: str, found: str, artifact: bytes) -> tuple[_Row, bool]:
    expected = hashlib.sha256(artifact).hexdigest()
    if expected != found:
        return (recipe.name, "bytes differ", found[:16], f"from the sources {expected[:16]}"), False
    return (recipe.name, how, found[:16], ""), True


def _rebuild_elsewhere(recipe: Recipe) -> bytes:
    """Builds a copy of the sources in another folder with another cargo home, to show that paths do not matter."""
    with tempfile.TemporaryDirectory(prefix="wasmpuck-check-") as scratch:
        copy = Path(scratch) / "another" / "checkout"
        shutil.copytree(recipe.root / "wit", copy / "wit")
        shutil.copytree(recipe.folder, copy / "plugins-src" / recipe.name, ignore=shutil.ignore_patterns("target"))
        shutil.copy(recipe.root / "plugins-src" / "toolchain.pins", copy / "plugins-src")
        if (recipe.root / ".tools").exists():
            (copy / ".tools").symlink_to(recipe.root / ".tools")
        return rust.build(Recipe(copy, recipe.name), Path(scratch) / "target", Path(scratch) / "cargo")


def _source_of(artifact: bytes) -> str | None:
    try:
        return Manifest.of(artifact).source
    except SigningError:
        return None


def _table(rows: list[_Row]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; the result is the exit status."""
    parser = argparse.ArgumentParser(description="Builds, signs and checks the plugins in plugins-src/.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="plugins to handle; all of them when none is named")
    parser.add_argument(
        "--check", action="store_true", help="build again in another folder and compare with plugins-dist/"
    )
    parser.add_argument("--test", action="store_true", help="run the plugins' own tests")
    parser.add_argument(
        "--standalone",
        action="store_true",
        help="make components of the named scripts, each with its runtime in it, in dist/ beside their sources",
    )
    parser.add_argument(
        "--key", type=Path, default=KEY, help="private key in PEM form (default: the demonstration key)"
    )
    options = parser.parse_args(arguments)
    if options.standalone and not options.names:
        parser.error("--standalone needs the names of scripts")
    dist = Dist(ROOT / "plugins-dist")
    rows: list[_Row] = []
    failed = False
    try:
        recipes = find(ROOT, options.names)
        for recipe in recipes:
            print(
                f"{recipe.name}: {'testing' if options.test else 'checking' if options.check else 'building'} …",
                file=sys.stderr,
            )
            if options.test:
                with tempfile.TemporaryDirectory() as scratch:
                    _TESTS.get(recipe.language, python.test)(recipe, Path(scratch))
                rows.append((recipe.name, "tests passed", "", ""))
            elif options.check:
                row, agrees = check(recipe, dist, PrivateKey.load(options.key))
                rows.append(row)
                failed |= not agrees
            elif options.standalone:
                rows.append(standalone(recipe, PrivateKey.load(options.key)))
            else:
                rows.append(build(recipe, dist, PrivateKey.load(options.key)))
    except (BuildError, SigningError) as error:
        print(f"error: {error.message}" + (f"\n{error.hint}" if error.hint else ""), file=sys.stderr)
        return 1 if options.test else 2
    print(_table(rows))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
