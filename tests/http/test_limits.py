"""What a connection may take: real sockets against limits that are short enough to wait for."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing, suppress
from ipaddress import ip_network

import pytest
from aiohttp import web

from e2e.serving import ServerThread
from wasmpuck.config import HTTPSettings
from wasmpuck.errors import ClientError
from wasmpuck.http.body import expect_later, read_body
from wasmpuck.http.limits import guard_middleware
from wasmpuck.http.problems import errors_middleware
from wasmpuck.metrics import Metrics

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
LARGE = 64 * 1024 * 1024


def small_limits(**changes: object) -> HTTPSettings:
    limits: dict[str, object] = {
        "header_timeout": 0.4,
        "idle_timeout": 0.8,
        "body_timeout": 0.4,
        "write_timeout": 0.6,
        "minimum_body_rate": 1024,
        "max_body_bytes": 1024 * 1024,
        "connections_per_client": 5,
        "shutdown_timeout": 1.0,
    }
    return HTTPSettings(**(limits | changes))  # type: ignore[arg-type] # each test names one of the fields above


def serving(settings: HTTPSettings) -> ServerThread:
    metrics = Metrics(process=False)

    async def build(stack: AsyncExitStack) -> web.Application:
        async def hello(request: web.Request) -> web.Response:
            return web.Response(text="hello")

        async def large(request: web.Request) -> web.Response:
            return web.Response(body=bytes(LARGE))

        async def size(request: web.Request) -> web.Response:
            return web.Response(text=str(len(await read_body(request, settings))))

        application = web.Application(middlewares=[guard_middleware, errors_middleware(metrics)])
        application.add_routes(
            [web.get("/", hello), web.get("/large", large), web.post("/", size, expect_handler=expect_later)]
        )
        return application

    return ServerThread(build, settings, metrics)


@pytest.fixture
def server() -> Iterator[ServerThread]:
    with serving(small_limits()) as running:
        yield running


def connect(server: ServerThread) -> socket.socket:
    connection = socket.create_connection(server.address, timeout=10)
    connection.settimeout(10)
    return connection


def read_to_end(connection: socket.socket) -> bytes:
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def closed_for(server: ServerThread, reason: str) -> bool:
    """Whether the server comes to count one connection that it closed for this reason."""
    line = f'wasmpuck_http_connections_closed_total{{reason="{reason}"}} 1.0'
    deadline = time.monotonic() + 10
    while line not in server.metrics.render().decode():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_silent_connection_is_closed(server: ServerThread) -> None:
    """Whoever connects and says nothing is closed after the idle time, without a word."""
    with closing(connect(server)) as connection:
        assert read_to_end(connection) == b""
    assert closed_for(server, "idle-timeout")


def test_headers_that_trickle_get_408(server: ServerThread) -> None:
    """A header every moment does not prolong the time for headers (slowloris)."""
    with closing(connect(server)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n")
        began = time.monotonic()
        answer = b""
        connection.settimeout(0.1)
        while not answer and time.monotonic() - began < 10:
            try:
                connection.sendall(b"X-Slow: 1\r\n")
                answer = connection.recv(65536)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")
    assert closed_for(server, "header-timeout")


def test_a_connection_is_kept_between_requests(server: ServerThread) -> None:
    """Requests follow each other on one connection, with pauses shorter than the idle time."""
    with closing(connect(server)) as connection:
        for _ in range(3):
            connection.sendall(GET)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.3)
        connection.sendall(GET)
        assert read_to_end(connection).startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_all_answered(server: ServerThread) -> None:
    """Several requests in one segment get as many answers."""
    with closing(connect(server)) as connection:
        connection.sendall(GET * 5)
        assert read_to_end(connection).count(b"HTTP/1.1 200 OK") == 5


def test_a_body_that_stalls_gets_408(server: ServerThread) -> None:
    """A body that does not go on ends in 408 and a closed connection."""
    with closing(connect(server)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nhalf")
        answer = read_to_end(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"4 bytes" in answer


def test_a_body_that_keeps_the_least_rate_is_taken(server: ServerThread) -> None:
    """A body may take longer than its first time when it keeps coming."""
    with closing(connect(server)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4096\r\nConnection: close\r\n\r\n")
        for _ in range(8):
            connection.sendall(bytes(512))
            time.sleep(0.15)
        assert read_to_end(connection).endswith(b"4096")


def test_a_large_announced_body_gets_413_unread(server: ServerThread) -> None:
    """Ten megabytes are refused by their announcement, before a byte of them is sent."""
    with closing(connect(server)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10485760\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_large_chunked_body_gets_413(server: ServerThread) -> None:
    """A body of unannounced length is refused once it passes the limit."""
    with closing(connect(server)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        try:
            for _ in range(160):
                connection.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_no_invitation_for_a_body_that_is_too_large(server: ServerThread) -> None:
    """`Expect: 100-continue` is answered by the refusal itself."""
    with closing(connect(server)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 10485760\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_an_invitation_for_a_body_that_is_wanted(server: ServerThread) -> None:
    """`Expect: 100-continue` is answered with 100 and, after the body, with the result."""
    with closing(connect(server)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"body")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_an_unknown_expectation_gets_417(server: ServerThread) -> None:
    """Only 100-continue can be expected."""
    with closing(connect(server)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nExpect: miracles\r\nContent-Length: 4\r\n\r\nbody")
        assert connection.recv(65536).startswith(b"HTTP/1.1 417 ")


def test_an_encoded_body_gets_415(server: ServerThread) -> None:
    """A compressed body is refused instead of unpacked."""
    with closing(connect(server)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody")
        assert connection.recv(65536).startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize(
    "headers",
    [
        b"".join(b"X-%d: 1\r\n" % number for number in range(5000)),
        b"X-Long: " + b"a" * 200_000 + b"\r\n",
        b"no header at all\r\n",
    ],
    ids=["many", "long", "malformed"],
)
def test_a_flood_of_headers_is_refused(server: ServerThread, headers: bytes) -> None:
    """Too many, too long and malformed headers end in 400 and a closed connection."""
    with closing(connect(server)) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n" + headers + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.0 400 ")
    with closing(connect(server)) as connection:
        connection.sendall(GET)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "request_",
    [b"GARBAGE\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"GET /?search=secret" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n"],
)
def test_what_is_no_request_is_answered_in_our_words(
    server: ServerThread, caplog: pytest.LogCaptureFixture, request_: bytes
) -> None:
    """With a hint, for any web page, by the server's name; what was searched is repeated nowhere, nor logged."""
    caplog.set_level(logging.DEBUG)
    with closing(connect(server)) as connection:
        connection.sendall(request_)
        answer = read_to_end(connection)
    assert answer.startswith(b"HTTP/1.0 400 ")
    for part in (
        b"Access-Control-Allow-Origin: *",
        b"Server: Wasmpuck/",
        b"Cache-Control: no-store",
        b"no HTTP/1.1, or",
    ):
        assert part in answer
    assert b"secret" not in answer
    assert "secret" not in caplog.text


def test_a_bad_request_leaves_no_traceback(server: ServerThread, caplog: pytest.LogCaptureFixture) -> None:
    """What is no HTTP is not worth a line in the log, and certainly no traceback."""
    with closing(connect(server)) as connection:
        connection.sendall(b"\x16\x03\x01 this is TLS\r\n\r\n")
        assert b"Traceback" not in read_to_end(connection)
    assert not [record for record in caplog.records if record.levelname not in {"DEBUG", "INFO"}]


def test_an_answer_that_nobody_reads_is_aborted(server: ServerThread) -> None:
    """A client that asks for much and reads nothing loses its connection."""
    with closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.connect(server.address)
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n")
        assert closed_for(server, "write-timeout")


def test_a_slow_reader_that_goes_on_is_served(server: ServerThread) -> None:
    """Reading slowly, but reading, is no reason to be closed."""
    with closing(connect(server)) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        size = 0
        for _ in range(6):
            size += len(connection.recv(4 * 1024 * 1024))
            time.sleep(0.25)
        assert size + len(read_to_end(connection)) > LARGE


def test_a_client_has_a_share_of_the_connections(server: ServerThread) -> None:
    """The sixth connection of a client that may have five is told to come back, and gets in when one has left."""
    held = [connect(server) for _ in range(5)]
    try:
        for connection in held:
            connection.sendall(GET)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        with closing(connect(server)) as sixth:
            answer = read_to_end(sixth)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: " in answer
        held.pop().close()
        deadline = time.monotonic() + 10
        while True:
            with closing(connect(server)) as again:
                again.sendall(GET)
                if again.recv(65536).startswith(b"HTTP/1.1 200 ") or time.monotonic() > deadline:
                    break
        assert time.monotonic() < deadline
    finally:
        for connection in held:
            connection.close()


def test_a_trusted_proxy_has_no_share_of_its_own() -> None:
    """Many clients come through a proxy, so its connections are not counted as one client's."""
    settings = small_limits(trusted_proxies=(ip_network("127.0.0.0/8"),), connections_per_client=1)
    with serving(settings) as server:
        held = [connect(server) for _ in range(5)]
        for connection in held:
            connection.sendall(GET)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            connection.close()


def test_the_listener_has_a_limit_of_its_own() -> None:
    """Beyond the most connections of all clients together, nobody gets in."""
    with (
        serving(small_limits(max_connections=1, connections_per_client=0)) as server,
        closing(connect(server)) as first,
    ):
        first.sendall(GET)
        assert first.recv(65536).startswith(b"HTTP/1.1 200 ")
        with closing(connect(server)) as second:
            assert read_to_end(second).startswith(b"HTTP/1.1 503 ")


def test_a_client_error_has_a_status() -> None:
    """Every error of this layer that a client causes says which status it is."""
    assert all(400 <= error.status < 600 for error in ClientError.__subclasses__())
