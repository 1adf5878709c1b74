"""Key-value storage in the plugin's own namespace (import `storage`).

All instances of the plugin, and its next generation, see the same entries at once; they survive a restart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from . import _seam
from ._times import Span, milliseconds
from .errors import HostError

__all__ = [
    "StorageError",
    "compare_and_swap",
    "delete",
    "get",
    "get_bytes",
    "get_json",
    "increment",
    "keys",
    "set",
    "set_bytes",
    "set_json",
]

_PAGE = 1000


class StorageError(HostError):
    """Why an operation was not done; nothing was changed."""

    QuotaExceeded: ClassVar[type[StorageError]]
    TooLarge: ClassVar[type[StorageError]]
    RateLimited: ClassVar[type[StorageError]]
    WrongType: ClassVar[type[StorageError]]
    Other: ClassVar[type[StorageError]]

    cases: ClassVar = {
        "quota-exceeded": "The plugin's storage is full.",
        "too-large": "The key is empty or too long, or the value is too long.",
        "rate-limited": "More writes a second than granted.",
        "wrong-type": "The stored value is not what the operation works on.",
        "other": "The storage failed.",
    }


def get(key: str) -> str | None:
    """A text, or a count as decimal digits; `None` when there is no entry."""
    found: str | None = _seam.answer(StorageError, _seam.call(StorageError, "storage.get", key))
    return found


def get_bytes(key: str) -> bytes | None:
    """A value as bytes, at about 45 ns a byte; prefer text."""
    found: bytes | None = _seam.answer(StorageError, _seam.call(StorageError, "storage.get-bytes", key))
    return found


def get_json(key: str) -> Any:
    """What `set_json` stored; `None` when there is no entry. Raises `ValueError` for what is no JSON."""
    found = get(key)
    return None if found is None else json.loads(found)


def set(key: str, value: str, *, ttl: Span | None = None) -> None:
    """Writes a text; `ttl` is its life, for ever without."""
    _seam.call(StorageError, "storage.set", key, value, _life(ttl))


def set_bytes(key: str, value: bytes, *, ttl: Span | None = None) -> None:
    """Writes bytes."""
    _seam.call(StorageError, "storage.set-bytes", key, value, _life(ttl))


def set_json(key: str, value: Any, *, ttl: Span | None = None) -> None:
    """Writes a value as JSON."""
    set(key, json.dumps(value, separators=(",", ":")), ttl=ttl)


def delete(key: str) -> None:
    """Removes an entry; no error when there is none."""
    _seam.call(StorageError, "storage.delete", key)


def keys(prefix: str = "") -> Iterator[str]:
    """Keys that start with `prefix`, in ascending order, fetched a thousand at a time."""
    cursor = ""
    while True:
        page = _seam.call(StorageError, "storage.list-keys", prefix, cursor, _PAGE)
        yield from page.keys
        cursor = page.cursor
        if not cursor:
            return


def increment(key: str, delta: float = 1, *, ttl: Span | None = None) -> float:
    """Adds to a count, atomically, and returns what it is then. `ttl` holds only when the entry is created."""
    found: float = _seam.call(StorageError, "storage.increment", key, float(delta), _life(ttl))
    return found


def compare_and_swap(key: str, expected: str | None, value: str, *, ttl: Span | None = None) -> bool:
    """Writes `value` if the entry holds exactly `expected` (`None`: if there is none); whether it did."""
    case = _seam.call(StorageError, "storage.compare-and-swap", key, expected, value, _life(ttl))
    _seam.answer(StorageError, case)
    return bool(case.tag == "swapped")


def _life(ttl: Span | None) -> int | None:
    return None if ttl is None else milliseconds(ttl)
