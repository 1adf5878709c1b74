"""`wasmpuck:plugin/storage`: what a plugin may do with its own namespace, within its quotas."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from wasmpuck.runtime.accounting import RateBucket
from wasmpuck.runtime.capabilities.context import Context
from wasmpuck.runtime.capabilities.namespaces import OVERHEAD, Entry
from wasmpuck.runtime.values import Case, Err, Ok
from wasmpuck.storage.protocol import ValueKind

__all__ = ["Storage"]

KEY_BYTES: Final = 256
VALUE_BYTES: Final = 65_536
PAGE: Final = 1_000
_EXACT: Final = 2**53

_QUOTA: Final = Case("quota-exceeded")
_LARGE: Final = Case("too-large")
_RATE: Final = Case("rate-limited")
_TYPE: Final = Case("wrong-type")
_MISSING: Final = Case("missing")
_DONE: Final = Ok()


class Storage:
    """A plugin's view of its namespace, with its quotas."""

    #: WIT function names.
    functions: ClassVar = frozenset(
        {"get", "get-bytes", "set", "set-bytes", "delete", "list-keys", "increment", "compare-and-swap"}
    )

    def __init__(self, context: Context) -> None:
        self._space = context.namespace
        self._limits = context.limits
        self._monotonic = context.monotonic
        self._writes = RateBucket(context.limits.storage_writes, context.monotonic())

    def _expiry(self, ttl: int | None) -> float | None:
        return None if ttl is None else self._space.wall() + ttl / 1000

    def _put(self, key: str, kind: ValueKind, value: str | bytes | float, expires: float | None) -> Case | None:
        """Writes within the quotas; the error if it must not be."""
        key_size = len(key.encode())
        stored = str(int(value)) if isinstance(value, float) else value
        size = OVERHEAD + key_size + (len(stored) if isinstance(stored, bytes) else len(stored.encode()))
        if not 0 < key_size <= KEY_BYTES or size > OVERHEAD + key_size + VALUE_BYTES:
            return _LARGE
        if not self._writes.take(1, self._monotonic()):
            return _RATE
        space = self._space
        old = space.entries.get(key)
        grown = size - (old.size if old is not None else 0)
        if space.used + grown > self._limits.storage_bytes or (
            old is None and len(space.entries) >= self._limits.storage_keys
        ):
            space.expire()
            old = space.entries.get(key)
            grown = size - (old.size if old is not None else 0)
            if grown > 0 and space.used + grown > self._limits.storage_bytes:
                return _QUOTA
            if old is None and len(space.entries) >= self._limits.storage_keys:
                return _QUOTA
        space.put(key, Entry(kind, value, expires, size))
        return None

    def get(self, key: str) -> Case:
        """WIT `storage.get`."""
        entry = self._space.get(key)
        if entry is None:
            return _MISSING
        if entry.kind == "bytes":
            return Case("failed", _TYPE)
        return Case("found", entry.text())

    def get_bytes(self, key: str) -> Case:
        """WIT `storage.get-bytes`."""
        entry = self._space.get(key)
        return _MISSING if entry is None else Case("found", entry.stored())

    def set(self, key: str, value: str, ttl: int | None) -> Ok | Err:
        """WIT `storage.set`."""
        error = self._put(key, "text", value, self._expiry(ttl))
        return _DONE if error is None else Err(error)

    def set_bytes(self, key: str, value: bytes, ttl: int | None) -> Ok | Err:
        """WIT `storage.set-bytes`."""
        error = self._put(key, "bytes", value, self._expiry(ttl))
        return _DONE if error is None else Err(error)

    def delete(self, key: str) -> Ok | Err:
        """WIT `storage.delete`."""
        if not self._writes.take(1, self._monotonic()):
            return Err(_RATE)
        self._space.remove(key)
        return _DONE

    def list_keys(self, prefix: str, cursor: str, limit: int) -> Any:
        """WIT `storage.list-keys`."""
        keys, following = self._space.page(prefix, cursor, min(max(limit, 1), PAGE))
        return _KeyPage(keys, following)

    def increment(self, key: str, delta: float, ttl: int | None) -> Ok | Err:
        """WIT `storage.increment`."""
        if not delta.is_integer():
            return Err(Case("other", "a count is a whole number"))
        entry = self._space.get(key)
        if entry is None:
            count, expires = int(delta), self._expiry(ttl)
        elif isinstance(entry.value, float):
            count, expires = int(entry.value) + int(delta), entry.expires
        else:
            return Err(_TYPE)
        if not -_EXACT <= count <= _EXACT:
            return Err(Case("other", "the count would leave the range of exact numbers"))
        error = self._put(key, "count", float(count), expires)
        return Ok(float(count)) if error is None else Err(error)

    def compare_and_swap(self, key: str, expected: str | None, value: str, ttl: int | None) -> Case:
        """WIT `storage.compare-and-swap`."""
        entry = self._space.get(key)
        if entry is not None and entry.kind == "bytes":
            return Case("failed", _TYPE)
        if (None if entry is None else entry.text()) != expected:
            return Case("changed")
        error = self._put(key, "text", value, self._expiry(ttl))
        return Case("swapped") if error is None else Case("failed", error)


class _KeyPage:
    """WIT `storage.key-page`."""

    __slots__ = ("cursor", "keys")

    def __init__(self, keys: list[str], cursor: str) -> None:
        self.keys = keys
        self.cursor = cursor
