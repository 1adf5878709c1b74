"""What there is no operating system for: a `PermissionError` instead of a trap, which would end the instance.

Also for the interpreter's own sake: to report an error of syntax it opens the file, which traps unless it is denied.
"""

from __future__ import annotations

import builtins
import io
import os
import posix
import sys
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any

from .phase import Phase

__all__ = ["install"]

_HARMLESS = {"fspath", "strerror", "urandom", "fsencode", "fsdecode"}
_EVENTS = (
    "open", "os.", "socket.", "subprocess.", "shutil.", "glob.", "tempfile.", "ctypes.", "fcntl.", "signal.",
)  # fmt: skip


def _denied(module: str, original: Callable[..., Any]) -> Callable[..., Any]:
    name = f"{module}.{original.__name__}"

    def deny(*arguments: Any, **named: Any) -> Any:
        if not Phase.live:
            return original(*arguments, **named)
        raise PermissionError(f"a plugin has no operating system: {name} cannot be used")

    deny.__name__ = deny.__qualname__ = original.__name__
    return deny


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if Phase.live and (event.startswith(_EVENTS) or (event == "sqlite3.connect" and arguments[0] != ":memory:")):
        raise PermissionError(f"a plugin has no operating system: {event} cannot be used")


def install() -> None:
    """Denies from the first call on."""
    for name, original in list(vars(posix).items()):
        if isinstance(original, BuiltinFunctionType) and name not in _HARMLESS:
            instead = _denied("os", original)
            setattr(posix, name, instead)
            if vars(os).get(name) is original:
                setattr(os, name, instead)
    builtins.open = io.open = _denied("builtins", open)  # type: ignore[assignment]
    sys.addaudithook(_audit)
