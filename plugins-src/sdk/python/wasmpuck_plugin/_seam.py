"""Where this package meets a host: the server's, or the simulation's in `testing`.

Values cross as the contract's types say: records as objects with attributes, enums as their names, variants as `Case`,
options as the value or `None`, a result as its good side or as the exception `Refused`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol, TypeVar

from .errors import HostError, NotGranted, OutsideServer

__all__ = ["Case", "Host", "Refused", "answer", "call", "connect", "granted"]

_E = TypeVar("_E", bound=HostError)


class Case(NamedTuple):
    """One case of a variant."""

    tag: str
    value: Any = None


class Refused(Exception):
    """The bad side of a result."""

    def __init__(self, tag: str, detail: Any = None) -> None:
        super().__init__(tag, detail)
        self.tag = tag
        self.detail = detail


class Host(Protocol):
    """Executes the contract's imports."""

    def call(self, function: str, arguments: tuple[Any, ...]) -> Any:
        """Calls `interface.function`, or `interface.resource.function` with the resource first. Raises `Refused`."""


class _Nobody:
    def call(self, function: str, arguments: tuple[Any, ...]) -> Any:
        raise OutsideServer(function)


class _Connection:
    host: Host = _Nobody()
    granted: frozenset[str] | None = None


def connect(host: Host | None, imports: Iterable[str] | None) -> None:
    """Sets the host, and the interfaces that may be used; `None` for no host, and for all."""
    _Connection.host = host or _Nobody()
    _Connection.granted = None if imports is None else frozenset(imports)


def granted(interface: str) -> bool:
    """Whether there is a host and an interface of it may be used."""
    known = _Connection.granted
    return not isinstance(_Connection.host, _Nobody) and (known is None or interface in known)


def call(error: type[HostError] | None, function: str, *arguments: Any) -> Any:
    """Calls a function of the host's. Raises a case of `error`, `NotGranted` or `OutsideServer`."""
    known = _Connection.granted
    if known is not None:
        interface = function.partition(".")[0]
        if interface not in known:
            raise NotGranted(interface)
    try:
        return _Connection.host.call(function, arguments)
    except Refused as refused:
        raise (error or HostError).of(refused.tag, refused.detail) from None


def answer(error: type[HostError], case: Case) -> Any:
    """The value of a variant of the kind found, missing (`None`), failed (raised)."""
    if case.tag == "failed":
        raise error.of(case.value.tag, case.value.value)
    return case.value
