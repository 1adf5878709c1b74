"""The engine: one configuration of wasmtime for every plugin, and what all guests of one event loop share."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version as distribution_version
from typing import Final

import wasmtime

from wasmpuck.runtime import capi
from wasmpuck.runtime.arena import Arena

__all__ = ["Engine", "EngineSettings"]

_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the compiled code and every call depend on.

    wasm_stack: bytes of guest stack; a deeper recursion traps with `stack-overflow`.
    fiber_stack: bytes of the stack that a call runs on; must exceed `wasm_stack` by what a host function needs.
    slice_fuel: fuel after which a busy guest hands the event loop back, about half a millisecond.
    call_memory: bytes that the arguments of one call may take in the host.
    """

    wasm_stack: int = 512 * 1024
    fiber_stack: int = 2 * _MIB
    slice_fuel: int = 500_000
    call_memory: int = 64 * _MIB


def _configure(settings: EngineSettings) -> wasmtime.Config:
    config = wasmtime.Config()
    config.consume_fuel = True
    config.max_wasm_stack = settings.wasm_stack
    config.wasm_component_model = True
    # What plugins do not need is attack surface. SIMD and reference types stay: toolchains emit them. `instructions`
    # and `screening` count on types of one byte: no garbage-collected and no typed references.
    config.wasm_threads = False
    config.wasm_gc = False
    config.wasm_function_references = False
    config.wasm_exceptions = False
    config.wasm_relaxed_simd = False
    config.wasm_memory64 = False
    config.wasm_multi_memory = False
    config.wasm_tail_call = False
    config.wasm_stack_switching = False
    config.wasm_wide_arithmetic = False
    config.wasm_custom_page_sizes = False
    # The same guest and fuel give the same result on every machine.
    config.cranelift_nan_canonicalization = True
    capi.config_component_async(capi.address(config.ptr()), False)
    capi.config_async_stack_size(capi.address(config.ptr()), settings.fiber_stack)
    return config


class Engine:
    """wasmtime's engine with the arena that packs values for it. Lives as long as the server.

    Used from one thread, the event loop's: calls share the arena.
    """

    def __init__(self, settings: EngineSettings = EngineSettings()) -> None:
        self.settings = settings
        self.stock = wasmtime.Engine(_configure(settings))
        self.address = capi.address(self.stock.ptr())
        self.arena = Arena(limit=settings.call_memory)

    def fingerprint(self) -> str:
        """What code depends on besides the artifact: wasmtime's version and this configuration, as a digest."""
        facts = {"wasmtime": distribution_version("wasmtime"), "format": 2, **asdict(self.settings)}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
