"""Answering other plugins (export `services`).

@services.service("reputation", topics=["score"], description="How clients behave.")
def score(request: services.Request) -> str:
    return "0.5"
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from . import _registry
from .errors import PluginError

__all__ = ["Refused", "Request", "Service", "UnknownTopic", "service"]


class Refused(PluginError):
    """Raised by a function that answers: it will not; the text says why."""


class UnknownTopic(PluginError):
    """Raised by a function that answers: there is no such topic after all."""


@dataclass(frozen=True)
class Request:
    """What somebody asks; `caller` is the plugin that does, by the server's word."""

    caller: str
    topic: str
    payload: str

    def json(self) -> Any:
        """The payload as a value. Raises `ValueError` for what is no JSON."""
        return json.loads(self.payload)


@dataclass(frozen=True)
class Service:
    """What is offered, with the function that answers."""

    kind: str
    topics: tuple[str, ...]
    description: str
    function: Callable[[Request], str]


_F = TypeVar("_F", bound=Callable[[Request], str])


def service(kind: str, *, topics: Sequence[str], description: str) -> Callable[[_F], _F]:
    """Decorates a function that answers these topics. Several functions of one kind are one service."""

    def register(function: _F) -> _F:
        _registry.current().services.append(Service(kind, tuple(topics), description, function))
        return function

    return register
