"""Whether a script is what its manifest says: the published language runtime reads it, and executes it once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from wasmtime import Engine, Store, WasmtimeError
from wasmtime.component import Component, Linker, Record

from wasmpuck_signing.errors import SigningError
from wasmpuck_signing.manifest import Manifest
from wasmpuck_signing.script import Script

from .dist import Dist
from .errors import BuildError
from .recipe import Recipe

__all__ = ["check"]

_INTERFACE = "wasmpuck:plugin/script@0.1.0"


def check(recipe: Recipe, artifact: bytes, dist: Dist) -> None:
    """Raises `BuildError` with the place of each error of syntax, for a script that cannot be executed, and unless it
    implements the manifest's worlds.
    """
    described = Manifest.of(artifact)
    script = Script.of(artifact)
    needed = described.runtime.name if described.runtime else ""
    runtime = dist.artifact(f"runtimes/{needed}")
    if runtime is None:
        raise BuildError(f"{recipe.name} needs plugins-dist/runtimes/{needed}.wasm", f"Build runtimes/{needed} first.")
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
