"""Beginning, end and health of a plugin (export `lifecycle`). Every function is optional.

An exception in `init`, `start` and `self_test` is the failure that the contract has for it, with the traceback in the
log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

from . import _registry
from ._reading import BadSettings, Problem
from .errors import PluginError

__all__ = ["BadSettings", "Config", "Degraded", "Failing", "Problem", "Reason", "Unavailable", "health", "init"]
__all__ += ["self_test", "shutdown", "start", "validate"]

Config: TypeAlias = dict[str, Any]
"""The plugin's table of the configuration."""

Reason: TypeAlias = Literal["replaced", "disabled", "server-stopping"]


class Unavailable(PluginError):
    """Raised by `init` and `start`: something that the plugin needs is not there."""


@dataclass(frozen=True)
class Degraded:
    """It works, but not fully; why."""

    why: str


@dataclass(frozen=True)
class Failing:
    """It does not work; why."""

    why: str


_Init = TypeVar("_Init", bound=Callable[[Config], None])
_Validate = TypeVar("_Validate", bound=Callable[[Config], Iterable[Problem]])
_Plain = TypeVar("_Plain", bound=Callable[[], None])
_Health = TypeVar("_Health", bound=Callable[[], Degraded | Failing | None])
_Shutdown = TypeVar("_Shutdown", bound=Callable[[Reason], None])


def init(function: _Init) -> _Init:
    """Decorates the function that takes the configuration, once on every instance, after the typed settings did."""
    _registry.once("lifecycle.init", function)
    return function


def validate(function: _Validate) -> _Validate:
    """Decorates a function that finds problems of a configuration besides those of the typed settings."""
    _registry.once("lifecycle.validate", function)
    return function


def start(function: _Plain) -> _Plain:
    """Decorates the function that is called once when the plugin goes into service."""
    _registry.once("lifecycle.start", function)
    return function


def health(function: _Health) -> _Health:
    """Decorates the function that says how the plugin is: `None` for healthy. An exception is `Failing`."""
    _registry.once("lifecycle.health", function)
    return function


def self_test(function: _Plain) -> _Plain:
    """Decorates the function that tries the plugin on data of its own; it fails by an exception (`assert` will do)."""
    _registry.once("lifecycle.self-test", function)
    return function


def shutdown(function: _Shutdown) -> _Shutdown:
    """Decorates the function that is called once when the plugin goes out of service."""
    _registry.once("lifecycle.shutdown", function)
    return function
