"""The server as a process: what its signals do."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable

from wasmpuck.app import Ready, Server, open_server
from wasmpuck.config import Configuration
from wasmpuck.errors import WasmpuckError
from wasmpuck.plugins import Outcome

__all__ = ["serve"]

_log = logging.getLogger(__name__)


async def serve(
    configuration: Configuration,
    *,
    announce: Callable[[Ready], None],
    progress: Callable[[str, float], None] | None = None,
) -> int:
    """Runs a server until SIGTERM or SIGINT, which also end its start; SIGHUP reloads. Returns the exit status.

    A signal that comes again changes nothing: what has been received is still answered and what is stored is written.
    """
    loop = asyncio.get_running_loop()
    this = asyncio.current_task()
    stop = asyncio.Event()
    running: list[Server] = []
    reloads: set[asyncio.Task[None]] = set()

    def end() -> None:
        if not running and not stop.is_set() and this is not None:
            this.cancel()
        stop.set()

    def reload() -> None:
        if running and not stop.is_set():
            task = loop.create_task(_reload(running[0].reload), name="SIGHUP")
            reloads.add(task)
            task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        async with open_server(configuration, progress=progress) as server:
            running.append(server)
            announce(server.ready)
            await stop.wait()
            _log.info("stopping: requests in flight are finished")
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
        _log.info("stopped before the server was ready")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
    return 0


async def _reload(reload: Callable[[], Awaitable[list[Outcome]]]) -> None:
    try:
        for outcome in await reload():
            _log.info("reload: %s %s %s", outcome.name, outcome.what, outcome.reason)
    except WasmpuckError as error:
        _log.error("not reloaded, everything stays as it was: %s", error.message)
