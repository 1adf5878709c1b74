"""Answering requests for paths of the plugin's own (export `routes`).

@routes.get("words")                                # /plugins/NAME/words
def words(request: routes.Request) -> routes.Answer:
    return {"words": 3}                             # JSON
"""

from __future__ import annotations

import json as _json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from . import _registry
from ._headers import Headers, Pairs, first

__all__ = ["STREAMED", "Answer", "Request", "Response", "Route", "Streamed", "delete", "get", "json", "post", "put"]
__all__ += ["route"]


@dataclass(frozen=True)
class Request:
    """A request. `path` is decoded, `rest` what the `*` of the route stands for; a body that is no UTF-8 is bytes."""

    client: str
    method: str
    path: str
    rest: str = ""
    query: Pairs = ()
    headers: Pairs = ()
    body: str | bytes | None = None

    def parameter(self, name: str) -> str | None:
        """The first value of a parameter of the query."""
        return first(self.query, name)

    def header(self, name: str) -> str | None:
        """The first header of a name."""
        return first(self.headers, name.lower())

    def json(self) -> Any:
        """The body as a JSON value. Raises `ValueError` for what is no JSON."""
        return _json.loads(self.body or "")


@dataclass(frozen=True)
class Response:
    """An answer."""

    status: int = 200
    body: str | bytes | None = None
    headers: Headers = ()


@dataclass(frozen=True)
class Streamed:
    """The answer was sent through `responder`."""


STREAMED: Final = Streamed()

Answer: TypeAlias = Response | Streamed | str | bytes | dict[str, Any] | list[Any] | None
"""A response; a text or bytes, sent as such with status 200; what is sent as JSON; `None` for 404."""

Handler: TypeAlias = Callable[[Request], Answer] | Callable[[Request], Response]
_F = TypeVar("_F", bound=Callable[[Request], Answer])


@dataclass(frozen=True)
class Route:
    """A path with the function that answers it."""

    path: str
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    function: Callable[[Request], Answer]


def json(value: Any, status: int = 200, headers: Headers = ()) -> Response:
    """An answer in JSON."""
    given = dict(headers)
    return Response(status, _json.dumps(value, ensure_ascii=False), {"content-type": "application/json"} | given)


def route(path: str, methods: Sequence[str], *, headers: Sequence[str] = ()) -> Callable[[_F], _F]:
    """Decorates a function that answers requests for a path, with `/*` at its end for everything below it.

    A path without `/` at its start is below `/plugins/NAME/`; others have to be listed by the operator. `headers` are
    the request headers that are wanted.
    """

    def register(function: _F) -> _F:
        wanted = tuple(name.lower() for name in headers)
        _registry.current().routes.append(Route(path, tuple(methods), wanted, function))
        return function

    return register


def get(path: str, *, headers: Sequence[str] = ()) -> Callable[[_F], _F]:
    """`route(path, ["GET"])`; `HEAD` is answered too."""
    return route(path, ["GET"], headers=headers)


def post(path: str, *, headers: Sequence[str] = ()) -> Callable[[_F], _F]:
    """`route(path, ["POST"])`."""
    return route(path, ["POST"], headers=headers)


def put(path: str, *, headers: Sequence[str] = ()) -> Callable[[_F], _F]:
    """`route(path, ["PUT"])`."""
    return route(path, ["PUT"], headers=headers)


def delete(path: str, *, headers: Sequence[str] = ()) -> Callable[[_F], _F]:
    """`route(path, ["DELETE"])`."""
    return route(path, ["DELETE"], headers=headers)
