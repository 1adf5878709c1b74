"""Judging requests before the server answers them, and seeing answers before they leave (export `middleware`).

@middleware.on_request(paths=["/pks/*"])
def judge(request: middleware.Request) -> middleware.Verdict | None:
    if request.client in blocked:
        return middleware.Response(403, "blocked\\n")
    return None                                     # goes on
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar, overload

from . import _registry
from ._headers import Headers, Pairs, first
from ._times import Span

__all__ = [
    "Amendment",
    "Answer",
    "Challenge",
    "Decision",
    "Delay",
    "Drip",
    "Next",
    "Request",
    "Response",
    "Reuse",
    "Scope",
    "SetHeaders",
    "Verdict",
    "on_request",
    "on_response",
]


@dataclass(frozen=True)
class Scope:
    """What the plugin wants to see: lower `priority` first; path patterns (`*` for any text; none: every path); request
    headers; whether query, body and answers are wanted.
    """

    priority: int = 0
    paths: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    wants_query: bool = False
    wants_body: bool = False


@dataclass(frozen=True)
class Request:
    """A request. `operation` is `get`, `hget`, `index`, `vindex`, `stats`, `add` or `other`; query, headers and body
    are there if they are wanted.
    """

    client: str
    operation: str
    method: str
    path: str
    query: Pairs = ()
    headers: Pairs = ()
    body: str | None = None

    def parameter(self, name: str) -> str | None:
        """The first value of a parameter of the query."""
        return first(self.query, name)

    def header(self, name: str) -> str | None:
        """The first header of a name."""
        return first(self.headers, name.lower())


@dataclass(frozen=True)
class Next:
    """Go on; `headers` are added to the answer that the client gets."""

    headers: Headers = ()


@dataclass(frozen=True)
class Response:
    """Answer at once; nothing further sees the request. From `on_response`: send this instead."""

    status: int = 200
    body: str = ""
    headers: Headers = ()


@dataclass(frozen=True)
class Delay:
    """Wait, then go on."""

    span: Span
    headers: Headers = ()


@dataclass(frozen=True)
class Drip:
    """Answer slowly: `body` again and again, `rate` bytes a second, for `span`."""

    body: str
    rate: int
    span: Span
    status: int = 200
    headers: Headers = ()


@dataclass(frozen=True)
class Challenge:
    """Go on only with a solution of a riddle of so many zero bits (1 to 24), which is good for `valid`. `text` says
    people why.
    """

    bits: int
    valid: Span
    text: str


Verdict: TypeAlias = Next | Response | Delay | Drip | Challenge


@dataclass(frozen=True)
class Reuse:
    """Permission to answer so many further requests of the scope, within a time, with the same verdict."""

    scope: Literal["client", "client-operation", "everyone"]
    requests: int
    span: Span


@dataclass(frozen=True)
class Decision:
    """A verdict, perhaps for more than one request."""

    verdict: Verdict
    reuse: Reuse | None = None


@dataclass(frozen=True)
class Answer:
    """An answer on its way out: `size` of its body in bytes, `duration` in seconds that the server needed."""

    status: int
    headers: Pairs
    size: int
    duration: float


@dataclass(frozen=True)
class SetHeaders:
    """These headers are set, replacing those of the same name."""

    headers: Headers


Amendment: TypeAlias = SetHeaders | Response

OnRequest: TypeAlias = (
    Callable[[Request], Verdict | Decision | None]
    | Callable[[Request], Verdict | None]
    | Callable[[Request], Decision]
    | Callable[[Request], None]
)
OnResponse: TypeAlias = Callable[[Request, Answer], Amendment | None] | Callable[[Request, Answer], None]
_F = TypeVar("_F", bound=OnRequest)
_G = TypeVar("_G", bound=OnResponse)


@overload
def on_request(function: _F, /) -> _F: ...
@overload
def on_request(
    *,
    paths: Sequence[str] = (),
    headers: Sequence[str] = (),
    wants_query: bool = False,
    wants_body: bool = False,
    priority: int = 0,
) -> Callable[[_F], _F]: ...
def on_request(
    function: _F | None = None,
    /,
    *,
    paths: Sequence[str] = (),
    headers: Sequence[str] = (),
    wants_query: bool = False,
    wants_body: bool = False,
    priority: int = 0,
) -> _F | Callable[[_F], _F]:
    """Decorates the function that judges requests; `None` goes on. The arguments say what it wants to see (`Scope`)."""

    def register(judge: _F) -> _F:
        _registry.once("middleware.on-request", judge)
        wanted = tuple(name.lower() for name in headers)
        _registry.current().scopes["middleware"] = Scope(priority, tuple(paths), wanted, wants_query, wants_body)
        return judge

    return register if function is None else register(function)


def on_response(function: _G) -> _G:
    """Decorates the function that sees answers, with the request that each belongs to; `None` keeps the answer. What is
    seen of requests is what `on_request` says; without one, every path.
    """
    _registry.once("middleware.on-response", function)
    return function
