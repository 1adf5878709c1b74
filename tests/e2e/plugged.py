"""A keyserver behind a real socket whose requests meet plugins, which are guests of the tests."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aiohttp import web

from e2e.serving import ServerThread
from plugins.generations import registered
from runtime.guests import Guest
from wasmpuck.config import HTTPSettings, WKDSettings
from wasmpuck.http import build_application
from wasmpuck.http.chain import Means, plugin_middleware
from wasmpuck.http.riddles import Riddles
from wasmpuck.keyserver import Keyserver
from wasmpuck.keyserver.tokens import Tokens
from wasmpuck.metrics import Metrics
from wasmpuck.plugins import Plugin, Registry
from wasmpuck.storage import SQLiteKeyStore

__all__ = ["Plugged", "connect", "eventually", "received"]

SECRET = b"a secret of the tests, 32 bytes."


class Plugged(ServerThread):
    """The application before an empty keyserver, with these guests in service; `settings` are theirs."""

    def __init__(
        self, folder: Path, *guests: Guest, http: HTTPSettings | None = None, clock: Any = time.time, **settings: Any
    ) -> None:
        self._folder = folder
        self._guests = guests
        self._plugin_settings = settings
        self._clock = clock
        self.means: Means
        self.registry: Registry
        self.application: web.Application
        super().__init__(self._assemble, http or HTTPSettings(), Metrics(process=False))

    @property
    def plugins(self) -> list[Plugin]:
        """Those in service."""
        return list(self.registry.current.plugins.values())

    async def _assemble(self, stack: AsyncExitStack) -> web.Application:
        store = SQLiteKeyStore(self._folder / "keys.sqlite")
        await store.open()
        stack.push_async_callback(store.close)
        keyserver = Keyserver(store)
        stack.push_async_callback(keyserver.close)
        self.registry = await stack.enter_async_context(registered(*self._guests, **self._plugin_settings))
        self.means = Means(Riddles(Tokens(SECRET, clock=self._clock)), self.settings)
        self.application = build_application(
            keyserver,
            self.settings,
            self.metrics,
            middlewares=[plugin_middleware(self.registry, self.means)],
            plugins=self.registry,
            wkd=WKDSettings(domains=("example.org",)),
        )
        return self.application

    def closing(self) -> None:
        """What a server does first when it stops."""

        async def close() -> None:
            self.means.close()

        self.run(close())


def connect(server: ServerThread, head: str, body: bytes = b"") -> socket.socket:
    """A connection that has sent a request: `head` is the request line and headers but `Host`."""
    client = socket.create_connection(server.address, timeout=30)
    first, *rest = head.split("\n")
    client.sendall("\r\n".join([first, "Host: localhost", *rest, "", ""]).encode() + body)
    return client


def received(client: socket.socket) -> bytes:
    """Everything that comes until the server closes."""
    found = b""
    while True:
        try:
            data = client.recv(65_536)
        except ConnectionResetError:
            return found
        if not data:
            return found
        found += data


def eventually(holds: Callable[[], Any]) -> None:
    """Waits until something holds; AssertionError when it does not for a long time."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
