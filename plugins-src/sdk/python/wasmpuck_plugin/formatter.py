"""Rendering certificates in forms that the server does not have (export `formatter`).

@formatter.format("names", "text/plain; charset=utf-8", "One fingerprint a line.")
def names(request: formatter.Request) -> str:
    return "".join(f"{one.fingerprint}\\n" for one in request.certificates)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from . import _registry
from .errors import PluginError

__all__ = ["Certificate", "Format", "Request", "Unsuitable", "format"]


class Unsuitable(PluginError):
    """Raised by a function that renders: these certificates have no such form. The server answers 406 with the text."""


@dataclass(frozen=True)
class Certificate:
    """A certificate: fingerprint of the primary key, ASCII armor, and what the server's own JSON says of it."""

    fingerprint: str
    armored: str
    summary: str

    def json(self) -> Any:
        """The summary as a value."""
        return json.loads(self.summary)


@dataclass(frozen=True)
class Request:
    """What to render; `operation` is `get`, `index` or `vindex`."""

    format: str
    operation: str
    search: str
    certificates: tuple[Certificate, ...]


@dataclass(frozen=True)
class Format:
    """A form with the function that renders it."""

    name: str
    media_type: str
    extension: str
    description: str
    function: Callable[[Request], str | bytes]


_F = TypeVar("_F", bound=Callable[[Request], str] | Callable[[Request], bytes] | Callable[[Request], str | bytes])


def format(name: str, media_type: str, description: str, *, extension: str = "") -> Callable[[_F], _F]:
    """Decorates a function that renders a form, asked for by `options=NAME` or an `Accept` header."""

    def register(function: _F) -> _F:
        known = _registry.current().formats
        if name in known:
            raise PluginError(f"the form `{name}` is rendered twice")
        known[name] = Format(name, media_type, extension, description, function)
        return function

    return register
