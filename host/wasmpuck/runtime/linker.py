"""A linker that holds exactly what a plugin imports and the operator granted.

A script's runtime imports more than the script was granted: what it must not use is there, and ends the call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from wasmtime import component as stock

from wasmpuck.errors import ArtifactRefused, CallFailed, CallReason, Refusal
from wasmpuck.runtime import capi
from wasmpuck.runtime.accounting import Tally
from wasmpuck.runtime.host import HostFunction
from wasmpuck.runtime.resources import define_resource, implementation
from wasmpuck.runtime.scripts import Code, listed
from wasmpuck.runtime.values import Function

__all__ = ["PluginLinker"]


class PluginLinker:
    """Resolves the imports of one compiled plugin.

    Args:
        tally: gives the place where calls of an interface are counted.
        wrap: given each import's name (`interface.function`), type and implementation; returns what is called instead.

    Raises:
        ArtifactRefused: the plugin needs an interface that is not among `capabilities`, or a function that it does
        not have.
    """

    def __init__(
        self,
        compiled: Code,
        capabilities: Mapping[str, Any],
        wrap: Callable[[str, Function, Callable[..., Any]], Callable[..., Any]] | None = None,
        tally: Callable[[str], Tally] | None = None,
    ) -> None:
        self._tally = tally or (lambda interface: Tally())
        self._wrap = wrap
        missing = sorted(compiled.needs - set(capabilities))
        if missing:
            raise ArtifactRefused(
                Refusal.IMPORTS_NOT_GRANTED,
                f"{compiled.name} needs {', '.join(missing)}, which it is not granted: "
                f"it imports {listed(compiled.needs)} and is granted {listed(capabilities)}",
                hint=f"add it to the plugin's grants = […] if you trust it with that: {', '.join(missing)}",
            )
        self._functions: list[HostFunction] = []
        self._linker = stock.Linker(compiled.engine.stock)
        self.address = capi.address(self._linker.ptr())
        try:
            with self._linker.root() as root:
                for interface, wanted in compiled.imports.items():
                    self._define(compiled, root, interface, wanted, capabilities)
        except BaseException:
            self.close()
            raise

    def _define(self, compiled: Code, root: Any, interface: str, wanted: Any, capabilities: Mapping[str, Any]) -> None:
        granted = interface in compiled.needs
        tally = self._tally(interface)
        with root.add_instance(wanted.name) as instance:
            address = capi.address(instance.ptr())
            for name, resource in wanted.resources.items():
                define_resource(address, name, resource)
            for name, kind in wanted.functions.items():
                if granted:
                    implements = implementation(capabilities[interface], name)
                else:
                    implements = _denied(compiled.name, interface, name)
                if implements is None:
                    raise ArtifactRefused(
                        Refusal.IMPORTS_DIFFER,
                        f"{compiled.name} imports {interface}.{name}, which the contract does not have",
                    )
                if self._wrap is not None and granted:
                    implements = self._wrap(f"{interface}.{name}", kind, implements)
                function = HostFunction(
                    compiled.engine.arena,
                    f"{interface}.{name}",
                    kind,
                    implements,
                    waits=inspect.iscoroutinefunction(implements),
                    tally=tally,
                )
                self._functions.append(function)
                function.define(address, name)

    @property
    def host_calls(self) -> dict[str, int]:
        """Calls so far by `interface.function`."""
        return {function.name: function.calls for function in self._functions}

    def close(self) -> None:
        """Gives the linker back. No instance made with it may run any more."""
        self._linker.close()
        for function in self._functions:
            function.close()
        self._functions.clear()


def _denied(plugin: str, interface: str, name: str) -> Callable[..., NoReturn]:
    """Stands for an import that a script does not have."""

    def refuse(*_: object) -> NoReturn:
        raise CallFailed(
            CallReason.DENIED_IMPORT,
            f"{plugin} called {interface}.{name}, which it was not granted",
            hint=f"its manifest has to ask for {interface}, and its grants = […] have to name it",
        )

    return refuse
