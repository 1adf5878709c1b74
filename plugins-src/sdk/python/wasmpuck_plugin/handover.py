"""Handing something over to the plugin's next generation (export `handover`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from . import _registry

__all__ = ["prepare", "restore"]

_Prepare = TypeVar("_Prepare", bound=Callable[[], str] | Callable[[], str | None])
_Restore = TypeVar("_Restore", bound=Callable[[str], None])


def prepare(function: _Prepare) -> _Prepare:
    """Decorates the function that says what the next generation shall know (at most 1,048,576 bytes; `None`:
    nothing).
    """
    _registry.once("handover.prepare-swap", function)
    return function


def restore(function: _Restore) -> _Restore:
    """Decorates the function that takes what the generation before prepared, on every instance, after `init`."""
    _registry.once("handover.restore", function)
    return function
