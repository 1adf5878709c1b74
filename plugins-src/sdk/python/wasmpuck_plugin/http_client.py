"""Requests to other servers, which the server makes in the plugin's name (import `http-client`).

with http_client.get("https://api.example.org/status") as answer:
    if answer.ok:
        state = answer.json()
"""

from __future__ import annotations

import json as _json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar

from . import _seam
from ._headers import Headers, first, pairs
from ._times import Span, milliseconds
from .errors import HostError

__all__ = ["HTTPError", "Response", "Secret", "get", "post", "send"]

_TEXT = 1_048_576
_BYTES = 65_536


class HTTPError(HostError):
    """Why there is no answer, or no more of it."""

    NotAllowed: ClassVar[type[HTTPError]]
    BadRequest: ClassVar[type[HTTPError]]
    Unresolvable: ClassVar[type[HTTPError]]
    PrivateAddress: ClassVar[type[HTTPError]]
    Unreachable: ClassVar[type[HTTPError]]
    Untrusted: ClassVar[type[HTTPError]]
    TimedOut: ClassVar[type[HTTPError]]
    TooLarge: ClassVar[type[HTTPError]]
    BadRedirect: ClassVar[type[HTTPError]]
    Broken: ClassVar[type[HTTPError]]
    RateLimited: ClassVar[type[HTTPError]]
    NoSuchSecret: ClassVar[type[HTTPError]]
    Other: ClassVar[type[HTTPError]]

    cases: ClassVar = {
        "not-allowed": "The address is not among those that the operator lists.",
        "bad-request": "The method, the address, a header or the body cannot be sent.",
        "unresolvable": "The name cannot be resolved.",
        "private-address": "The name leads to an address of a private or special range.",
        "unreachable": "There is no connection.",
        "untrusted": "The certificate of the other server cannot be verified.",
        "timed-out": "Its time was over.",
        "too-large": "The answer is longer than granted.",
        "bad-redirect": "The answer leads to where a request may not go.",
        "broken": "What came is no HTTP, or ended too early.",
        "rate-limited": "More requests than granted.",
        "no-such-secret": "A secret of this name is not granted.",
        "other": "There is no answer.",
    }


@dataclass(frozen=True)
class Secret:
    """The value of a header that the server completes: `prefix`, then the secret of this name, which stays unseen."""

    name: str
    prefix: str = ""


@dataclass(frozen=True)
class _SecretHeader:
    name: str
    prefix: str
    secret: str


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    headers: list[tuple[str, str]]
    secrets: list[_SecretHeader]
    body: _seam.Case
    follow: bool
    timeout: int | None


class Response:
    """An answer whose body is read piece by piece. Leaving its `with` block closes its connection.

    Attributes:
        status, url: of the answer, redirects followed.
        headers: names in lower case, in the order in which they came.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self.status: int = self._ask("status")
        self.headers = tuple((name, value) for name, value in self._ask("headers"))
        self.url: str = self._ask("url")

    def _ask(self, function: str, *arguments: object) -> Any:
        return _seam.call(HTTPError, f"http-client.response.{function}", self._handle, *arguments)

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    def header(self, name: str) -> str | None:
        """The first header of a name."""
        return first(self.headers, name.lower())

    def chunks(self) -> Iterator[str]:
        """The pieces of the body as text."""
        while (case := self._ask("read-text", _TEXT)).tag != "end":
            yield _seam.answer(HTTPError, case)

    def byte_chunks(self) -> Iterator[bytes]:
        """The pieces of the body as bytes, at about 45 ns a byte."""
        while (case := self._ask("read-bytes", _BYTES)).tag != "end":
            yield _seam.answer(HTTPError, case)

    def text(self) -> str:
        """The rest of the body as text."""
        return "".join(self.chunks())

    def read(self) -> bytes:
        """The rest of the body as bytes."""
        return b"".join(self.byte_chunks())

    def json(self) -> Any:
        """The rest of the body as a JSON value. Raises `ValueError` for what is no JSON."""
        return _json.loads(self.text())

    def close(self) -> None:
        """Closes the connection."""
        self._ask("close")

    def __enter__(self) -> Response:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def send(
    method: str,
    url: str,
    *,
    headers: Headers = (),
    secrets: Mapping[str, Secret] | None = None,
    body: str | bytes | None = None,
    json: Any = None,
    follow: bool = True,
    timeout: Span | None = None,
) -> Response:
    """Sends a request and waits for the headers of the answer. An answer with a status of 400 and more is an answer.

    `secrets` maps names of headers to secrets; `json` is sent as the body; `timeout` is for the whole, answer included.
    """
    sent = pairs(headers)
    payload = _seam.Case("empty")
    if json is not None:
        sent.append(("content-type", "application/json"))
        payload = _seam.Case("text", _json.dumps(json, separators=(",", ":")))
    elif isinstance(body, bytes):
        payload = _seam.Case("bytes", body)
    elif body is not None:
        payload = _seam.Case("text", body)
    hidden = [_SecretHeader(name.lower(), one.prefix, one.name) for name, one in (secrets or {}).items()]
    limit = None if timeout is None else milliseconds(timeout)
    request = _Request(method, url, sent, hidden, payload, follow, limit)
    return Response(_seam.call(HTTPError, "http-client.send", request))


def get(url: str, **options: Any) -> Response:
    """`send("GET", url, …)`."""
    return send("GET", url, **options)


def post(url: str, **options: Any) -> Response:
    """`send("POST", url, …)`."""
    return send("POST", url, **options)
