"""Handles of host resources: which Python object a guest means.

Theory of operation. The library keeps each guest's handles: it gives out the numbers, knows what is owned and what is
lent, and ends a call in which a handle is forged, dropped twice, used after it was given away or passed as another
resource. For a handle it keeps a *representation*, a number that we choose and that the guest never sees; the table
here maps it to the Python object. An object is in the table from when it is handed to the guest until the guest gives
it back or drops it, or its instance is closed; then `close()` is called on it if it has such a method. The library
does not call destructors when a store ends, so the table does.

A handle crosses the boundary in a *box*, a small C object. Converting a box into a host resource takes its entry out of
the library's table, for a lent resource ends the loan; so each box is converted once, as soon as it is seen.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator
from ctypes import c_void_p
from typing import Any, Final, Generic, TypeVar

from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.runtime import capi
from wasmpuck.runtime.values import (
    Borrow,
    List,
    Ok,
    Option,
    Own,
    Record,
    Resource,
    Result,
    Tuple,
    Type,
    Variant,
    holds_handles,
    identifier,
)

__all__ = ["Handles", "Running", "begin", "close_all", "lifter", "lowerer", "resource_number", "running", "undo"]

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Running(Generic[T]):
    """The instance whose guest code is on the stack, or whose values are packed or unpacked."""

    __slots__ = ("instance",)

    def __init__(self) -> None:
        self.instance: T | None = None


#: What it holds is an `instance.Instance`; only `context`, `handles` and `limits` are used here.
running: Final[Running[Any]] = Running()

_numbers = itertools.count(1)
_known: dict[Resource, int] = {}


def resource_number(resource: Resource) -> int:
    """The number under which the library knows the type of this resource, the same as long as the process lives."""
    found = _known.get(resource)
    if found is None:
        found = _known[resource] = next(_numbers)
    return found


class Handles:
    """The host resources that one instance holds.

    Args:
        context: the store's.
        limit: how many it may hold at a time.
    """

    __slots__ = ("_context", "_given", "_lent", "_limit", "_moved", "_next", "_objects")

    def __init__(self, context: int, limit: int) -> None:
        self._context = context
        self._limit = limit
        self._next = 0
        self._objects: dict[int, Any] = {}
        #: Boxes of the value packed last, their representations, and whether they are only lent.
        self._given: list[tuple[int, int, bool]] = []
        #: The same for what is lent out for the running call.
        self._lent: list[tuple[int, int]] = []
        #: Objects that a guest has given away and that no host function has taken over yet.
        self._moved: list[Any] = []

    def __len__(self) -> int:
        return len(self._objects)

    # --- from the guest ----------------------------------------------------------------------------

    def lift(self, box: int, number: int, *, owned: bool) -> Any:
        """The object that a box stands for; an owned one leaves the table."""
        rep, kind = self._open(box)
        if kind != number or rep not in self._objects:
            raise ValueError("the handle stands for nothing that the host has given out as this resource")
        if not owned:
            return self._objects[rep]
        value = self._objects.pop(rep)
        self._moved.append(value)
        return value

    def _open(self, box: int) -> tuple[int, int]:
        """Representation and type of a box; its entry in the library's table is gone afterwards."""
        slot = c_void_p()
        error = capi.resource_any_to_host(self._context, box, slot)
        if error:
            raise ValueError(capi.error_text(error))
        rep, kind = capi.resource_host_rep(slot), capi.resource_host_type(slot)
        capi.resource_host_delete(slot)
        return rep, kind

    def taken(self) -> None:
        """A host function has taken over what the guest gave away."""
        self._moved.clear()

    def drop(self, rep: int) -> None:
        """The guest has dropped an owned handle."""
        _close(self._objects.pop(rep))

    # --- to the guest -------------------------------------------------------------------------------

    def begin(self) -> None:
        """A new value is packed: the boxes of the last one have been read."""
        for box, rep, lent in self._given:
            if lent:
                self._lent.append((box, rep))
            else:
                capi.resource_any_delete(box)
        self._given.clear()

    def lower(self, value: Any, number: int, *, owned: bool) -> int:
        """Puts an object into the table and returns the address of a box for it.

        Raises:
            CallFailed: `MEMORY`: the guest holds as many as it may.
        """
        if value is None:
            raise TypeError("a resource is needed, not None")
        if len(self._objects) >= self._limit:
            raise CallFailed(
                CallReason.MEMORY,
                f"the guest holds {len(self._objects):,} resources of the host, as many as it may",
                hint="ask its author to drop what it does not need any more",
            )
        self._next = rep = self._next % 0xFFFF_FFFF + 1
        host = c_void_p(capi.resource_host_new(True, rep, number))
        slot = c_void_p()
        error = capi.resource_host_to_any(self._context, host, slot)
        capi.resource_host_delete(host)
        if error:
            raise CallFailed(CallReason.MEMORY, f"the guest gets no further handle: {capi.error_text(error)}")
        box = slot.value or 0
        self._objects[rep] = value
        self._given.append((box, rep, not owned))
        return box

    def undo(self) -> None:
        """What was put in since `begin` comes out again: the value is packed anew, or not at all."""
        for box, rep, _ in self._given:
            del self._objects[rep]
            self._release(box)
        self._given.clear()

    def take_back(self) -> None:
        """A call has ended well: what was lent out for it is the host's again."""
        self.begin()
        for box, rep in self._lent:
            self._objects.pop(rep, None)
            self._release(box)
        self._lent.clear()

    def _release(self, box: int) -> None:
        try:
            self._open(box)
        finally:
            capi.resource_any_delete(box)

    # --- the end --------------------------------------------------------------------------------------

    def close(self) -> None:
        """The instance is gone: everything that it still held is closed, the newest first. Never raises."""
        lent = {rep for _, rep in self._lent} | {rep for _, rep, lent in self._given if lent}
        for box in [box for box, _ in self._lent] + [box for box, _, _ in self._given]:
            capi.resource_any_delete(box)
        self._lent.clear()
        self._given.clear()
        values = [value for rep, value in self._objects.items() if rep not in lent] + self._moved
        self._objects.clear()
        self._moved = []
        problems: list[Exception] = []
        for value in reversed(values):
            try:
                _close(value)
            except Exception as error:
                problems.append(error)
        if problems:  # one line however many a guest has collected
            _log.error("%d of a guest's resources could not be closed, the first:", len(problems), exc_info=problems[0])


def _close(value: Any) -> None:
    close = getattr(value, "close", None)
    if close is not None:
        close()


def _here() -> Handles:
    instance = running.instance
    if instance is None:
        raise RuntimeError("a handle was used while nothing was running")
    handles: Handles | None = instance.handles
    if handles is None:
        handles = instance.handles = Handles(instance.context, instance.limits.handles)
    return handles


def lifter(kind: Own | Borrow) -> Callable[[int], Any]:
    """What turns the address of a box into the object, for the instance that is running."""
    number, owned = resource_number(kind.resource), isinstance(kind, Own)
    return lambda box: _here().lift(box, number, owned=owned)


def lowerer(kind: Own | Borrow) -> Callable[[Any], int]:
    """What turns an object into the address of a box, for the instance that is running."""
    number, owned = resource_number(kind.resource), isinstance(kind, Own)
    return lambda value: _here().lower(value, number, owned=owned)


def begin() -> None:
    """A value with handles is going to be packed for the instance that is running."""
    _here().begin()


def undo() -> None:
    """The value did not fit: it is packed anew, or not at all."""
    _here().undo()


def close_all(kind: Type | None, value: Any) -> None:
    """Closes the resources in a value that was to pass to a guest and did not fit. Never raises."""
    with contextlib.suppress(Exception):  # the value need not be of the type: that may be why it did not fit
        for resource in _owned(kind, value):
            with contextlib.suppress(Exception):
                _close(resource)


def _owned(kind: Type | None, value: Any) -> Iterator[Any]:
    if not holds_handles(kind):
        return
    match kind:
        case Own():
            yield value
        case List(element):
            for item in value:
                yield from _owned(element, item)
        case Option(element):
            if value is not None:
                yield from _owned(element, value.value if isinstance(element, Option) else value)
        case Record(fields):
            for name, field in fields:
                yield from _owned(field, getattr(value, identifier(name)))
        case Tuple(elements):
            for element, item in zip(elements, value, strict=False):
                yield from _owned(element, item)
        case Result(ok, err):
            yield from _owned(ok if type(value) is Ok else err, value.value)
        case Variant(cases):
            yield from _owned(dict(cases).get(value.tag), value.value)
