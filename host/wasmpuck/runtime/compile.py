"""VerifiedArtifact → CompiledPlugin: compile outside the server or take from the cache, then audit what it imports
and exports.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import wasmtime
from wasmtime import component as stock

from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.runtime import capi
from wasmpuck.runtime.cache import CodeCache, SealedCode
from wasmpuck.runtime.contract import CONTRACT_VERSION, PACKAGE, Interface, contract_of, spelled
from wasmpuck.runtime.engine import Engine
from wasmpuck.runtime.export import Export
from wasmpuck.runtime.marshal import packer, unpacker
from wasmpuck.runtime.process import CompileLimits, compile_outside
from wasmpuck.runtime.proportions import ScreeningLimits
from wasmpuck.runtime.screening import screen
from wasmpuck.runtime.values import Function, Own, Resource, UnsupportedType, function_type, holds_handles
from wasmpuck.trust import VerifiedArtifact

__all__ = ["CompileLimits", "CompiledPlugin", "Compiler", "Import"]

_log = logging.getLogger(__name__)

_LIMITS: Final = CompileLimits()
_SCREENING: Final = ScreeningLimits()


@dataclass(frozen=True, slots=True)
class Import:
    """An imported interface: `functions` by WIT name with their component types, and the `resources` that it names."""

    name: str
    functions: Mapping[str, Function]
    resources: Mapping[str, Resource]


class CompiledPlugin:
    """Machine code of a verified artifact, with its imports and exports known.

    Attributes:
        artifact: what it was compiled from.
        imports: interfaces by short name (`log`).
        exports: functions by `interface.function`.
        worlds: exported interfaces by short name, sorted.
        slots: room that an instance needs for resolved functions.
        needs: imports that it has to be granted: all.
    """

    def __init__(self, engine: Engine, artifact: VerifiedArtifact, component: stock.Component) -> None:
        self.engine = engine
        self.artifact = artifact
        self._component = component
        self._indices: list[int] = []
        self.address = capi.address(component.ptr())
        #: Resources of the host, with what stands for them in this component.
        self._known: list[tuple[Resource, stock.ResourceType]] = []
        kind = component.type
        self.imports = self._read_imports(kind)
        self.exports = self._read_exports(kind)
        self.worlds = sorted({name.partition(".")[0] for name in self.exports})
        self.slots = len(self.exports)
        self.needs = frozenset(self.imports)

    @property
    def name(self) -> str:
        return self.artifact.name

    def _interface(self, name: str, what: str) -> tuple[str, dict[str, Interface]]:
        """`wasmpuck:plugin/log@0.1.0` → `log` and the contract of that version; other packages and versions are
        refused.
        """
        package, slash, rest = name.partition("/")
        interface, _, version = rest.partition("@")
        if package != PACKAGE or not slash:
            raise ArtifactRefused(
                Refusal.IMPORTS_DIFFER,
                f"{self.name} {what} {name}, which is not part of the plugin contract",
                hint=f"plugins {what.rstrip('s')} interfaces of {PACKAGE} only; build without WASI",
            )
        contract = contract_of(version)
        if contract is None:
            raise ArtifactRefused(
                Refusal.CONTRACT_VERSION,
                f"{self.name} {what} {name}, "
                f"but this server speaks version {spelled(CONTRACT_VERSION)} of the contract",
                hint="update the server, or build the plugin against the older contract",
            )
        return interface, contract

    def _resources(self, item: Any, interface: str) -> dict[str, Resource]:
        """The resources that an imported interface defines, or uses from one imported before it."""
        named: dict[str, Resource] = {}
        for name, extern in item.exports(self.engine.stock).items():
            kind = extern.ty
            if not isinstance(kind, stock.ResourceType):
                continue
            known = next((resource for resource, other in self._known if other == kind), None)
            if known is None:
                known = Resource(interface, name)
                self._known.append((known, kind))
            named[name] = known
        return named

    def _functions(self, item: Any, name: str) -> dict[str, Function]:
        functions: dict[str, Function] = {}
        for function, extern in item.exports(self.engine.stock).items():
            kind = extern.ty
            if isinstance(kind, stock.FuncType):
                try:
                    functions[function] = function_type(kind, self._known)
                except UnsupportedType as error:
                    raise ArtifactRefused(Refusal.IMPORTS_DIFFER, f"{self.name}: {name}.{function}: {error}") from None
        return functions

    def _agree(
        self, contract: Mapping[str, Interface], interface: str, functions: Mapping[str, Function], refusal: Refusal
    ) -> None:
        """Each function has the contract's type: what the worlds and capabilities count on."""
        known = contract.get(interface)
        if known is None:
            raise ArtifactRefused(refusal, f"{self.name}: the contract has no interface {interface}")
        for name, kind in functions.items():
            if known.functions.get(name) != kind:
                raise ArtifactRefused(
                    refusal,
                    f"{self.name}: {interface}.{name} does not have the type that the contract gives it",
                    hint="build the plugin against the wit/ folder of this server's version",
                )

    def _agree_on_resources(
        self, contract: Mapping[str, Interface], interface: str, resources: Mapping[str, Resource]
    ) -> None:
        known = contract[interface].types
        for name, resource in resources.items():
            if known.get(name) != Own(resource):
                raise ArtifactRefused(
                    Refusal.IMPORTS_DIFFER, f"{self.name}: the contract has no resource {interface}.{name}"
                )

    def _read_imports(self, kind: Any) -> dict[str, Import]:
        imports: dict[str, Import] = {}
        for name, extern in kind.imports(self.engine.stock).items():
            item = extern.ty
            interface, contract = self._interface(name, "imports")
            if not isinstance(item, stock.ComponentInstanceType):
                raise ArtifactRefused(
                    Refusal.IMPORTS_DIFFER, f"{self.name} imports {name}, which is not an interface of the contract"
                )
            resources = self._resources(item, interface)
            functions = self._functions(item, interface)
            self._agree(contract, interface, functions, Refusal.IMPORTS_DIFFER)
            self._agree_on_resources(contract, interface, resources)
            imports[interface] = Import(name, functions, resources)
        return imports

    def _read_exports(self, kind: Any) -> dict[str, Export]:
        exports: dict[str, Export] = {}
        for name, extern in kind.exports(self.engine.stock).items():
            item = extern.ty
            # Language runtimes export more than the contract asks for; only the contract's interfaces are looked at.
            if not isinstance(item, stock.ComponentInstanceType) or not name.startswith(PACKAGE + "/"):
                continue
            interface, contract = self._interface(name, "exports")
            functions = self._functions(item, interface)
            self._agree(contract, interface, functions, Refusal.EXPORTS_MISSING)
            lacking = sorted(set(contract[interface].functions) - set(functions))
            if lacking:
                raise ArtifactRefused(
                    Refusal.EXPORTS_MISSING, f"{self.name} exports {interface} without {', '.join(lacking)}"
                )
            outer = self._index(0, name)
            for function, signature in functions.items():
                label = f"{interface}.{function}"
                exports[label] = Export(
                    label,
                    len(exports),
                    self._index(outer, function),
                    packer(self.engine.arena, signature, label),
                    unpacker(signature),
                    returns=signature.result is not None,
                    handles=holds_handles(signature.result),
                )
        return exports

    def _index(self, parent: int, name: str) -> int:
        text = name.encode()
        index = capi.get_export_index(self.address, parent or None, text, len(text))
        if not index:
            raise ArtifactRefused(Refusal.EXPORTS_MISSING, f"{self.name} does not export {name}")
        self._indices.append(index)
        return int(index)

    def forget_component(self) -> None:
        """Keeps no byte of the component, 18 MB with a language runtime: the code is all that is needed."""
        self.artifact = replace(self.artifact, component=b"")

    def close(self) -> None:
        """Gives the code back. No instance may be left."""
        for index in self._indices:
            capi.export_index_delete(index)
        self._indices.clear()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._component.close()
        else:  # giving 37 MB of code back takes 3 ms and no interpreter lock
            loop.run_in_executor(None, self._component.close)


class Compiler:
    """Turns verified artifacts into compiled plugins.

    Args:
        engine: the engine that the code is for.
        cache: where code is kept; `None` compiles each time.
        limits: what one compilation may use.
        screening: what a component may hold to be compiled at all.
        progress: told what is going on and for how many seconds, about once a second, while a compilation takes long.
    """

    def __init__(
        self,
        engine: Engine,
        cache: CodeCache | None = None,
        *,
        limits: CompileLimits = _LIMITS,
        screening: ScreeningLimits = _SCREENING,
        progress: Callable[[str, float], None] | None = None,
    ) -> None:
        self.engine = engine
        self.cache = cache
        self.limits = limits
        self.screening = screening
        self.progress = progress
        self._one_at_a_time = asyncio.Lock()

    async def compile(self, artifact: VerifiedArtifact) -> CompiledPlugin:
        """Compiles, or takes from the cache. One compilation runs at a time; what is in the cache does not wait for it.

        Raises:
            ArtifactRefused: not valid, too large, too expensive, or not of this contract.
        """
        if len(artifact.component) > self.limits.artifact:
            raise ArtifactRefused(
                Refusal.TOO_LARGE,
                f"{artifact.name} has {len(artifact.component):,} bytes; at most {self.limits.artifact:,} are compiled",
            )
        ready = await self._from_cache(artifact)
        if ready is not None:
            return ready
        async with self._one_at_a_time:
            ready = await self._from_cache(artifact)  # it may have been compiled while this one waited
            return ready if ready is not None else await self._anew(artifact)

    async def _from_cache(self, artifact: VerifiedArtifact) -> CompiledPlugin | None:
        sealed = await asyncio.to_thread(self.cache.load, artifact.digest) if self.cache is not None else None
        if sealed is None:
            return None
        try:
            component = await asyncio.to_thread(self._map, sealed)
        except wasmtime.WasmtimeError as error:
            _log.warning("compiled code of %s does not fit and is compiled anew: %s", artifact.name, error)
            return None
        return await self._take(artifact, component)

    async def _anew(self, artifact: VerifiedArtifact) -> CompiledPlugin:
        started = time.monotonic()
        try:
            await asyncio.to_thread(screen, artifact.component, self.screening)
        except ArtifactRefused as refused:
            raise ArtifactRefused(refused.reason, f"{artifact.name}: {refused.message}", hint=refused.hint) from None
        sealed = await compile_outside(
            artifact.name, artifact.component, self.engine.settings, self.limits, self.progress
        )
        _log.info("compiled %s in %.1f s", artifact.name, time.monotonic() - started)
        if self.cache is not None:
            await asyncio.to_thread(self.cache.store, artifact.digest, sealed)
        return await self._take(artifact, await asyncio.to_thread(self._map, sealed))

    def _map(self, sealed: SealedCode) -> stock.Component:
        """Maps code, which takes milliseconds for a language runtime and no interpreter lock."""
        try:
            return stock.Component.deserialize_file(self.engine.stock, sealed.path)
        finally:
            sealed.close()

    async def _take(self, artifact: VerifiedArtifact, component: stock.Component) -> CompiledPlugin:
        """Reads types and makes packers, for which a thread is 10 ms busy the first time, 2 ms later."""

        def take() -> CompiledPlugin:
            try:
                return CompiledPlugin(self.engine, artifact, component)
            except BaseException:
                component.close()
                raise

        return await asyncio.to_thread(take)
