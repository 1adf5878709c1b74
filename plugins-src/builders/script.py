"""A plugin that is a script: its texts, checked by the language runtime that will execute them.

The same texts and the same runtime give the same bytes on every machine: nothing is compiled.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from wasmtime import Engine, Store, WasmtimeError
from wasmtime.component import Component, Linker, Record

from wasmpuck_signing.errors import SigningError
from wasmpuck_signing.manifest import Manifest, NeededRuntime
from wasmpuck_signing.script import Script

from .dist import Dist
from .errors import BuildError
from .recipe import Recipe

__all__ = ["check", "collect", "manifest"]

_INTERFACE = "wasmpuck:plugin/script@0.1.0"


def collect(recipe: Recipe) -> Script:
    """The texts of the folder. Raises `BuildError`, or `BadScript` for what a script may not hold."""
    entry = recipe.build.get("entry")
    if not isinstance(entry, str):
        raise BuildError(f"{recipe.name}/plugin.toml: build.entry must name the file that is executed")
    files: dict[str, str] = {}
    for path in recipe.sources():
        try:
            files[path.as_posix()] = (recipe.folder / path).read_text("utf-8")
        except UnicodeDecodeError:
            raise BuildError(
                f"{recipe.name}/{path.as_posix()} is no text (UTF-8)",
                "A script consists of texts; data belongs into a file that the operator names (`files`).",
            ) from None
    return Script(entry, files)


def manifest(recipe: Recipe, dist: Dist) -> Manifest:
    """The manifest, with the published language runtime in it. Raises `BuildError`."""

    def needed(name: str) -> NeededRuntime:
        artifact = dist.artifact(f"runtimes/{name}")
        if artifact is None:
            raise BuildError(
                f"{recipe.name} needs the language runtime {name}, which is not in plugins-dist/runtimes/",
                f"Run plugins-src/build.py runtimes/{name} first.",
            )
        return NeededRuntime(name, Manifest.of(artifact).version, f"sha256:{hashlib.sha256(artifact).hexdigest()}")

    return recipe.manifest(runtime=needed)


def check(recipe: Recipe, script: Script, described: Manifest, dist: Dist) -> None:
    """Raises `BuildError` with the place of each error of syntax, for a script that cannot be executed, and unless it
    implements the manifest's worlds.
    """
    assert described.runtime is not None
    runtime = dist.artifact(f"runtimes/{described.runtime.name}")
    assert runtime is not None
    files = [_record(path=path, text=text) for path, text in script.files.items()]
    problems = _call(runtime, "check", files)
    if not problems:
        program = _record(
            name=described.name,
            version=str(described.version),
            description=described.description,
            entry=script.entry,
            files=files,
            imports=list(described.imports),
        )
        try:
            outcome = _call(runtime, "load", program)
        except WasmtimeError as error:
            raise BuildError(
                f"{recipe.name} cannot be executed",
                "Code outside of hooks must not call imports: there is no server while a plugin is built.\n"
                + str(error)[-400:],
            ) from None
        # The library gives a variant's payload without its case: a list for `loaded`, a record for `failed`.
        if not isinstance(outcome, list):
            problems = [outcome]
        elif outcome != list(described.worlds):
            raise BuildError(
                f"{recipe.name} implements {', '.join(outcome)}",
                f"plugin.worlds in its plugin.toml must name the same; it names {', '.join(described.worlds)}.",
            )
    if problems:
        raise BuildError("\n".join(_shown(recipe, problem) for problem in problems))


def _shown(recipe: Recipe, problem: Any) -> str:
    where = f"plugins-src/{recipe.name}/{problem.path}" if problem.path else recipe.name
    place = ":".join(str(number) for number in (problem.line, problem.column) if number)
    return f"{where}:{place}: {problem.message}" + (f"\n{problem.trace}" if problem.trace else "")


def _record(**fields: Any) -> Record:
    record = Record()
    for name, value in fields.items():
        setattr(record, name, value)
    return record


@lru_cache(maxsize=4)
def _compiled(runtime: bytes) -> tuple[Engine, Component]:
    engine = Engine()
    return engine, Component(engine, runtime)


def _call(runtime: bytes, function: str, *arguments: Any) -> Any:
    """Calls the interface `script` of a fresh instance whose imports all end the call."""
    engine, component = _compiled(runtime)
    linker = Linker(engine)
    linker.define_unknown_imports_as_traps(component)
    store = Store(engine)
    instance = linker.instantiate(store, component)
    interface = instance.get_export_index(store, _INTERFACE)
    index = interface and instance.get_export_index(store, function, interface)
    found = index and instance.get_func(store, index)
    if not found:
        raise SigningError(f"the language runtime does not export {_INTERFACE}")
    return found(store, *arguments)
