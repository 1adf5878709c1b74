"""What stands between a plugin and the rest of the server: nothing, unless the author's kit simulates or records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from wasmpuck.runtime.capabilities import Context, grant
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import StoreLimits
from wasmpuck.runtime.scripts import Code
from wasmpuck.runtime.values import Function

__all__ = ["Tap"]


class Tap:
    """Passes everything through. A subclass may put something else in each place."""

    def grant(self, names: Iterable[str], context: Context) -> dict[str, Any]:
        """The capabilities of a generation, by the names of their interfaces."""
        return grant(names, context)

    def wrap(self, name: str, kind: Function, implementation: Callable[..., Any]) -> Callable[..., Any]:
        """What a guest reaches when it calls the import `name` (`interface.function`). Of a coroutine function it has
        to make a coroutine function.
        """
        return implementation

    def instance(self, compiled: Code, limits: StoreLimits) -> Instance:
        """An instance that is not instantiated yet."""
        return Instance(compiled.engine, limits, compiled.slots)
