"""A server on loopback in a thread of its own, so that tests talk to it over real sockets with blocking clients."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from wasmpuck.config import HTTPSettings
from wasmpuck.http import build_application, serve
from wasmpuck.keyserver import Admission, Keyserver, SearchRules
from wasmpuck.metrics import Metrics
from wasmpuck.storage import SQLiteKeyStore

__all__ = ["ServerThread", "keyserver_thread"]


class ServerThread:
    """Runs an application from `__enter__` to `__exit__`.

    `build` makes the application inside the server's loop and may leave things to close on the stack that it gets.
    Raises in `__enter__` what `build` raised.
    """

    def __init__(
        self,
        build: Callable[[AsyncExitStack], Awaitable[web.Application]],
        settings: HTTPSettings,
        metrics: Metrics,
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self.url = ""
        self._build = build
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port for a socket."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(60)
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        if self._failure is not None and error is None:
            raise self._failure

    def run(self, work: Awaitable[object]) -> object:
        """Awaits `work` in the server's loop, from the test's thread."""
        if self._loop is None:
            raise RuntimeError("the server does not run")

        async def go() -> object:
            return await work

        return asyncio.run_coroutine_threadsafe(go(), self._loop).result(60)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with AsyncExitStack() as stack:
            application = await self._build(stack)
            server = await stack.enter_async_context(serve(application, self.settings, self.metrics))
            self.url = await server.bind("127.0.0.1", 0)
            self._ready.set()
            await self._stop.wait()


def keyserver_thread(
    folder: Path,
    settings: HTTPSettings | None = None,
    *,
    admission: Admission | None = None,
    middlewares: Sequence[Middleware] = (),
    search: SearchRules | None = None,
) -> ServerThread:
    """The public application before a real keyserver with a database of its own in `folder`."""
    metrics, settings = Metrics(process=False), settings or HTTPSettings()

    async def build(stack: AsyncExitStack) -> web.Application:
        store = SQLiteKeyStore(folder / "keys.sqlite")
        await store.open()
        stack.push_async_callback(store.close)
        keyserver = Keyserver(
            store, search=search, search_limit=settings.max_results, search_bytes=settings.max_answer_bytes
        )
        stack.push_async_callback(keyserver.close)
        return build_application(keyserver, settings, metrics, middlewares=middlewares, admission=admission)

    return ServerThread(build, settings, metrics)
