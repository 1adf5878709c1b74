"""Resources of the contract, as capabilities implement them.

A capability names its resources in `resources = {"cursor": Cursor}`, WIT name to Python class. The functions of a
resource are found so:

- ``[method]cursor.next``: `Cursor.next(self, …)`;
- ``[constructor]cursor``: the capability's `new_cursor(…)` if it has one, else `Cursor(…)`;
- ``[static]cursor.merge``: the capability's `cursor_merge(…)` if it has one, else `Cursor.merge(…)`.

Any of them but the constructor may be a coroutine function (a constructor too, as `new_cursor`). Functions get and
return the objects themselves. What a guest drops, and what it still holds when its instance is closed, gets its
`close()` called, if there is one; `close` must not block, and an object is handed out once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.runtime import capi
from wasmpuck.runtime.handles import resource_number
from wasmpuck.runtime.host import CALL_FUEL, running
from wasmpuck.runtime.values import Resource, identifier

__all__ = ["define_resource", "implementation"]


def implementation(capability: Any, name: str) -> Callable[..., Any] | None:
    """What implements the WIT function `name`, or `None`: a method of the capability or of one of its classes."""
    if name.startswith("["):
        return _of_resource(capability, name)
    return getattr(capability, name.replace("-", "_"), None) if name in capability.functions else None


def _of_resource(capability: Any, name: str) -> Callable[..., Any] | None:
    role, _, rest = name[1:].partition("]")
    label, _, function = rest.partition(".")
    owner = getattr(capability, "resources", {}).get(label)
    found: Callable[..., Any] | None = None
    if owner is not None and role == "constructor":
        found = getattr(capability, f"new_{identifier(label)}", owner)
    elif owner is not None and role == "method":
        found = getattr(owner, identifier(function), None)
    elif owner is not None and role == "static":
        found = getattr(capability, f"{identifier(label)}_{identifier(function)}", None)
        found = found or getattr(owner, identifier(function), None)
    return found


def define_resource(linker_instance: int, name: str, resource: Resource) -> None:
    """Adds a resource type to an instance of a linker under its WIT name."""
    kind = capi.resource_type_new_host(resource_number(resource))
    text = name.encode()
    try:
        error = capi.add_resource(linker_instance, text, len(text), kind, _DROPPED, None, None)
    finally:
        capi.resource_type_delete(kind)
    if error:
        raise CallFailed(CallReason.HOST_ERROR, f"cannot define {name}: {capi.error_text(error)}")


def _on_drop(data: int | None, context: int, rep: int) -> int:
    """A guest has dropped an owned handle."""
    instance = running.instance
    try:
        if instance is not None and instance.handles is not None:
            instance.fuel_debt += CALL_FUEL
            instance.handles.drop(rep)
        return 0
    except BaseException as error:  # nothing may cross the C boundary
        if instance is not None:
            instance.fail(error, "dropping a resource")
        return capi.new_error("dropping a resource failed")


# The library keeps this address: it must live as long as the process.
_DROPPED: Final = capi.Destructor(_on_drop)
