"""Other servers, simulated: requests of `http-client` go through all of the host's rules and then to a table."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from multidict import CIMultiDict
from yarl import URL

from wasmpuck.config.origins import Origin
from wasmpuck.runtime.capabilities.outbound import Header, Outbound, OutboundRules, Refused

__all__ = ["ANYWHERE", "Asked", "Peer", "Peers"]

_WITHOUT_WORDS: Final = frozenset({"unresolvable", "timed-out", "too-large", "rate-limited"})


class _Anywhere(Origin):
    """Every origin: on a stand nothing leaves the machine."""

    def admits(self, scheme: str, host: str, port: int | None) -> bool:
        return True


ANYWHERE: Final = _Anywhere("https", "*", 443)
"""For `httpAllow` where a list is not what is tried."""


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
    """A request as it would have been sent, with secrets filled in."""

    method: str
    url: str
    headers: list[Header]
    body: bytes


class _Content:
    """The body of an answer, as aiohttp gives it."""

    def __init__(self, data: bytes) -> None:
        self._rest = data

    async def read(self, most: int) -> bytes:
        part, self._rest = self._rest[:most], self._rest[most:]
        return part

    def is_eof(self) -> bool:
        return not self._rest


class _Response:
    """What of aiohttp's response is used."""

    def __init__(self, peer: Peer, url: URL) -> None:
        self.status = peer.status
        self.headers = CIMultiDict(peer.headers)
        self.url = url
        self.content = _Content(peer.body)

    def close(self) -> None:
        """There is no connection."""

    def release(self) -> None:
        """There is no connection."""


class _Simulated(Outbound):
    """Sends to a table what the host would send to the network."""

    def __init__(self, peers: Peers, rules: OutboundRules) -> None:
        super().__init__(rules)
        self._peers = peers

    async def _once(self, method: str, url: URL, headers: Iterable[Header], body: bytes, ends: float) -> Any:
        return self._peers.answer(Asked(method, str(url), list(headers), body), url)


@dataclass(slots=True)
class Peers:
    """A table of answers; the first entry that fits a request answers it. `asked` is what was sent."""

    table: tuple[Peer, ...] = ()
    asked: list[Asked] = field(default_factory=list)

    def outbound(self, rules: OutboundRules) -> Outbound:
        """What sends requests under these rules."""
        return _Simulated(self, rules)

    def answer(self, asked: Asked, url: URL) -> _Response:
        """Raises `Refused` as the entry says, and when there is none."""
        self.asked.append(asked)
        for peer in self.table:
            if peer.fits(asked.method, asked.url):
                if peer.error:
                    words = None if peer.error in _WITHOUT_WORDS else "as the table of peers says"
                    raise Refused(peer.error, words)
                return _Response(peer, url)
        raise Refused("unreachable", f"no simulated peer answers {asked.method} {asked.url}")
