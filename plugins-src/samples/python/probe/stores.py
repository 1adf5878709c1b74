"""What is kept: storage and shared."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from wasmpuck_plugin import shared, storage


def life(milliseconds: int | None) -> timedelta | None:
    """A span, or none."""
    return None if milliseconds is None else timedelta(milliseconds=milliseconds)


FUNCTIONS: dict[str, dict[str, Callable[..., Any]]] = {
    "storage": {
        "get": storage.get,
        "get-bytes": storage.get_bytes,
        "set": lambda key, value, ttl: storage.set(key, value, ttl=life(ttl)),
        "set-bytes": lambda key, value, ttl: storage.set_bytes(key, bytes(value), ttl=life(ttl)),
        "delete": storage.delete,
        "list-keys": lambda prefix: list(storage.keys(prefix)),
        "increment": lambda key, delta, ttl: storage.increment(key, delta, ttl=life(ttl)),
        "compare-and-swap": lambda key, expected, value, ttl: storage.compare_and_swap(
            key, expected, value, ttl=life(ttl)
        ),
    },
    "shared": {
        "counter-add": shared.counter_add,
        "window-add": lambda name, key, weight, span: shared.window_add(
            name, key, weight, span=timedelta(milliseconds=span)
        ),
        "set-add": lambda name, member, ttl: shared.set_add(name, member, ttl=life(ttl)),
        "set-has": shared.set_has,
        "set-remove": shared.set_remove,
        "set-size": shared.set_size,
        "top-add": lambda name, member, weight, keep: shared.top_add(name, member, weight, keep=keep),
        "top-list": shared.top_list,
        "distinct-add": shared.distinct_add,
        "distinct-count": shared.distinct_count,
        "remove": shared.remove,
    },
}
