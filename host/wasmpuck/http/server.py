"""Listening: an application behind sockets, with the limits of `http.limits` and no others of aiohttp's defaults."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from wasmpuck.http.app import SERVER
from wasmpuck.http.front import FRONT
from wasmpuck.http.limits import Census

if TYPE_CHECKING:
    from ssl import SSLContext

    from wasmpuck.config import HTTPSettings
    from wasmpuck.metrics import Metrics

__all__ = ["HTTPServer", "serve"]

_LAST_PAUSE = 0.5
"""Seconds for what is left when `shutdown_timeout` is over, before it is cancelled."""

_Answering: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_ALWAYS = {
    "Server": SERVER,
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}

_connection_log = logging.getLogger("wasmpuck.http.connection")


def _quiet_about_bad_clients(record: logging.LogRecord) -> bool:
    """A log filter: what is no HTTP is the client's business and would let anyone fill the log with tracebacks."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        record.exc_info, record.exc_text = None, None
        record.msg, record.args = f"not understood: {type(error).__name__}", ()  # its words repeat what was searched
        return _connection_log.isEnabledFor(logging.DEBUG)
    return True


_connection_log.addFilter(_quiet_about_bad_clients)


class _Protocol(web.RequestHandler):
    """aiohttp's protocol, but for its words about what is no HTTP."""

    __slots__ = ("_hint",)

    def __init__(self, manager: web.Server, hint: str, **options: Any) -> None:
        super().__init__(manager, loop=asyncio.get_running_loop(), **options)
        self._hint = hint

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that does not get as far as the application, in the form of its other failures."""
        response = super().handle_error(request, status, exc, message)
        if isinstance(response, web.Response) and isinstance(exc, HttpProcessingError):
            response.text = f"the request is not understood\n{self._hint}\n"
        response.headers.update(_ALWAYS)
        return response


class HTTPServer:
    """An application that listens; made by `serve`, which also ends it."""

    def __init__(self, census: Census) -> None:
        self._census = census
        self._servers: list[asyncio.Server] = []

    async def bind(self, host: str, port: int, *, ssl_context: SSLContext | None = None) -> str:
        """Starts to accept connections at `host` (empty: every address) and `port` (0: any free one).

        Returns the URL without a trailing slash. Raises OSError when the address cannot be had.
        """
        server = await asyncio.get_running_loop().create_server(
            self._census, host or None, port, ssl=ssl_context, backlog=1024
        )
        self._servers.append(server)
        bound = server.sockets[0].getsockname()
        name = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        return f"{'https' if ssl_context else 'http'}://{name}:{bound[1]}"

    @property
    def connections(self) -> int:
        """Open connections of all addresses."""
        return len(self._census)

    def stop_accepting(self) -> None:
        """Closes the listening sockets; open connections go on."""
        for server in self._servers:
            server.close()


@asynccontextmanager
async def serve(
    application: web.Application, settings: HTTPSettings, metrics: Metrics | None = None
) -> AsyncIterator[HTTPServer]:
    """Runs the application; `bind` gives it addresses.

    At the end no connection is accepted any more, idle ones are closed, and requests in flight get
    `settings.shutdown_timeout` seconds.
    """
    options: dict[str, Any] = {
        "access_log": None,
        "logger": _connection_log,
        "auto_decompress": False,
        "max_line_size": settings.max_header_bytes,
        "max_field_size": settings.max_header_bytes,
        "max_headers": settings.max_headers,
        "lingering_time": min(5.0, settings.body_timeout),
        # The guard ends idle connections; aiohttp's own timer, one a connection, is only set beyond it.
        "keepalive_timeout": settings.idle_timeout + settings.header_timeout + 60,
    }
    hint = (
        f"It is no HTTP/1.1, or a line of it has more than {settings.max_header_bytes:,} bytes, "
        f"or it has more than {settings.max_headers:,} header fields."
    )
    # By the time of its shutdown requests in flight have been waited for.
    runner = web.AppRunner(application, shutdown_timeout=_LAST_PAUSE)
    await runner.setup()
    manager = runner.server
    if manager is None:
        raise RuntimeError("aiohttp's runner has no server after setup")
    if FRONT in application:
        # Every request of an application is a `web.Request`, which aiohttp's types do not say here.
        manager.request_handler = cast("_Answering", application[FRONT].whole(manager.request_handler))
    census = Census(
        partial(_Protocol, manager, hint, **options),
        settings,
        closed=metrics.connection_closed if metrics else lambda reason: None,
    )
    server = HTTPServer(census)
    async with census:
        if metrics:
            metrics.watch_connections(lambda: server.connections)
        try:
            yield server
        finally:
            server.stop_accepting()
            await census.drain(settings.shutdown_timeout)
            await runner.cleanup()
