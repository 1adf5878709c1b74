"""VerifiedArtifact → CompiledPlugin: compile outside the server or take from the cache, then audit what it imports
and exports.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import wasmtime
from wasmtime import component as stock

from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.runtime import capi
from wasmpuck.runtime.cache import CodeCache, SealedCode
from wasmpuck.runtime.contract import PACKAGE, load_contract
from wasmpuck.runtime.engine import Engine
from wasmpuck.runtime.instance import Export
from wasmpuck.runtime.marshal import packer, unpacker
from wasmpuck.runtime.values import Function, UnsupportedType, function_type
from wasmpuck.trust import VerifiedArtifact

__all__ = ["CompileLimits", "CompiledPlugin", "Compiler", "Import"]

_log = logging.getLogger(__name__)

#: The newest version of the contract that this host speaks.
CONTRACT_VERSION: Final = (0, 1, 0)


@dataclass(frozen=True, slots=True)
class CompileLimits:
    """What compiling one artifact may use.

    artifact: bytes of the component.
    processor: seconds of processor time.
    wall: seconds of wall-clock time.
    memory: bytes of address space of the compiling process.
    """

    artifact: int = 64 << 20
    processor: int = 120
    wall: float = 180.0
    memory: int = 4 << 30


@dataclass(frozen=True, slots=True)
class Import:
    """An imported interface: `functions` by WIT name with their component types."""

    name: str
    functions: Mapping[str, Function]


class CompiledPlugin:
    """Machine code of a verified artifact, with its imports and exports known.

    Attributes:
        artifact: what it was compiled from.
        imports: interfaces by short name (`log`).
        exports: functions by `interface.function`.
        worlds: exported interfaces by short name, sorted.
    """

    def __init__(self, engine: Engine, artifact: VerifiedArtifact, component: stock.Component) -> None:
        self.engine = engine
        self.artifact = artifact
        self._component = component
        self._indices: list[int] = []
        self.address = capi.address(component.ptr())
        kind = component.type
        self.imports = self._read_imports(kind)
        self.exports = self._read_exports(kind)
        self.worlds = sorted({name.partition(".")[0] for name in self.exports})

    @property
    def name(self) -> str:
        return self.artifact.name

    def _interface(self, name: str, what: str) -> str:
        """`wasmpuck:plugin/log@0.1.0` → `log`; refuses other packages and newer versions."""
        package, slash, rest = name.partition("/")
        interface, _, version = rest.partition("@")
        if package != PACKAGE or not slash:
            raise ArtifactRefused(
                Refusal.IMPORTS_DIFFER,
                f"{self.name} {what} {name}, which is not part of the plugin contract",
                hint=f"plugins {what.rstrip('s')} interfaces of {PACKAGE} only; build without WASI",
            )
        try:
            wanted = tuple(int(part) for part in version.split("-")[0].split("."))
        except ValueError:
            wanted = ()
        if len(wanted) != 3 or wanted[:2] != CONTRACT_VERSION[:2] or wanted > CONTRACT_VERSION:
            ours = ".".join(map(str, CONTRACT_VERSION))
            raise ArtifactRefused(
                Refusal.CONTRACT_VERSION,
                f"{self.name} {what} {name}, but this server speaks version {ours} of the contract",
                hint="update the server, or build the plugin against the older contract",
            )
        return interface

    def _functions(self, item: Any, name: str) -> dict[str, Function]:
        functions: dict[str, Function] = {}
        for function, extern in item.exports(self.engine.stock).items():
            kind = extern.ty
            if isinstance(kind, stock.FuncType):
                try:
                    functions[function] = function_type(kind)
                except UnsupportedType as error:
                    raise ArtifactRefused(Refusal.IMPORTS_DIFFER, f"{self.name}: {name}.{function}: {error}") from None
        return functions

    def _agree(self, interface: str, functions: Mapping[str, Function], refusal: Refusal) -> None:
        """Each function has the contract's type: what the worlds and capabilities count on."""
        known = load_contract().get(interface)
        if known is None:
            raise ArtifactRefused(refusal, f"{self.name}: the contract has no interface {interface}")
        for name, kind in functions.items():
            if known.functions.get(name) != kind:
                raise ArtifactRefused(
                    refusal,
                    f"{self.name}: {interface}.{name} does not have the type that the contract gives it",
                    hint="build the plugin against the wit/ folder of this server's version",
                )

    def _read_imports(self, kind: Any) -> dict[str, Import]:
        imports: dict[str, Import] = {}
        for name, extern in kind.imports(self.engine.stock).items():
            item = extern.ty
            interface = self._interface(name, "imports")
            if not isinstance(item, stock.ComponentInstanceType):
                raise ArtifactRefused(
                    Refusal.IMPORTS_DIFFER, f"{self.name} imports {name}, which is not an interface of the contract"
                )
            functions = self._functions(item, interface)
            self._agree(interface, functions, Refusal.IMPORTS_DIFFER)
            imports[interface] = Import(name, functions)
        return imports

    def _read_exports(self, kind: Any) -> dict[str, Export]:
        exports: dict[str, Export] = {}
        for name, extern in kind.exports(self.engine.stock).items():
            item = extern.ty
            # Language runtimes export more than the contract asks for; only the contract's interfaces are looked at.
            if not isinstance(item, stock.ComponentInstanceType) or not name.startswith(PACKAGE + "/"):
                continue
            interface = self._interface(name, "exports")
            functions = self._functions(item, interface)
            self._agree(interface, functions, Refusal.EXPORTS_MISSING)
            lacking = sorted(set(load_contract()[interface].functions) - set(functions))
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
                )
        return exports

    def _index(self, parent: int, name: str) -> int:
        text = name.encode()
        index = capi.get_export_index(self.address, parent or None, text, len(text))
        if not index:
            raise ArtifactRefused(Refusal.EXPORTS_MISSING, f"{self.name} does not export {name}")
        self._indices.append(index)
        return int(index)

    def close(self) -> None:
        """Gives the code back. No instance may be left."""
        for index in self._indices:
            capi.export_index_delete(index)
        self._indices.clear()
        self._component.close()


class Compiler:
    """Turns verified artifacts into compiled plugins.

    Args:
        engine: the engine that the code is for.
        cache: where code is kept; `None` compiles each time.
        progress: told what is going on and for how many seconds, about once a second, while a compilation takes long.
    """

    def __init__(
        self,
        engine: Engine,
        cache: CodeCache | None = None,
        *,
        limits: CompileLimits = CompileLimits(),
        progress: Callable[[str, float], None] | None = None,
    ) -> None:
        self.engine = engine
        self.cache = cache
        self.limits = limits
        self.progress = progress
        self._one_at_a_time = asyncio.Lock()

    async def compile(self, artifact: VerifiedArtifact) -> CompiledPlugin:
        """Compiles, or takes from the cache.

        Raises:
            ArtifactRefused: not valid, too large, too expensive, or not of this contract.
        """
        if len(artifact.component) > self.limits.artifact:
            raise ArtifactRefused(
                Refusal.TOO_LARGE,
                f"{artifact.name} has {len(artifact.component):,} bytes; at most {self.limits.artifact:,} are compiled",
            )
        async with self._one_at_a_time:
            sealed = await asyncio.to_thread(self.cache.load, artifact.digest) if self.cache is not None else None
            if sealed is not None:
                try:
                    return self._load(artifact, sealed)
                except wasmtime.WasmtimeError as error:
                    _log.warning("compiled code of %s does not fit and is compiled anew: %s", artifact.name, error)
            code = await self._compile_outside(artifact)
            if self.cache is None:
                sealed = SealedCode(code)
            else:
                sealed = await asyncio.to_thread(self.cache.store, artifact.digest, code)
            return self._load(artifact, sealed)

    def _load(self, artifact: VerifiedArtifact, sealed: SealedCode) -> CompiledPlugin:
        try:
            component = stock.Component.deserialize_file(self.engine.stock, sealed.path)
        finally:
            sealed.close()
        try:
            return CompiledPlugin(self.engine, artifact, component)
        except BaseException:
            component.close()
            raise

    async def _compile_outside(self, artifact: VerifiedArtifact) -> bytes:
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "wasmpuck.runtime.compiler",
            json.dumps({"engine": asdict(self.engine.settings), "limits": asdict(self.limits)}),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        work = asyncio.ensure_future(process.communicate(bytes(artifact.component)))
        try:
            while not work.done():
                await asyncio.wait([work], timeout=1.0)
                passed = time.monotonic() - started
                if not work.done() and self.progress is not None:
                    self.progress(f"compiling {artifact.name}", passed)
                if not work.done() and passed > self.limits.wall:
                    raise self._too_expensive(artifact, f"longer than {self.limits.wall:g} s")
            code, complaint = await work
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            if not work.done():
                work.cancel()
        if process.returncode == 0:
            _log.info("compiled %s in %.1f s", artifact.name, time.monotonic() - started)
            return code
        text = complaint.decode("utf-8", "replace").strip()
        if process.returncode == 3:
            raise ArtifactRefused(
                Refusal.COMPILE_FAILED,
                f"{artifact.name} is not a valid component: {text.splitlines()[0] if text else '?'}",
            )
        last = text.splitlines()[-1] if text else "without a word"
        raise self._too_expensive(artifact, f"the compiler ended with status {process.returncode}: {last}")

    def _too_expensive(self, artifact: VerifiedArtifact, detail: str) -> ArtifactRefused:
        limits = self.limits
        return ArtifactRefused(
            Refusal.COMPILE_FAILED,
            f"compiling {artifact.name} took more than it may ({detail})",
            hint=f"the limits are {limits.processor} s of processor time and {limits.memory >> 20:,} MiB of memory",
        )
