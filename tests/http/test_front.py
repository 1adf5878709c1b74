"""What every request passes, and what it need not pass."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from aiohttp.typedefs import Handler

from e2e.serving import keyserver_thread
from wasmpuck.config import HTTPSettings
from wasmpuck.errors import BadRequest
from wasmpuck.http.front import Front
from wasmpuck.http.visit import current
from wasmpuck.metrics import Metrics
from wasmpuck.plugins import Snapshot


@web.middleware
async def stamp(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Stands for plugins."""
    response = await handler(request)
    response.headers["X-Plugin"] = str(response.status)
    return response


async def answer(request: web.Request) -> web.StreamResponse:
    if request.query.get("op") == "bad":
        raise BadRequest("no")
    return web.Response(text="OK", headers={"X-Path": current().path})


def test_plugins_are_passed_by_only_while_there_are_none() -> None:
    """Whether they are is asked for each request; failures are answers for them, and without them too."""
    idle = True
    front = Front(HTTPSettings(), Metrics(process=False), [stamp], lambda: idle)
    handler = front.wrap(answer)

    async def ask(path: str) -> web.StreamResponse:
        return await handler(make_mocked_request("GET", path, app=web.Application()))

    async def run() -> None:
        nonlocal idle
        for idle in (True, False, True, False):
            good, bad = await ask("/pks/lookup?op=get"), await ask("/pks/lookup?op=bad")
            assert (good.status, bad.status) == (200, 400)
            assert [each.headers.get("X-Plugin") for each in (good, bad)] == ([None] * 2 if idle else ["200", "400"])
            assert current().path == "/"

    asyncio.run(run())


def test_a_missing_plugin_is_not_idle() -> None:
    """A closed plugin that could not be loaded keeps requests from passing, though no plugin is in service."""
    assert Snapshot().idle
    assert not Snapshot(absent={"limits": "self-test-failed"}).idle


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("OPTIONS * HTTP/1.1", 404),
        ("CONNECT example.org:1 HTTP/1.1", 404),
        ("GET http://example.org HTTP/1.1", 404),
        ("GET /nothing/%0a HTTP/1.1", 404),
        ("POST /pks/lookup HTTP/1.1", 405),
        ("GET /pks/stats HTTP/1.1\r\nExpect: miracles", 417),
    ],
)
def test_what_no_handler_is_for_is_answered_like_all_else(line: str, status: int, tmp_path: Path) -> None:
    """With the fields that every answer has; plugins see it, and it is counted."""
    with keyserver_thread(tmp_path, middlewares=[stamp]) as server:
        with socket.create_connection(server.address, timeout=20) as connection:
            connection.sendall(f"{line}\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
            got = b""
            while part := connection.recv(65536):
                got += part
        page = server.metrics.render().decode()
    head = got.partition(b"\r\n\r\n")[0].decode().splitlines()
    assert head[0].startswith(f"HTTP/1.1 {status} ")
    assert "Access-Control-Allow-Origin: *" in head
    assert any(field.startswith("Server: Wasmpuck/") for field in head)
    assert f"X-Plugin: {status}" in head
    assert any(f'status="{status}"' in each and each.endswith(" 1.0") for each in page.splitlines())
