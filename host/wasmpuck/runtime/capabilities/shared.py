"""`wasmpuck:plugin/shared`: counting structures in the server's memory, within a plugin's quotas."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeVar

from wasmpuck.runtime.capabilities.commons import Space
from wasmpuck.runtime.capabilities.context import Context
from wasmpuck.runtime.capabilities.structures import Counter, Distinct, Members, Structure, Top, Window
from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["Shared"]

_NAME_BYTES: Final = 128
_MEMBER_BYTES: Final = 256
_DAY: Final = 86_400_000
_MOST_KEPT: Final = 1_000

_KIND: Final = Err(Case("wrong-kind"))
_QUOTA: Final = Err(Case("quota-exceeded"))
_LARGE: Final = Err(Case("too-large"))
_FOREIGN: Final = Err(Case("not-allowed"))
_VALUE: Final = Err(Case("bad-value"))

_Kind = TypeVar("_Kind", bound=Structure)


class _Refused(Exception):
    """An operation that is not done; the error says why."""

    def __init__(self, error: Err) -> None:
        super().__init__()
        self.error = error


def _answering(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(self: Shared, *arguments: Any) -> Ok | Err:
        try:
            return Ok(function(self, *arguments))
        except _Refused as refused:
            return refused.error

    run.__doc__ = function.__doc__
    run.__wrapped__ = function  # type: ignore[attr-defined]  # as functools.wraps does, for signatures
    return run


class Shared:
    """A plugin's view of its own space and of the scopes that its operator lists."""

    #: WIT function names.
    functions: ClassVar = frozenset(
        {
            "counter-add",
            "window-add",
            "set-add",
            "set-has",
            "set-remove",
            "set-size",
            "top-add",
            "top-list",
            "distinct-add",
            "distinct-count",
            "remove",
        }
    )

    def __init__(self, context: Context) -> None:
        self._commons = context.commons
        self._plugin = context.plugin
        self._scopes = context.shared_scopes
        self._bytes = context.limits.shared_bytes
        self._most = context.limits.shared_structures
        self._monotonic = context.monotonic

    # --- names, kinds and room -------------------------------------------------------------------

    def _space(self, name: str) -> tuple[Space, str]:
        if not 0 < len(name.encode()) <= _NAME_BYTES:
            raise _Refused(_LARGE)
        scope, slash, rest = name.partition("/")
        if not slash:
            return self._commons.own(self._plugin), name
        if scope not in self._scopes:
            raise _Refused(_FOREIGN)
        if not rest:
            raise _Refused(_LARGE)
        return self._commons.scope(scope), rest

    def _find(self, name: str, kind: type[_Kind]) -> _Kind | None:
        space, rest = self._space(name)
        return self._of_kind(space.structures.get(rest), kind)

    @staticmethod
    def _of_kind(found: Structure | None, kind: type[_Kind]) -> _Kind | None:
        if found is not None and not isinstance(found, kind):
            raise _Refused(_KIND)
        return found

    def _take(self, name: str, kind: type[_Kind], make: Callable[[], _Kind], member: str, now: float) -> _Kind:
        """The structure of this name, made if need be, with room for the member."""
        space, rest = self._space(name)
        found = self._of_kind(space.structures.get(rest), kind)
        structure = found if found is not None else make()
        grown = structure.grows(member, now)
        if found is None:
            if len(space.structures) >= self._most:
                raise _Refused(_QUOTA)
            grown += space.price(rest) + structure.size
        if grown and not space.has_room(grown, self._bytes, now):
            raise _Refused(_QUOTA)
        if found is None:
            space.structures[rest] = structure
        return structure

    @staticmethod
    def _member(member: str) -> None:
        if not 0 < len(member.encode()) <= _MEMBER_BYTES:
            raise _Refused(_LARGE)

    @staticmethod
    def _positive(weight: float) -> None:
        if not (math.isfinite(weight) and weight >= 0):
            raise _Refused(_VALUE)

    # --- the interface ---------------------------------------------------------------------------

    @_answering
    def counter_add(self, name: str, delta: float) -> float:
        """WIT `shared.counter-add`."""
        if not math.isfinite(delta):
            raise _Refused(_VALUE)
        counter = self._take(name, Counter, Counter, "", self._monotonic())
        if not math.isfinite(counter.value + delta):
            raise _Refused(_VALUE)
        counter.value += delta
        return counter.value

    @_answering
    def window_add(self, name: str, key: str, weight: float, span: int) -> float:
        """WIT `shared.window-add`."""
        self._member(key)
        self._positive(weight)
        if not 0 < span <= _DAY:
            raise _Refused(_VALUE)
        now = self._monotonic()
        if not weight:
            known = self._find(name, Window)
            return known.add(key, 0.0, now) if known is not None else 0.0
        return self._take(name, Window, lambda: Window(span / 1000), key, now).add(key, weight, now)

    @_answering
    def set_add(self, name: str, member: str, ttl: int | None) -> bool:
        """WIT `shared.set-add`."""
        self._member(member)
        now = self._monotonic()
        ends = math.inf if ttl is None else now + ttl / 1000
        return self._take(name, Members, Members, member, now).add(member, ends, now)

    @_answering
    def set_has(self, name: str, member: str) -> bool:
        """WIT `shared.set-has`."""
        self._member(member)
        found = self._find(name, Members)
        return found is not None and found.has(member, self._monotonic())

    @_answering
    def set_remove(self, name: str, member: str) -> bool:
        """WIT `shared.set-remove`."""
        self._member(member)
        found = self._find(name, Members)
        return found is not None and found.remove(member, self._monotonic())

    @_answering
    def set_size(self, name: str) -> int:
        """WIT `shared.set-size`."""
        found = self._find(name, Members)
        return found.count(self._monotonic()) if found is not None else 0

    @_answering
    def top_add(self, name: str, member: str, weight: float, keep: int) -> None:
        """WIT `shared.top-add`."""
        self._member(member)
        self._positive(weight)
        if not 0 < keep <= _MOST_KEPT:
            raise _Refused(_VALUE)
        self._take(name, Top, lambda: Top(keep), member, self._monotonic()).add(member, weight)

    @_answering
    def top_list(self, name: str, count: int) -> list[tuple[str, float]]:
        """WIT `shared.top-list`."""
        found = self._find(name, Top)
        return found.heaviest(count) if found is not None else []

    @_answering
    def distinct_add(self, name: str, member: str) -> None:
        """WIT `shared.distinct-add`."""
        self._member(member)
        self._take(name, Distinct, Distinct, member, self._monotonic()).add(member)

    @_answering
    def distinct_count(self, name: str) -> float:
        """WIT `shared.distinct-count`."""
        found = self._find(name, Distinct)
        return found.count() if found is not None else 0.0

    @_answering
    def remove(self, name: str) -> bool:
        """WIT `shared.remove`."""
        space, rest = self._space(name)
        if "/" in name:
            raise _Refused(_FOREIGN)
        return space.structures.pop(rest, None) is not None
