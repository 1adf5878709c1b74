"""Randomness: `os.urandom`, `secrets` and `uuid` over the contract's `random`, and `random` seeded from it.

Without this every instance would draw the same numbers: the generator's state is part of the snapshot.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

from .phase import Phase

__all__ = ["install"]

_urandom = os.urandom
_generator = random._inst  # type: ignore[attr-defined]


class _Seed:
    done = False


def _random_bytes(count: int, /) -> bytes:
    if not Phase.live:
        return _urandom(count)
    from wasmpuck_plugin import random as contract

    return contract.randbytes(count)


def _seeded(original: Callable[..., Any]) -> Callable[..., Any]:
    """Seeds the common generator before the first number is drawn."""

    def draw(*arguments: Any, **named: Any) -> Any:
        if Phase.live and not _Seed.done:
            _generator.seed(int.from_bytes(_random_bytes(32)))
            _Seed.done = True
        return original(*arguments, **named)

    draw.__name__ = draw.__qualname__ = original.__name__
    return draw


def _seed(a: Any = None, version: int = 2) -> None:
    _generator.seed(int.from_bytes(_random_bytes(32)) if a is None else a, version)
    _Seed.done = True


class _Random(random.Random):
    """A generator of one's own: seeded from the contract unless told otherwise."""

    def __init__(self, x: Any = None) -> None:
        super().__init__(0 if x is None else x)
        if x is None:
            self.seed()

    def seed(self, a: Any = None, version: int = 2) -> None:
        super().seed(int.from_bytes(_random_bytes(32)) if a is None and Phase.live else a or 0, version)


def install() -> None:
    """Puts the replacements into the modules."""
    os.urandom = _random_bytes  # type: ignore[assignment]
    random._urandom = _random_bytes  # type: ignore[attr-defined]
    for name in random.__all__:
        original = getattr(random, name)
        if getattr(original, "__self__", None) is _generator and name not in ("seed", "setstate"):
            setattr(random, name, _seeded(original))
    random.seed = _seed
    _Random.__name__ = _Random.__qualname__ = "Random"
    _Random.__module__ = "random"
    random.Random = _Random  # type: ignore[misc]
