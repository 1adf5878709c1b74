"""Counting structures in the server's memory, which all instances of a plugin see at once (import `shared`).

A structure is made by its first use. A name of the form `SCOPE/NAME` belongs to a scope that the operator shares among
plugins. Nothing survives a restart of the server.
"""

from __future__ import annotations

from typing import ClassVar

from . import _seam
from ._times import Span, milliseconds
from .errors import HostError

__all__ = [
    "SharedError",
    "counter_add",
    "distinct_add",
    "distinct_count",
    "remove",
    "set_add",
    "set_has",
    "set_remove",
    "set_size",
    "top_add",
    "top_list",
    "window_add",
]


class SharedError(HostError):
    """Why an operation was not done; nothing was changed."""

    WrongKind: ClassVar[type[SharedError]]
    QuotaExceeded: ClassVar[type[SharedError]]
    TooLarge: ClassVar[type[SharedError]]
    NotAllowed: ClassVar[type[SharedError]]
    BadValue: ClassVar[type[SharedError]]
    Other: ClassVar[type[SharedError]]

    cases: ClassVar = {
        "wrong-kind": "A structure of this name is of another kind.",
        "quota-exceeded": "As many structures or bytes as granted exist already.",
        "too-large": "A name, a key or a member is empty or too long.",
        "not-allowed": "The scope is not among those that the operator lists.",
        "bad-value": "A number is not finite or negative, or a span is 0 or longer than a day.",
        "other": "The operation was not done.",
    }


def _float(function: str, *arguments: object) -> float:
    found: float = _seam.call(SharedError, f"shared.{function}", *arguments)
    return found


def counter_add(name: str, delta: float = 1) -> float:
    """Adds to a counter and returns what it is then; 0 reads it."""
    return _float("counter-add", name, float(delta))


def window_add(name: str, key: str, weight: float = 1, *, span: Span) -> float:
    """Adds to what happened under a key within the last `span`, and returns the sum; 0 reads it."""
    return _float("window-add", name, key, float(weight), milliseconds(span))


def set_add(name: str, member: str, *, ttl: Span | None = None) -> bool:
    """Puts a member into a set, for ever without `ttl`, or renews it; whether it was new."""
    return bool(_float("set-add", name, member, None if ttl is None else milliseconds(ttl)))


def set_has(name: str, member: str) -> bool:
    """Whether a set has a member that has not expired."""
    return bool(_float("set-has", name, member))


def set_remove(name: str, member: str) -> bool:
    """Takes a member out; whether it was there."""
    return bool(_float("set-remove", name, member))


def set_size(name: str) -> int:
    """How many members a set has that have not expired."""
    return int(_float("set-size", name))


def top_add(name: str, member: str, weight: float = 1, *, keep: int) -> None:
    """Counts a member among the `keep` heaviest."""
    _seam.call(SharedError, "shared.top-add", name, member, float(weight), keep)


def top_list(name: str, count: int) -> list[tuple[str, float]]:
    """The heaviest members with their weights, heaviest first."""
    return [(member, weight) for member, weight in _seam.call(SharedError, "shared.top-list", name, count)]


def distinct_add(name: str, member: str) -> None:
    """Counts a member among the different ones."""
    _seam.call(SharedError, "shared.distinct-add", name, member)


def distinct_count(name: str) -> float:
    """About how many different members there were, within 1.6 per cent."""
    return _float("distinct-count", name)


def remove(name: str) -> bool:
    """Removes a structure of the plugin's own; whether there was one."""
    return bool(_float("remove", name))
