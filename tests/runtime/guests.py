"""Small plugins, complete and harmless until a result or a body is replaced, and the real machinery around them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Self, TypeVar

import pytest
import wasmtime
from wasmtime import component as stock

from runtime.abi import Image, TypeText, core_type, zero
from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.runtime.cache import SealedCode
from wasmpuck.runtime.compile import CompiledPlugin, Compiler
from wasmpuck.runtime.contract import PACKAGE, load_contract
from wasmpuck.runtime.engine import Engine
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import CallBudget, StoreLimits
from wasmpuck.runtime.linker import PluginLinker
from wasmpuck.runtime.screening import screen
from wasmpuck.trust import Artifact, Keyring, Publisher, SignedPolicy, VerifiedArtifact, Version, verify
from wasmpuck_signing import Manifest, PrivateKey, pack

__all__ = [
    "BUDGET",
    "BUMP",
    "KEY",
    "LIMITS",
    "Body",
    "Guest",
    "QuickCompiler",
    "Rig",
    "doing",
    "engine",
    "keyring_text",
    "refusal",
    "run",
    "until",
]

KEY: Final = PrivateKey.from_seed(b"a throwaway key of the tests ...", "tests")

#: The body of an export: text, or made from the image that its constants go to.
Body = str | Callable[[Image], str]

BUDGET: Final = CallBudget()
LIMITS: Final = StoreLimits()

_T = TypeVar("_T")


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """Runs a test's coroutine; fails if it leaves a task behind."""

    async def watched() -> _T:
        result = await asyncio.wait_for(main, 60)
        await asyncio.sleep(0)  # what was cancelled last ends in the loop's next turn
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left behind: {left}"
        return result

    return asyncio.run(watched())


async def until(condition: Callable[[], object]) -> None:
    """Lets the event loop turn until something is so."""
    while not condition():  # noqa: ASYNC110 - what is waited for is a state, nobody sets an event for it
        await asyncio.sleep(0)


BUMP: Final = """
    (global $heap (mut i32) (i32.const {heap}))
    (func (export "realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
      (global.set $heap (i32.add (local.get $at) (local.get $size)))
      (block $fits (loop $grow
        (br_if $fits (i32.le_u (global.get $heap) (i32.shl (memory.size) (i32.const 16))))
        (br_if $grow (i32.ne (i32.const -1) (memory.grow (i32.const 1))))
        unreachable))
      (memory.copy (local.get $at) (local.get $old) (local.get $had))
      (local.get $at))
    (func (export "reset") (global.set $heap (i32.const {heap})))
"""
"""Fields of a module: an allocator that begins anew with `reset`."""


_CANONICAL: Final = '(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))'


@dataclass(slots=True)
class _Part:
    """The text of one interface: in the component, in the core module, and what joins the two."""

    outside: str = ""
    bridge: str = ""
    core: str = ""
    labels: list[str] = field(default_factory=list)


def _lines(texts: Iterable[str]) -> str:
    return "\n    ".join(texts)


@dataclass(slots=True)
class Guest:
    """A component of the contract.

    Attributes:
        name, version: what `describe` says.
        worlds: exported interfaces.
        imports: functions by imported interface; core functions `$interface.function`, those of resources
            `$interface.resource.function`; `[resource-drop]RESOURCE` is one too, `drop`.
        results: values that exports return, by `interface.function`; others return zeros and first cases.
        bodies: text of exports that do more; `local.get N` gives flattened parameters (CanonicalABI.md, "Flattening").
        extra: more fields of the core module.
        memory: pages at first.
        realloc: text of the allocator's module, with `{heap}` for where it begins.
    """

    name: str = "probe"
    version: str = "1.0.0"
    worlds: Sequence[str] = ("lifecycle",)
    imports: Mapping[str, Sequence[str]] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    bodies: Mapping[str, Body] = field(default_factory=dict)
    extra: str = ""
    memory: int = 2
    realloc: str = BUMP

    def _body(self, label: str, image: Image) -> str:
        given = self.bodies.get(label)
        if given is not None:
            return given if isinstance(given, str) else given(image)
        interface, _, name = label.partition(".")
        kind = load_contract()[interface].functions[name].result
        if kind is None:
            return ""
        value = self.results.get(label)
        if value is None:
            value = zero(kind)
            if label == "lifecycle.describe":
                value |= {"name": self.name, "version": self.version}
        _, results = core_type(load_contract()[interface].functions[name])
        return f"i32.const {image.value(kind, value)}" if results == ["i32"] else f"{results[0]}.const {value}"

    def text(self) -> str:
        """The component."""
        image, types = Image(), TypeText()
        imports = [self._import(interface, names) for interface, names in self.imports.items()]
        exports = [self._export(interface, image, types) for interface in self.worlds]
        host = [f'(export "{label}" (func ${label}))' for found in imports for label in found.labels]
        return f"""(component
    {_lines(found.outside for found in imports)}
    (core module $libc
      (memory (export "memory") {self.memory})
      {image.segment()}
      {self.realloc.format(heap=max(image.end, 32_768))})
    (core instance $libc (instantiate $libc))
    {_lines(found.bridge for found in imports)}
    (core module $main
      (import "libc" "memory" (memory 0))
      (import "libc" "reset" (func $reset))
      {_lines(found.core for found in imports)}
      {_lines(found.core for found in exports)}
      {self.extra})
    (core instance $main (instantiate $main (with "libc" (instance $libc)) (with "host" (instance {_lines(host)}))))
    {_lines(types.declarations)}
    {_lines(found.bridge for found in exports)}
    {_lines(found.outside for found in exports)})"""

    def _import(self, interface: str, names: Sequence[str]) -> _Part:
        types = TypeText(f"{interface}-", imported=True)
        part, functions = _Part(), []
        for name in names:
            if name.startswith("[resource-drop]"):
                resource = name.partition("]")[2]
                label = f"{interface}.{resource}.drop"
                part.labels.append(label)
                part.bridge += f"""(alias export $import-{interface} "{resource}" (type $alias-{resource}))
                    (core func ${label} (canon resource.drop $alias-{resource}))\n"""
                part.core += f'(import "host" "{label}" (func ${label} (param i32)))\n'
                continue
            label, kind = f"{interface}.{name.partition(']')[2] or name}", load_contract()[interface].functions[name]
            part.labels.append(label)
            functions.append(f'(export "{name}" (func {types.signature(kind)}))')
            part.bridge += f'(core func ${label} (canon lower (func $import-{interface} "{name}") {_CANONICAL}))\n'
            part.core += f'(import "host" "{label}" (func ${label} {_core(*core_type(kind, lowered=True))}))\n'
        part.outside = f"""(import "{PACKAGE}/{interface}@0.1.0" (instance $import-{interface}
            {_lines(types.declarations)} {_lines(functions)}))"""
        return part

    def _export(self, interface: str, image: Image, types: TypeText) -> _Part:
        part, members = _Part(), []
        for name, kind in load_contract()[interface].functions.items():
            label = f"{interface}.{name}"
            parameters, results = core_type(kind)
            part.core += f"""(func (export "{label}") {_core(parameters, results)} {self._body(label, image)})
                (func (export "after {label}") {_core(results, [])} call $reset)\n"""
            part.bridge += f"""(func ${label} {types.signature(kind)} (canon lift (core func $main "{label}")
                {_CANONICAL} (post-return (core func $main "after {label}"))))\n"""
            members.append(f'(export "{name}" (func ${label}))')
        part.outside = f"""(instance $export-{interface} {_lines(members)})
            (export "{PACKAGE}/{interface}@0.1.0" (instance $export-{interface}))"""
        return part

    def binary(self) -> bytes:
        """The component's bytes; raises `wasmtime.WasmtimeError` when the text is wrong."""
        return bytes(wasmtime.wat2wasm(self.text()))

    def artifact(self, **changes: Any) -> bytes:
        """The component with a fitting manifest, but for `changes`, signed."""
        entries: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "description": "A guest of the tests",
            "license": "Apache-2.0",
            "worlds": tuple(self.worlds),
            "imports": tuple(self.imports),
        }
        entries |= changes
        entries["version"] = Version.parse(entries["version"])
        return pack(self.binary(), Manifest(**entries), KEY)

    def verified(self, **changes: Any) -> VerifiedArtifact:
        """The artifact after the real verification."""
        policy = SignedPolicy(Keyring((Publisher("tests", KEY.public, ("*",)),)))
        return verify(Artifact(f"{self.name}.wasm", self.artifact(**changes)), policy)


def _core(parameters: Sequence[str], results: Sequence[str]) -> str:
    return f"(param {' '.join(parameters)}) (result {' '.join(results)})"


def doing(code: str, export: str = "lifecycle.health") -> Body:
    """The body of an export that runs some code and returns a zero."""
    interface, _, name = export.partition(".")
    kind = load_contract()[interface].functions[name].result
    assert kind is not None
    return lambda image: f"{code} i32.const {image.value(kind, zero(kind))}"


def keyring_text() -> str:
    """A file of a keyring folder that trusts `KEY`."""
    return f'format = 1\npublisher = "tests"\nkey = "{KEY.public.line()}"\nplugins = ["*"]\n'


@cache
def engine() -> Engine:
    """The engine of this run of tests."""
    return Engine()


class QuickCompiler(Compiler):
    """The compiler, but in this process: a small guest takes a millisecond instead of a second."""

    async def _anew(self, artifact: VerifiedArtifact) -> CompiledPlugin:
        screen(artifact.component, self.screening)
        with stock.Component(self.engine.stock, artifact.component) as component:
            code = bytes(component.serialize())
        sealed = SealedCode(code) if self.cache is None else self.cache.store(artifact.digest, code)
        return await self._take(artifact, self._map(sealed))


class Rig:
    """A guest compiled, linked to the given capabilities and ready to be instantiated. An async context manager."""

    def __init__(self, guest: Guest, capabilities: Mapping[str, Any] | None = None) -> None:
        self._guest = guest
        self._capabilities = capabilities or {}
        self.instances: list[Instance] = []

    async def __aenter__(self) -> Self:
        self._before = asyncio.all_tasks()
        self.compiled: CompiledPlugin = await QuickCompiler(engine()).compile(self._guest.verified())
        self.linker = PluginLinker(self.compiled, self._capabilities)
        return self

    async def __aexit__(self, *_: object) -> None:
        calls = asyncio.all_tasks() - self._before if sys.exc_info()[0] else set()
        for call in calls:  # a test that failed leaves them behind
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        for instance in self.instances:
            instance.close()
        self.linker.close()
        self.compiled.close()

    async def instance(self, limits: StoreLimits = LIMITS, *, watch_memory: bool = True) -> Instance:
        """A fresh instance; closed with the rig."""
        instance = Instance(engine(), limits, len(self.compiled.exports))
        self.instances.append(instance)
        await instance.instantiate(self.linker.address, self.compiled.address, CallBudget(), watch_memory=watch_memory)
        return instance

    async def call(self, instance: Instance, name: str, *arguments: Any, budget: CallBudget = BUDGET) -> Any:
        """Calls an export of an instance."""
        return await instance.call(self.compiled.exports[name], arguments, budget)

    async def failure(
        self,
        name: str,
        *arguments: Any,
        budget: CallBudget = BUDGET,
        limits: StoreLimits = LIMITS,
    ) -> CallFailed:
        """How a call on a fresh instance fails."""
        instance = await self.instance(limits)
        return await refusal(self.call(instance, name, *arguments, budget=budget))


async def refusal(call: Coroutine[Any, Any, Any], reason: CallReason | None = None) -> CallFailed:
    """The failure that a call ends with, which must have this reason if one is given."""
    with pytest.raises(CallFailed) as caught:
        await call
    failure = caught.value
    assert reason is None or failure.reason is reason, (failure.reason, failure.message, failure.backtrace)
    return failure
