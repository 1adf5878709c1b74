"""Requests to other servers, kept within a list of origins and away from private addresses, after DNS too.

Theory of operation. A request may go to an origin (scheme, host, port) of the operator's list. The name is resolved by
`CheckedResolver`, which hands on only addresses that may be connected to; aiohttp connects to exactly these, so that a
name that resolves to something else a moment later (DNS rebinding) changes nothing. Redirects are followed here and not
by aiohttp, so that each step is looked at in the same way. Proxies, cookies, decompression and credentials in addresses
are switched off.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from wasmpuck.config.origins import Origin
from wasmpuck.runtime.capabilities.addresses import CheckedResolver, PrivateAddress, Resolve, may_connect, resolve
from wasmpuck.runtime.values import Case

__all__ = ["Answer", "Outbound", "OutboundRules", "Refused", "Sending"]

Header = tuple[str, str]

_SCHEMES: Final = ("http", "https")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_LONGEST_URL: Final = 8_192
_HEADER_BYTES: Final = 16_384
#: Headers that are the server's, or the connection's.
_RESERVED: Final = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
_CREDENTIALS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}\Z")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*\Z")


class Refused(Exception):
    """Why there is no answer, or no more of it: a case of WIT `http-client.error`."""

    def __init__(self, tag: str, words: str | None = None) -> None:
        super().__init__(f"{tag}: {words}" if words else tag)
        self.case = Case(tag, words) if words is not None else Case(tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRules:
    """What one plugin may do.

    origins: where requests may go.
    private: whether private and special addresses may be connected to.
    authorities: a file with certificates that are trusted besides the system's.
    connections: at the same time.
    request_bytes, answer_bytes: of a body.
    agent: the `User-Agent` header unless the plugin sets one.
    """

    origins: tuple[Origin, ...] = ()
    private: bool = False
    authorities: Path | None = None
    connections: int = 4
    request_bytes: int = 1 << 20
    answer_bytes: int = 1 << 20
    agent: str = "Wasmpuck"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A request. `secret_headers` are known to the server alone and stay at the first origin."""

    method: str
    url: str
    headers: tuple[Header, ...] = ()
    secret_headers: tuple[Header, ...] = ()
    body: bytes = b""
    follow: bool = True
    seconds: float = 10.0


class Answer:
    """An answer whose body is read piece by piece.

    status, url, headers: as they came, the headers' names in lower case.
    """

    def __init__(self, response: aiohttp.ClientResponse, limit: int, ends: float) -> None:
        self._response = response
        self._left = limit
        self._ends = ends
        self.status = response.status
        self.url = str(response.url)
        self.headers = [(name.lower(), _as_text(value)) for name, value in response.headers.items()]

    async def read(self, most: int) -> bytes:
        """At least one byte and at most `most`; nothing at the end.

        Raises:
            Refused: there is no more.
        """
        try:
            async with asyncio.timeout_at(self._ends):
                data = await self._response.content.read(most)
        except Exception as problem:
            self.close()
            raise _refusal(problem) from None
        self._left -= len(data)
        if self._left < 0:
            self.close()
            raise Refused("too-large")
        return data

    def close(self) -> None:
        """Gives the connection back if everything was read, and closes it otherwise. Idempotent."""
        if self._response.content.is_eof():
            self._response.release()
        else:
            self._response.close()


class Outbound:
    """Sends requests within the rules. `resolve` is the resolver that is asked before the rules are."""

    def __init__(self, rules: OutboundRules, resolve: Resolve = resolve) -> None:
        self._rules = rules
        self._resolve = resolve
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context()
            if self._rules.authorities is not None:
                try:
                    context.load_verify_locations(self._rules.authorities)
                except (OSError, ssl.SSLError) as problem:
                    raise Refused("untrusted", f"the operator's authorities cannot be read: {problem}") from None
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=CheckedResolver(self._rules.private, self._resolve),
                    ssl=context,
                    use_dns_cache=False,
                    limit=self._rules.connections,
                    happy_eyeballs_delay=None,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                skip_auto_headers=("Accept-Encoding", "Content-Type", "User-Agent"),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None, sock_read=None),
                max_line_size=_HEADER_BYTES,
                max_field_size=_HEADER_BYTES,
                read_bufsize=65_536,
            )
        return self._session

    async def send(self, sending: Sending) -> Answer:
        """Sends a request and waits for the headers of the answer.

        Raises:
            Refused: there is none.
        """
        ends = asyncio.get_running_loop().time() + sending.seconds
        method, body = sending.method, sending.body
        if method not in _METHODS:
            raise Refused("bad-request", f"{method[:20]!r} is not one of {', '.join(sorted(_METHODS))}")
        if len(body) > self._rules.request_bytes:
            raise Refused("bad-request", f"the body has {len(body):,} bytes; {self._rules.request_bytes:,} are granted")
        headers = _checked([*sending.headers, *sending.secret_headers])
        if not any(name.lower() == "user-agent" for name, _ in headers):
            headers.append(("User-Agent", self._rules.agent))
        url = self._checked_url(sending.url)
        secret = {name.lower() for name, _ in sending.secret_headers} | _CREDENTIALS
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self._once(method, url, headers, body, ends)
            target = answer.headers.get("Location") if answer.status in _REDIRECTS else None
            if target is None or not sending.follow:
                return Answer(answer, self._rules.answer_bytes, ends)
            answer.close()
            following = self._following(url, target)
            if following.origin() != url.origin():
                headers = [header for header in headers if header[0].lower() not in secret]
            if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
                method, body = ("HEAD" if method == "HEAD" else "GET"), b""
                headers = [header for header in headers if not header[0].lower().startswith("content-")]
            url = following
        raise Refused("bad-redirect", f"more than {_MOST_REDIRECTS} times; last to {_short(url)}")

    async def _once(
        self, method: str, url: URL, headers: Iterable[Header], body: bytes, ends: float
    ) -> aiohttp.ClientResponse:
        session = self._open()
        try:
            async with asyncio.timeout_at(ends):
                return await session.request(
                    method, url, headers=list(headers), data=body or None, allow_redirects=False
                )
        except Exception as problem:
            raise _refusal(problem) from None

    def _checked_url(self, text: str) -> URL:
        try:
            if len(text) > _LONGEST_URL:
                raise ValueError(f"it has more than {_LONGEST_URL:,} characters")
            if any(ord(letter) <= 32 or ord(letter) == 127 for letter in text):
                raise ValueError("it holds blanks or control characters")
            url = URL(text)
            if url.scheme not in _SCHEMES or not url.host:
                raise ValueError("it is not an address beginning with http:// or https:// and a host")
            if url.user is not None or url.password is not None:
                raise ValueError("it holds a name or a password: use a header")
            url.host.encode("ascii") if url.raw_host is None else url.raw_host.encode("ascii")
        except (ValueError, TypeError) as problem:
            raise Refused("bad-request", f"the address cannot be used: {problem}") from None
        url = url.with_fragment(None)
        if not any(origin.admits(url.scheme, url.host or "", url.port) for origin in self._rules.origins):
            raise Refused("not-allowed", f"{url.scheme}://{url.host}:{url.port} is not in httpAllow")
        self._check_literal(url)
        return url

    def _check_literal(self, url: URL) -> None:
        """A host that is an address is not resolved, so it is looked at here."""
        host = (url.host or "").strip("[]")
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return
        if not self._rules.private and not may_connect(host):
            raise Refused("private-address", host)

    def _following(self, url: URL, target: str) -> URL:
        try:
            return self._checked_url(urljoin(str(url), target))
        except Refused as refused:
            if refused.case.tag == "private-address":
                raise
            raise Refused("bad-redirect", target[:200]) from None
        except ValueError:
            raise Refused("bad-redirect", target[:200]) from None

    def close(self) -> None:
        """Closes every connection."""
        session, self._session = self._session, None
        if session is not None:
            task = asyncio.get_running_loop().create_task(session.close(), name="closing outbound connections")
            closing.add(task)
            task.add_done_callback(closing.discard)


#: Sessions that are being closed.
closing: Final[set[asyncio.Task[None]]] = set()


def _checked(headers: list[Header]) -> list[Header]:
    if sum(len(name) + len(value) for name, value in headers) > _HEADER_BYTES:
        raise Refused("bad-request", f"the headers have more than {_HEADER_BYTES:,} characters")
    for name, value in headers:
        if not _TOKEN.match(name) or not _VALUE.match(value):
            raise Refused("bad-request", f"the header {name[:40]!r} cannot be sent")
        if name.lower() in _RESERVED or name.lower().startswith("proxy-"):
            raise Refused("bad-request", f"the header {name[:40]!r} is set by the server")
    return headers


def _refusal(problem: BaseException) -> Refused:
    """An exception of aiohttp's as a case of the contract."""
    cause: Any = getattr(problem, "os_error", None) or problem.__cause__
    match problem:
        case Refused():
            return problem
        case TimeoutError():
            return Refused("timed-out")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return Refused("untrusted", _short(problem))
        case aiohttp.ClientConnectorDNSError():
            private = isinstance(cause, PrivateAddress)
            return Refused("private-address", str(cause)) if private else Refused("unresolvable")
        case aiohttp.ClientConnectorError():
            return Refused("unreachable", _short(cause or problem))
        case aiohttp.ClientResponseError() if "more than" in problem.message or "too long" in problem.message.lower():
            return Refused("too-large")
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError():
            return Refused("broken", _short(problem))
        case aiohttp.ClientOSError():
            return Refused("unreachable", _short(problem))
        case aiohttp.ClientError() | ValueError() | OSError():
            return Refused("broken", _short(problem))
        case _:
            return Refused("other", type(problem).__name__)


def _short(what: object) -> str:
    return str(what)[:200]


def _as_text(value: str) -> str:
    """Header values that are not UTF-8 arrive as surrogates."""
    return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
