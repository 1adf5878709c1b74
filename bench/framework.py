"""Guests behind the whole framework, without a server around it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

from wasmtime import component as stock

from wasmpuck.runtime import capi
from wasmpuck.runtime.accounting import Account, RateBucket
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.engine import Engine
from wasmpuck.runtime.export import Export
from wasmpuck.runtime.host import HostFunction
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import CallBudget, PoolSettings, StoreLimits
from wasmpuck.runtime.marshal import packer, unpacker
from wasmpuck.runtime.pool import Pool
from wasmpuck.runtime.resources import define_resource
from wasmpuck.runtime.values import Function, Primitive, Resource, function_type

__all__ = ["Prepared", "pool", "trivial_imports"]

#: Never in debt: the share of the processor is not what is measured.
_UNBOUND = 1e9
_BUDGET = CallBudget()
_ONE = PoolSettings(size=1)


def trivial_imports() -> dict[str, dict[str, Callable[..., Any]]]:
    """Every import of the contract, doing nothing: numbers are 0, functions with other results must not be called."""

    def work(kind: Function) -> Callable[..., Any]:
        answer = 0.0 if kind.result == Primitive("f64") else None
        return lambda *arguments: answer

    return {
        name: {function: work(kind) for function, kind in interface.functions.items()}
        for name, interface in load_contract().items()
    }


class Prepared:
    """A component with its exports and imports resolved as a plugin's are.

    The compiler takes only the plugin contract's interfaces; the guests that are measured here have some of their own.

    Args:
        component: its bytes.
        imports: host functions by interface (`clock`) and WIT name.
    """

    def __init__(
        self, engine: Engine, component: bytes, imports: Mapping[str, Mapping[str, Callable[..., Any]]] | None = None
    ) -> None:
        self.engine = engine
        self.component = stock.Component(engine.stock, component)
        self.address = capi.address(self.component.ptr())
        self._indices: list[int] = []
        self._functions: list[HostFunction] = []
        self._known: list[tuple[Resource, stock.ResourceType]] = []
        self._linker = stock.Linker(engine.stock)
        with self._linker.root() as root:
            for name, extern in self.component.type.imports(engine.stock).items():
                self._define(root, name, extern.ty, (imports or {})[name.partition("/")[2].partition("@")[0]])
        self.linker = capi.address(self._linker.ptr())
        self.exports: dict[str, Export] = {}
        for name, extern in self.component.type.exports(engine.stock).items():
            interface: Any = extern.ty
            outer = self._index(0, name)
            for function, each in interface.exports(engine.stock).items():
                if isinstance(each.ty, stock.FuncType):
                    kind = function_type(each.ty, self._known)
                    self.exports[function] = Export(
                        function,
                        len(self.exports),
                        self._index(outer, function),
                        packer(engine.arena, kind, function),
                        unpacker(kind),
                        returns=kind.result is not None,
                    )

    def _index(self, parent: int, name: str) -> int:
        text = name.encode()
        index = int(capi.get_export_index(self.address, parent or None, text, len(text)))
        self._indices.append(index)
        return index

    def _define(self, root: Any, name: str, interface: Any, functions: Mapping[str, Callable[..., Any]]) -> None:
        items = interface.exports(self.engine.stock).items()
        with root.add_instance(name) as target:
            address = capi.address(target.ptr())
            for label, each in items:
                if isinstance(each.ty, stock.ResourceType):
                    known = [resource for resource, kind in self._known if kind == each.ty]
                    resource = known[0] if known else Resource(name, label)
                    self._known.append((resource, each.ty))
                    define_resource(address, label, resource)
            for function, each in items:
                if not isinstance(each.ty, stock.FuncType):
                    continue
                work = functions[function]
                waits = inspect.iscoroutinefunction(work)
                kind = function_type(each.ty, self._known)
                made = HostFunction(self.engine.arena, function, kind, work, waits=waits)
                self._functions.append(made)
                made.define(address, function)

    async def instance(self, *, watch_memory: bool = False) -> Instance:
        """A fresh instance; plugins' instances that live for more than a call watch their memory."""
        made = Instance(self.engine, StoreLimits(), len(self.exports))
        await made.instantiate(self.linker, self.address, CallBudget(), watch_memory=watch_memory)
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._linker.close()
        for function in self._functions:
            function.close()
        for index in self._indices:
            capi.export_index_delete(index)
        self.component.close()


def pool(
    prepared: Prepared,
    budget: CallBudget = _BUDGET,
    settings: PoolSettings = _ONE,
    *,
    watch_memory: bool = True,
) -> Pool:
    """The pool that a plugin has: budget, deadline, accounting, replacement after failures, an eye on memory."""
    return Pool(
        "measured",
        partial(prepared.instance, watch_memory=watch_memory and settings.mode != "fresh"),
        prepared.exports,
        settings,
        budget=budget,
        account=Account("measured"),
        processor=RateBucket(_UNBOUND, time.monotonic()),
    )
