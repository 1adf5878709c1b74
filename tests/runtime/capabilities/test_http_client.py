"""`http-client`: where requests may go, and what a hostile server, resolver or plugin can do to it."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.authority import Authority
from runtime.capabilities.stand import Surroundings
from wasmpuck.config.kinds import BadValue
from wasmpuck.config.origins import Origin, OriginKind
from wasmpuck.runtime.capabilities import Facilities, Vault, outbound
from wasmpuck.runtime.capabilities.addresses import may_connect
from wasmpuck.runtime.capabilities.http_client import HttpClient
from wasmpuck.runtime.capabilities.outbound import Outbound
from wasmpuck.runtime.values import Case, Err, Ok

#: An address that the whole internet has (RFC 9637 and RFC 5737 ranges are not global): nothing is ever sent there.
PUBLIC = "9.9.9.9"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Peer:
    """A server on loopback that says exactly what a test wants. `heard` are the requests' heads with bodies."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.port = 0
        self.answers: dict[str, Handler] = {}
        self.busy: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes a connection; its task is ours, so that it can be ended quietly."""
        task = asyncio.get_running_loop().create_task(self.serve(reader, writer))
        self.busy.add(task)
        task.add_done_callback(self.busy.discard)

    async def end(self) -> None:
        """Leaves every connection."""
        for task in self.busy:
            task.cancel()
        await asyncio.gather(*self.busy, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, TimeoutError):
                await self._converse(reader, writer)
                writer.close()
                await asyncio.wait_for(writer.wait_closed(), 1)
        finally:
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        self.heard.append(head + await reader.readexactly(length))
        handler = self.answers.get(head.split(b" ")[1].decode())
        if handler is not None:
            await handler(reader, writer)

    def says(self, path: str, *pieces: bytes, pause: float = 0.0, forever: bytes = b"") -> None:
        """Answers a path with these bytes, then perhaps with others without end."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
            while forever:
                writer.write(forever)
                await writer.drain()

        self.answers[path] = answer

    def ok(self, path: str, body: bytes = b"hello", *headers: bytes) -> None:
        """A plain answer."""
        lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), b"Connection: close", *headers]
        self.says(path, b"\r\n".join(lines) + b"\r\n\r\n" + body)

    def redirects(self, path: str, target: str, status: int = 302) -> None:
        """An answer that leads elsewhere."""
        head = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        self.says(path, head.encode())


class Stand(Surroundings):
    """A plugin's client, a peer behind TLS (api.test, other.test), one in the clear, and a resolver that tests fill."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.authority = Authority(folder)
        self.tls, self.clear = Peer(), Peer()
        self.names: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Stand]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.authority.issue("api.test", "other.test"))
        servers = [
            await asyncio.start_server(self.tls.accept, "127.0.0.1", 0, ssl=context),
            await asyncio.start_server(self.clear.accept, "127.0.0.1", 0),
        ]
        self.tls.port, self.clear.port = (server.sockets[0].getsockname()[1] for server in servers)
        try:
            yield self
        finally:
            for server in servers:
                server.close()
            for peer in (self.tls, self.clear):
                await peer.end()
            await asyncio.gather(*outbound.closing)
            await asyncio.sleep(0.01)  # what was aborted is closed in the loop's next turns

    async def resolve(self, host: str, port: int) -> list[str]:
        """The next answer for a name; the last one for ever."""
        self.asked.append(host)
        answers = self.names.get(host, [["127.0.0.1"]] if host.endswith(".test") else [])
        if not answers:
            raise OSError("Name or service not known")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def client(
        self, allow: tuple[str, ...] = (), *, private: bool = True, secrets: tuple[str, ...] = (), **limits: Any
    ) -> HttpClient:
        context = self.context(**{"host_deadline": 5.0, "http_rate": 1000, **limits})
        usual = (f"https://api.test:{self.tls.port}", f"http://plain.test:{self.clear.port}")
        context.http_allow = tuple(map(OriginKind().read, allow or usual))
        context.http_private, context.http_authorities = private, self.authority.certificate
        context.secrets = secrets
        context.facilities = Facilities(
            vault=Vault(self.folder, self.clock), outbound=lambda rules: Outbound(rules, self.resolve)
        )
        return HttpClient(context)

    def url(self, path: str = "/", host: str = "api.test") -> str:
        return f"https://{host}:{self.tls.port}{path}"

    def plain(self, path: str = "/", host: str = "plain.test") -> str:
        return f"http://{host}:{self.clear.port}{path}"


def request(url: str, method: str = "GET", **changes: Any) -> Any:
    """WIT `http-client.request`."""
    usual = {"headers": [], "secrets": [], "body": Case("empty"), "follow": True, "timeout": None}
    return SimpleNamespace(method=method, url=url, **{**usual, **changes})


async def text(answer: Ok | Err) -> str:
    """The whole body."""
    assert isinstance(answer, Ok), answer
    pieces = []
    while (chunk := await answer.value.read_text(1000)).tag == "data":
        pieces.append(chunk.value)
    assert chunk.tag == "end", chunk
    answer.value.close()
    return "".join(pieces)


def refused(answer: Ok | Err) -> str:
    """The error's case."""
    assert isinstance(answer, Err), answer
    return str(answer.value.tag)


def run(folder: Path, scenario: Callable[[Stand], Awaitable[None]]) -> None:
    """Runs a scenario in a stand, with a bound on the whole so that a defect ends."""

    async def within() -> None:
        async with Stand(folder).running() as stand:
            await asyncio.wait_for(scenario(stand), 60)

    asyncio.run(within())


# --- what goes well ------------------------------------------------------------------------------


def test_http_client_gets_an_answer_over_verified_tls(tmp_path: Path) -> None:
    """Status, headers, address and body arrive; only the plugin's headers are sent besides the host's own."""

    async def scenario(stand: Stand) -> None:
        stand.tls.ok("/a?b=c", "grüße".encode(), b"X-One: 1", b"x-two: zwei")
        client = stand.client()
        answer = await client.send(request(stand.url("/a?b=c"), headers=[("X-Mine", "yes")]))
        assert isinstance(answer, Ok)
        assert answer.value.status() == 200
        assert answer.value.url() == stand.url("/a?b=c")
        assert ("x-two", "zwei") in answer.value.headers()
        assert await text(answer) == "grüße"
        head = stand.tls.heard[0].decode().lower()
        assert "x-mine: yes" in head
        assert "user-agent: wasmpuck (probe 1.0.0)" in head
        assert "accept-encoding" not in head
        assert "cookie" not in head
        client.close()

    run(tmp_path, scenario)


@pytest.mark.parametrize("body", [Case("text", "grüße"), Case("bytes", "grüße".encode())])
def test_http_client_sends_bodies(tmp_path: Path, body: Case) -> None:
    """Text goes as UTF-8, bytes as they are."""

    async def scenario(stand: Stand) -> None:
        stand.tls.ok("/")
        client = stand.client()
        assert await text(await client.send(request(stand.url(), "POST", body=body))) == "hello"
        assert stand.tls.heard[0].endswith("\r\n\r\ngrüße".encode())
        client.close()

    run(tmp_path, scenario)


def test_http_client_puts_secrets_into_headers_without_showing_them(tmp_path: Path) -> None:
    """The peer gets prefix and value; the plugin gives only the name."""
    (tmp_path / "api-key").write_text("s3cr3t\n")
    (tmp_path / "api-key").chmod(0o600)

    async def scenario(stand: Stand) -> None:
        stand.tls.ok("/")
        client = stand.client(secrets=("api-key",))
        header = SimpleNamespace(name="Authorization", prefix="Bearer ", secret="api-key")
        assert await text(await client.send(request(stand.url(), secrets=[header]))) == "hello"
        assert b"Authorization: Bearer s3cr3t\r\n" in stand.tls.heard[0]
        client.close()

    run(tmp_path, scenario)


def test_http_client_reads_bytes_and_cuts_no_character_in_two(tmp_path: Path) -> None:
    """Pieces of text hold whole characters however small they are asked for; bytes come as they are."""

    async def scenario(stand: Stand) -> None:
        stand.tls.ok("/", "€uro".encode() + b"\xff")
        client = stand.client()
        answer = await client.send(request(stand.url()))
        assert isinstance(answer, Ok)
        pieces = []
        while (chunk := await answer.value.read_text(1)).tag == "data":
            pieces.append(chunk.value)
        assert pieces == ["€", "u", "r", "o", "\ufffd"]
        answer = await client.send(request(stand.url()))
        assert isinstance(answer, Ok)
        assert await answer.value.read_bytes(3) == Case("data", "€".encode())
        client.close()

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("status", "method", "heard"),
    [
        (301, "POST", b"GET /b"),
        (302, "POST", b"GET /b"),
        (303, "PUT", b"GET /b"),
        (307, "POST", b"POST /b"),
        (308, "POST", b"POST /b"),
    ],
)
def test_http_client_follows_redirects_within_the_list(tmp_path: Path, status: int, method: str, heard: bytes) -> None:
    """A redirect to an allowed address is followed with the method of RFC 9110 §15.4, unless the plugin asks not to."""

    async def scenario(stand: Stand) -> None:
        stand.tls.redirects("/a", "/b", status)
        stand.tls.ok("/b")
        client = stand.client()
        sent = request(stand.url("/a"), method, body=Case("text", "x"), headers=[("Content-Type", "text/plain")])
        assert await text(await client.send(sent)) == "hello"
        assert stand.tls.heard[1].startswith(heard)
        assert (b"Content-Type" in stand.tls.heard[1]) is heard.startswith(b"POST")
        answer = await client.send(request(stand.url("/a"), follow=False))
        assert isinstance(answer, Ok)
        assert answer.value.status() == status
        client.close()

    run(tmp_path, scenario)


def test_http_client_keeps_secrets_from_other_hosts(tmp_path: Path) -> None:
    """After a redirect to another allowed origin neither secrets nor credentials are sent."""
    (tmp_path / "api-key").write_text("s3cr3t")
    (tmp_path / "api-key").chmod(0o600)

    async def scenario(stand: Stand) -> None:
        stand.tls.redirects("/a", stand.plain("/b"))
        stand.clear.ok("/b")
        client = stand.client(secrets=("api-key",))
        header = SimpleNamespace(name="X-Key", prefix="", secret="api-key")
        sent = request(stand.url("/a"), secrets=[header], headers=[("Authorization", "Basic x"), ("X-Mine", "1")])
        assert await text(await client.send(sent)) == "hello"
        assert b"s3cr3t" in stand.tls.heard[0]
        assert b"X-Mine" in stand.clear.heard[0]
        assert b"s3cr3t" not in stand.clear.heard[0]
        assert b"Authorization" not in stand.clear.heard[0]
        client.close()

    run(tmp_path, scenario)


# --- where requests may not go -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://elsewhere.test/", "not-allowed"),
        ("https://api.test/", "not-allowed"),
        ("http://api.test:{tls}/", "not-allowed"),
        ("https://api.test.evil.test:{tls}/", "not-allowed"),
        ("https://evil-api.test:{tls}/", "not-allowed"),
        ("https://127.0.0.1:{tls}/", "not-allowed"),
        ("https://api.test:{tls}@evil.test/", "bad-request"),
        ("https://user:word@api.test:{tls}/", "bad-request"),
        ("file:///etc/passwd", "bad-request"),
        ("ftp://api.test/", "bad-request"),
        ("//api.test/", "bad-request"),
        ("https://", "bad-request"),
        ("https://api.test:{tls}/a b", "bad-request"),
        ("https://api.test:{tls}/a\r\nX: y", "bad-request"),
        ("https://api.test:99999/", "bad-request"),
        ("https://[::1/", "bad-request"),
        ("https://api.test:{tls}/" + "a" * 9000, "bad-request"),
        ("", "bad-request"),
    ],
)
@pytest.mark.covers("http-client.error.not-allowed")
def test_http_client_refuses_addresses_outside_the_list(tmp_path: Path, url: str, error: str) -> None:
    """Another host, port or scheme, look-alikes, credentials and what is no address: refused, and nothing is sent."""

    async def scenario(stand: Stand) -> None:
        client = stand.client()
        answer = await client.send(request(url.replace("{tls}", str(stand.tls.port))))
        assert refused(answer) == error
        assert stand.tls.heard == []
        assert stand.asked == []
        client.close()

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
@pytest.mark.covers("http-client.error.private-address")
def test_http_client_refuses_names_that_lead_to_private_addresses(tmp_path: Path, address: str) -> None:
    """A name of the list that resolves to an address of a special range is refused unless the operator allows that."""

    async def scenario(stand: Stand) -> None:
        stand.names["api.test"] = [[address]]
        client = stand.client(private=False)
        answer = await client.send(request(stand.url()))
        assert refused(answer) == "private-address"
        assert isinstance(answer, Err)
        assert answer.value.value == address
        assert stand.tls.heard == []
        client.close()

    run(tmp_path, scenario)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254"])
def test_http_client_refuses_private_addresses_as_hosts(tmp_path: Path, host: str) -> None:
    """An address in the list is looked at like one that a name leads to."""

    async def scenario(stand: Stand) -> None:
        client = stand.client((f"http://{host}:{stand.clear.port}",), private=False)
        assert refused(await client.send(request(f"http://{host}:{stand.clear.port}/"))) == "private-address"
        assert stand.clear.heard == []
        client.close()

    run(tmp_path, scenario)


def test_http_client_is_not_fooled_by_dns_rebinding(tmp_path: Path) -> None:
    """One private address among a name's spoils it, and so does one that comes with the next resolution."""

    async def scenario(stand: Stand) -> None:
        stand.names["api.test"] = [[PUBLIC, "127.0.0.1"], ["127.0.0.1"]]
        client = stand.client(private=False)
        assert refused(await client.send(request(stand.url()))) == "private-address"
        assert stand.asked == ["api.test"]
        assert refused(await client.send(request(stand.url()))) == "private-address"
        assert stand.tls.heard == []
        client.close()

    run(tmp_path, scenario)


def test_http_client_connects_to_the_address_that_was_checked(tmp_path: Path) -> None:
    """One resolution serves check and connection: a second answer of the resolver is not asked for."""

    async def scenario(stand: Stand) -> None:
        stand.names["api.test"] = [["127.0.0.1"], ["192.0.2.1"]]
        stand.tls.ok("/")
        client = stand.client()
        assert await text(await client.send(request(stand.url()))) == "hello"
        assert stand.asked == ["api.test"]
        client.close()

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("https://evil.test/", "bad-redirect"),
        ("http://api.test/", "bad-redirect"),
        ("file:///etc/passwd", "bad-redirect"),
        ("https://[", "bad-redirect"),
        ("/again", "bad-redirect"),
        ("//evil.test/", "bad-redirect"),
        ("http://127.0.0.1:{clear}/", "bad-redirect"),
    ],
)
@pytest.mark.covers("http-client.error.bad-redirect")
def test_http_client_follows_no_redirect_out_of_the_list(tmp_path: Path, target: str, error: str) -> None:
    """A redirect to where a request may not go, to nowhere, or in a circle ends as an error; nothing is sent there."""

    async def scenario(stand: Stand) -> None:
        stand.tls.redirects("/a", target.replace("{clear}", str(stand.clear.port)))
        stand.tls.redirects("/again", "/again")
        client = stand.client()
        assert refused(await client.send(request(stand.url("/a")))) == error
        assert len(stand.tls.heard) <= 6
        assert stand.clear.heard == []
        client.close()

    run(tmp_path, scenario)


def test_http_client_looks_at_the_address_behind_a_redirect(tmp_path: Path) -> None:
    """A redirect within the list to a name that leads to a private address is refused."""

    async def scenario(stand: Stand) -> None:
        stand.names["plain.test"] = [["10.0.0.1"]]
        client = stand.client(
            (f"http://127.0.0.1:{stand.clear.port}", f"http://plain.test:{stand.clear.port}"), private=False
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(outbound, "may_connect", lambda address: address == "127.0.0.1" or may_connect(address))
            stand.clear.redirects("/", stand.plain("/b"))
            answer = await client.send(request(f"http://127.0.0.1:{stand.clear.port}/"))
        assert answer == Err(Case("private-address", "10.0.0.1"))
        assert len(stand.clear.heard) == 1
        client.close()

    run(tmp_path, scenario)


@pytest.mark.covers("http-client.error.unresolvable", "http-client.error.unreachable")
def test_http_client_says_when_a_name_cannot_be_resolved_or_nobody_listens(tmp_path: Path) -> None:
    """An unknown name is unresolvable, a closed port unreachable."""

    async def scenario(stand: Stand) -> None:
        client = stand.client(("https://nowhere.example", "http://closed.test:1"))
        assert refused(await client.send(request("https://nowhere.example/"))) == "unresolvable"
        assert refused(await client.send(request("http://closed.test:1/"))) == "unreachable"
        client.close()

    run(tmp_path, scenario)


@pytest.mark.covers("http-client.error.untrusted")
def test_http_client_verifies_certificates(tmp_path: Path) -> None:
    """A certificate for another name, one of an unknown authority, and a server without TLS are not trusted."""

    async def scenario(stand: Stand) -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.test ESMTP\r\n")
            await writer.drain()
            writer.close()

        mail = await asyncio.start_server(greet, "127.0.0.1", 0)
        port = mail.sockets[0].getsockname()[1]
        client = stand.client((f"https://wrong.test:{stand.tls.port}", f"https://api.test:{port}"))
        assert refused(await client.send(request(stand.url(host="wrong.test")))) == "untrusted"
        assert refused(await client.send(request(f"https://api.test:{port}/"))) == "untrusted"
        client.close()
        mail.close()
        (stand.folder / "other").mkdir()
        stand.authority = Authority(stand.folder / "other")
        client = stand.client()
        assert refused(await client.send(request(stand.url()))) == "untrusted"
        assert stand.tls.heard == []
        client.close()

    run(tmp_path, scenario)


# --- what answers may not be -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        ((b"SSH-2.0-OpenSSH\r\n",), "broken"),
        ((b"",), "broken"),
        ((b"HTTP/1.1 200 OK\r\n",), "broken"),
        ((b"HTTP/1.1 2000 OK\r\n\r\n",), "broken"),
        ((b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",), "broken"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",), "broken"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",), "broken"),
        ((b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",), "too-large"),
        ((b"HTTP/1.1 200 " + b"a" * 100_000 + b"\r\n\r\n",), "too-large"),
    ],
    ids=["ssh", "nothing", "half", "status", "header", "negative", "two-lengths", "long-header", "long-reason"],
)
@pytest.mark.covers("http-client.error.broken")
def test_http_client_takes_no_head_that_is_no_http(tmp_path: Path, pieces: tuple[bytes, ...], error: str) -> None:
    """What is no HTTP, ends early or has endless lines is refused with its case."""

    async def scenario(stand: Stand) -> None:
        stand.tls.says("/", *pieces)
        client = stand.client()
        assert refused(await client.send(request(stand.url()))) == error
        client.close()

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("pieces", "forever", "error"),
    [
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel",), b"", "broken"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",), b"", "broken"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",), b"", "broken"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + b"a" * 3000,), b"", "too-large"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",), b"400\r\n" + b"a" * 1024 + b"\r\n", "too-large"),
        ((b"HTTP/1.1 200 OK\r\n\r\n",), b"a" * 1024, "too-large"),
    ],
    ids=["short", "bad-chunk", "no-last-chunk", "long", "endless-chunks", "endless"],
)
@pytest.mark.covers("http-client.error.too-large")
def test_http_client_takes_no_body_that_is_broken_or_endless(
    tmp_path: Path, pieces: tuple[bytes, ...], forever: bytes, error: str
) -> None:
    """A body that ends early, is framed wrongly, or is longer than granted ends as an error; memory stays bounded."""

    async def scenario(stand: Stand) -> None:
        stand.tls.says("/", *pieces, forever=forever)
        client = stand.client(http_answer_bytes=2_000)
        answer = await client.send(request(stand.url()))
        if isinstance(answer, Err):  # the first piece came with the head
            assert answer.value.tag == error
            client.close()
            return
        read = 0
        while (chunk := await answer.value.read_text(500)).tag == "data":
            read += len(chunk.value)
        assert chunk == Case("failed", chunk.value)
        assert chunk.value.tag == error
        assert read <= 2_000
        assert (await answer.value.read_text(500)).tag == "end"
        client.close()

    run(tmp_path, scenario)


def test_http_client_unpacks_nothing_on_its_own(tmp_path: Path) -> None:
    """A compressed answer is not unpacked, so that a small one cannot become a large one."""

    async def scenario(stand: Stand) -> None:
        bomb = gzip.compress(b"\0" * 10_000_000)
        stand.tls.ok("/", bomb, b"Content-Encoding: gzip")
        client = stand.client(http_answer_bytes=100_000)
        answer = await client.send(request(stand.url()))
        assert isinstance(answer, Ok)
        assert await answer.value.read_bytes(65_536) == Case("data", bomb[:65_536])
        client.close()

    run(tmp_path, scenario)


@pytest.mark.parametrize("where", ["head", "body"])
@pytest.mark.covers("http-client.error.timed-out")
def test_http_client_ends_slow_answers(tmp_path: Path, where: str) -> None:
    """A peer that says nothing, or a byte now and then, is left when the request's time is over."""

    async def scenario(stand: Stand) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        trickle = [bytes([byte]) for byte in (head if where == "head" else b"x" * 1000)]
        stand.tls.says("/", *((head,) if where == "body" else ()), *trickle, pause=0.05)
        client = stand.client()
        answer = await client.send(request(stand.url(), timeout=300))
        if where == "head":
            assert refused(answer) == "timed-out"
        else:
            assert isinstance(answer, Ok)
            while (chunk := await answer.value.read_text(10)).tag == "data":
                pass
            assert chunk == Case("failed", Case("timed-out"))
        client.close()

    run(tmp_path, scenario)


@pytest.mark.covers("http-client.quota.httpTimeout")
def test_http_client_ends_what_takes_longer_than_granted(tmp_path: Path) -> None:
    """The operator's time holds for a request that asks for none of its own, or for more."""

    async def scenario(stand: Stand) -> None:
        stand.tls.says("/", *[bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"], pause=0.05)
        client = stand.client(http_timeout=0.2)
        for wanted in (None, 60_000):
            assert refused(await client.send(request(stand.url(), timeout=wanted))) == "timed-out"
        client.close()

    run(tmp_path, scenario)


def test_http_client_ends_a_handshake_that_never_ends(tmp_path: Path) -> None:
    """A port that accepts and is silent where TLS is expected is left in time."""

    async def scenario(stand: Stand) -> None:
        peer = Peer()
        silent = await asyncio.start_server(peer.accept, "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        client = stand.client((f"https://api.test:{port}",))
        assert refused(await client.send(request(f"https://api.test:{port}/", timeout=200))) == "timed-out"
        client.close()
        silent.close()
        await peer.end()

    run(tmp_path, scenario)


# --- what a plugin may not send ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "CONNECT"},
        {"method": "get"},
        {"method": "GET / HTTP/1.1\r\nX: y"},
        {"headers": [("Host", "evil.test")]},
        {"headers": [("content-length", "3")]},
        {"headers": [("Transfer-Encoding", "chunked")]},
        {"headers": [("Connection", "X-Mine")]},
        {"headers": [("Proxy-Authorization", "x")]},
        {"headers": [("X-Mine", "a\r\nX-Other: b")]},
        {"headers": [("X Mine", "a")]},
        {"headers": [("", "a")]},
        {"headers": [("X-Mine", "a" * 20_000)]},
        {"body": Case("text", "x" * 1_001)},
    ],
)
@pytest.mark.covers("http-client.error.bad-request")
def test_http_client_sends_nothing_that_smuggles(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Other methods, the connection's headers, line breaks and bodies above the quota are bad requests."""

    async def scenario(stand: Stand) -> None:
        client = stand.client(http_request_bytes=1_000)
        assert refused(await client.send(request(stand.url(), **changes))) == "bad-request"
        assert stand.tls.heard == []
        client.close()

    run(tmp_path, scenario)


@pytest.mark.covers("http-client.error.no-such-secret", "http-client.error.other")
def test_http_client_knows_only_secrets_that_are_listed(tmp_path: Path) -> None:
    """A secret that is not the plugin's is named in the refusal; one whose file is missing is another error."""

    async def scenario(stand: Stand) -> None:
        client = stand.client(secrets=("mine",))
        header = SimpleNamespace(name="X-Key", prefix="", secret="other")
        answer = await client.send(request(stand.url(), secrets=[header]))
        assert answer == Err(Case("no-such-secret", "other"))
        header.secret = "mine"
        assert refused(await client.send(request(stand.url(), secrets=[header]))) == "other"
        assert stand.tls.heard == []
        client.close()

    run(tmp_path, scenario)


@pytest.mark.covers("http-client.quota.httpRate", "http-client.quota.httpConnections", "http-client.error.rate-limited")
def test_http_client_quota_of_requests(tmp_path: Path) -> None:
    """More requests a second, or at the same time, than granted are rate-limited; a closed answer makes room."""

    async def scenario(stand: Stand) -> None:
        stand.tls.ok("/")
        client = stand.client(http_connections=1)
        first = await client.send(request(stand.url()))
        assert isinstance(first, Ok)
        assert refused(await client.send(request(stand.url()))) == "rate-limited"
        first.value.close()
        first.value.close()
        assert await text(await client.send(request(stand.url()))) == "hello"
        client.close()
        client = stand.client(http_rate=1)
        answers = [await client.send(request("https://elsewhere.test/")) for _ in range(11)]
        assert [refused(answer) for answer in answers] == ["not-allowed"] * 10 + ["rate-limited"]
        client.close()

    run(tmp_path, scenario)


# --- laws ------------------------------------------------------------------------------------------


@given(st.ip_addresses())
def test_no_address_of_a_special_range_may_be_connected_to(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """What is private, local, reserved or multicast, plainly or inside an IPv6 address, is refused."""
    if may_connect(str(address)):
        assert address.is_global
        assert not any((address.is_multicast, address.is_private, address.is_loopback, address.is_link_local))
    if isinstance(address, ipaddress.IPv4Address):
        for wrapped in (f"::ffff:{address}", str(ipaddress.IPv6Address((0x64FF9B << 96) | int(address)))):
            assert not may_connect(wrapped) or may_connect(str(address))


@given(st.from_regex(r"https?://(\*\.)?[a-z0-9.-]{1,20}(:[0-9]{1,5})?", fullmatch=True))
def test_origins_are_read_as_they_are_written(text: str) -> None:
    """Whatever is accepted is printed as an origin that reads back as the same one."""
    try:
        origin = OriginKind().read(text)
    except BadValue:
        return
    assert OriginKind().read(str(origin)) == origin
    if not origin.host.startswith("*."):
        assert origin.admits(origin.scheme, origin.host.upper() + ".", origin.port)


def test_an_origin_with_a_star_stands_for_the_names_below_it() -> None:
    """`*.` takes one name or more, never none, and nothing that only ends alike."""
    origin = Origin("https", "*.example.org", 443)
    assert origin.admits("https", "a.example.org", 443)
    assert origin.admits("https", "a.b.example.org", 443)
    assert not origin.admits("https", "example.org", 443)
    assert not origin.admits("https", "evilexample.org", 443)
