"""The same guests through `wasmtime.component`, the layer that everybody else uses, and through the bare C API."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import PyDLL, addressof, c_bool, c_char, c_int64, c_size_t, c_void_p, cast
from typing import Any

import wasmtime
from wasmtime import _ffi as ffi
from wasmtime import component as stock

from wasmpuck.runtime import capi
from wasmpuck.runtime.limits import CallBudget, StoreLimits

__all__ = ["BareGuest", "StockGuest", "trivial_linker"]


def trivial_linker(engine: wasmtime.Engine, component: stock.Component) -> stock.Linker:
    """A linker in which imports do nothing: numbers are 0, and functions with other results must not be called."""
    linker = stock.Linker(engine)
    resources: list[stock.ResourceType] = []
    with linker.root() as root:
        for name, extern in component.type.imports(engine).items():
            interface: Any = extern.ty
            with root.add_instance(name) as instance:
                for function, each in interface.exports(engine).items():
                    if isinstance(each.ty, stock.ResourceType):
                        if each.ty not in resources:
                            resources.append(each.ty)
                        number = resources.index(each.ty)
                        instance.add_resource(function, stock.ResourceType.host(number), _dropped)
                    elif isinstance(each.ty, stock.FuncType):
                        instance.add_func(function, _zero if isinstance(each.ty.result, stock.F64) else _nothing)
    return linker


def _zero(*arguments: object) -> float:
    return 0.0


def _dropped(store: object, number: int) -> None:
    return None


def _nothing(*arguments: object) -> None:
    return None


class StockGuest:
    """One instance of a component in a store of its own, with the same limits and budget of fuel as ours."""

    def __init__(self, engine: wasmtime.Engine, component: stock.Component, linker: stock.Linker | None = None) -> None:
        self.store = wasmtime.Store(engine)
        StoreLimits().apply(capi.address(self.store.ptr()))
        self.fuel = CallBudget().fuel
        self.store.set_fuel(self.fuel)
        self._linker = linker or stock.Linker(engine)
        self._instance = self._linker.instantiate(self.store, component)

    def function(self, interface: str, name: str) -> stock.Func:
        """An exported function; `interface` with package and version."""
        outer = self._instance.get_export_index(self.store, interface)
        index = self._instance.get_export_index(self.store, name, outer)
        found = self._instance.get_func(self.store, index) if index is not None else None
        if found is None:
            raise LookupError(f"{interface} has no function {name}")
        return found

    def close(self) -> None:
        """Drops the store."""
        self.store.close()


class BareGuest:
    """What the C API itself needs for a fresh instance and a call without arguments: the floor of `call.fresh`.

    Everything that can be is looked up before: a run is nine C calls with integers as arguments.

    Args:
        linker: with every import of the component.
        interface, name: of the function to call; it takes nothing.
        results: values that it returns, 0 or 1.
    """

    def __init__(
        self,
        engine: wasmtime.Engine,
        component: stock.Component,
        linker: stock.Linker,
        interface: str,
        name: str,
        *,
        results: int,
    ) -> None:
        index = component.get_export_index(name, component.get_export_index(interface))
        if index is None:
            raise LookupError(f"{interface} has no function {name}")
        self._kept = (engine, component, linker, index)
        self._addresses = tuple(cast(part.ptr(), c_void_p).value for part in self._kept)
        self._results = results
        self._limits, self._fuel = StoreLimits(), CallBudget().fuel
        self._space = (c_char * 128)()
        library = PyDLL(ffi.dll._name, handle=ffi.dll._handle)
        word, number = c_void_p, c_int64
        self._store_new = _bind(library, "wasmtime_store_new", word, word, word, word)
        self._limiter = _bind(library, "wasmtime_store_limiter", None, word, *[number] * 5)
        self._context = _bind(library, "wasmtime_store_context", word, word)
        self._set_fuel = _bind(library, "wasmtime_context_set_fuel", word, word, number)
        self._instantiate = _bind(library, "wasmtime_component_linker_instantiate", word, *[word] * 4)
        self._get_func = _bind(library, "wasmtime_component_instance_get_func", c_bool, *[word] * 4)
        self._call = _bind(library, "wasmtime_component_func_call", word, word, word, word, c_size_t, word, c_size_t)
        self._value_delete = _bind(library, "wasmtime_component_val_delete", None, word)
        self._store_delete = _bind(library, "wasmtime_store_delete", None, word)

    def run(self) -> None:
        """Makes a store with limits and fuel, instantiates, calls once, drops the store."""
        engine, component, linker, index = self._addresses
        limits, result = self._limits, addressof(self._space)
        instance, function = result + 32, result + 64
        store = self._store_new(engine, None, None)
        self._limiter(store, limits.memory, limits.table_elements, limits.instances, limits.tables, limits.memories)
        context = self._context(store)
        self._set_fuel(context, self._fuel)
        failed = self._instantiate(linker, context, component, instance) or not self._get_func(
            instance, context, index, function
        )
        if failed or self._call(function, context, None, 0, result, self._results):
            raise RuntimeError("the bare call failed")
        if self._results:
            self._value_delete(result)
        self._store_delete(store)


def _bind(library: PyDLL, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    function = library[name]  # a function object of our own: the package's prototypes stay as they are
    function.restype = result
    function.argtypes = list(arguments)
    return function
