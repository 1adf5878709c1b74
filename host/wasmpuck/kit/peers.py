"""Other servers, simulated: `http-client` answers from a table and nothing leaves the machine."""

from __future__ import annotations

import codecs
import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["Asked", "Peer", "Peers"]

_MOST_TEXT: Final = 1 << 20
_MOST_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """An answer of the table, given to requests whose address fits.

    url: address, in which `*` stands for any text.
    method: of the request; empty fits each.
    status, headers, body: what is answered.
    error: a case of WIT `http-client.error` that is answered instead, such as `timed-out` or `unreachable`.
    """

    url: str
    method: str = ""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    error: str = ""

    def fits(self, method: str, url: str) -> bool:
        """Whether it answers such a request."""
        return self.method in ("", method) and fnmatch.fnmatchcase(url, self.url.replace("[", "[[]"))

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Peer:
        """From an object with the same names; `headers` is an array of pairs, `body` a text."""
        made = dict(given)
        made["headers"] = tuple((name.lower(), value) for name, value in given.get("headers", ()))
        made["body"] = str(given.get("body", "")).encode()
        return cls(**made)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that a plugin sent: `headers` without secrets, `secrets` as header, prefix and the secret's name."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    secrets: list[tuple[str, str, str]]
    body: bytes


class _Response:
    """WIT `http-client.response`."""

    def __init__(self, peer: Peer, url: str) -> None:
        self._peer = peer
        self._url = url
        self._rest = peer.body
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def status(self) -> int:
        return self._peer.status

    def headers(self) -> list[tuple[str, str]]:
        return list(self._peer.headers)

    def url(self) -> str:
        return self._url

    def read_text(self, most: int) -> Case:
        text = ""
        while not text and self._rest:  # a character of four bytes is not there before the fourth
            part = self._take(most, _MOST_TEXT)
            text = self._decoder.decode(part, not self._rest)
        return Case("data", text) if text else Case("end")

    def read_bytes(self, most: int) -> Case:
        return Case("data", self._take(most, _MOST_BYTES)) if self._rest else Case("end")

    def _take(self, most: int, cap: int) -> bytes:
        size = max(1, min(most, cap))
        part, self._rest = self._rest[:size], self._rest[size:]
        return part


@dataclass(slots=True)
class Peers:
    """The capability `http-client` over a table; the first entry that fits answers. `asked` is what was sent."""

    #: WIT function names and resources.
    functions: ClassVar = frozenset({"send"})
    resources: ClassVar = {"response": _Response}

    table: list[Peer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    @classmethod
    def of(cls, peers: Iterable[Peer]) -> Peers:
        """With this table."""
        return cls(list(peers))

    def send(self, request: Any) -> Ok | Err:
        """WIT `http-client.send`."""
        body = request.body.value or b""
        self.asked.append(
            Asked(
                request.method,
                request.url,
                [tuple(header) for header in request.headers],
                [(one.name, one.prefix, one.secret) for one in request.secrets],
                body.encode() if isinstance(body, str) else bytes(body),
            )
        )
        for peer in self.table:
            if peer.fits(request.method, request.url):
                return Err(_error(peer.error)) if peer.error else Ok(_Response(peer, request.url))
        return Err(Case("unreachable", f"no simulated peer answers {request.method} {request.url}"))


_WITHOUT_WORDS: Final = frozenset({"unresolvable", "timed-out", "too-large", "rate-limited"})


def _error(name: str) -> Case:
    return Case(name) if name in _WITHOUT_WORDS else Case(name, "as the table of peers says")
