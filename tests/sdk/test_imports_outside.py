"""Imports that lead out of a plugin, with what is out there: a server behind TLS, another plugin, a client.

The stand of `test_imports.py` has tables in their place.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from e2e.authority import Authority
from plugins.generations import serving, snapshot
from runtime.guests import Guest
from sdk.probes import SDKS, Probe, Probed, probed
from wasmpuck.config import HTTPSettings
from wasmpuck.config.origins import OriginKind
from wasmpuck.http import build_application
from wasmpuck.http.chain import Means, plugin_middleware
from wasmpuck.http.riddles import Riddles
from wasmpuck.keyserver import Keyserver
from wasmpuck.keyserver.tokens import Tokens
from wasmpuck.metrics import Metrics
from wasmpuck.plugins import Plugin, Registry
from wasmpuck.plugins.tap import Tap
from wasmpuck.runtime.capabilities import Context, Facilities
from wasmpuck.runtime.values import Case
from wasmpuck.storage import SQLiteKeyStore
from wasmpuck.worlds.services import PluginExchange


@pytest.fixture(params=SDKS)
def on_probe(request: pytest.FixtureRequest) -> Probed:
    """Runs a body with the probe of each SDK."""
    return probed(request.param)


class Outside(Tap):
    """Lets the probe out: `changes` are facilities in the place of the stand's."""

    def __init__(self, **changes: Any) -> None:
        self._changes = changes

    def grant(self, names: Iterable[str], context: Context) -> dict[str, Any]:
        """With other facilities."""
        facilities: Facilities = replace(context.facilities, **self._changes)
        return super().grant(names, replace(context, facilities=facilities))


@pytest.mark.covers("http-client.use")
def test_http_client_over_tls(on_probe: Probed, tmp_path: Path) -> None:
    """Requests and answers cross a real connection, whose certificate is verified; another address is not asked."""
    authority = Authority(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("localhost"))

    async def echo(request: web.Request) -> web.Response:
        told = [request.method, request.headers.get("authorization", ""), (await request.read()).decode()]
        return web.json_response(told, headers={"x-from": "there"})

    async def elsewhere(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"location": "/echo"})

    def application() -> web.Application:
        made = web.Application()
        made.router.add_route("*", "/echo", echo)
        made.router.add_get("/there", elsewhere)
        return made

    async def asking(probe: Probe) -> None:
        async with served(application(), sock, context):
            options = {"secrets": [["authorization", "Bearer ", "token"]], "body": "grüß"}
            answer = await probe.ask("http-client.response.read-text", "POST", f"{origin}/echo", options)
            assert json.loads(answer) == ["POST", "Bearer s3cret", "grüß"]
            headers = await probe.ask("http-client.response.headers", "GET", f"{origin}/echo", {})
            assert ["x-from", "there"] in headers
            assert await probe.ask("http-client.response.url", "GET", f"{origin}/there", {}) == f"{origin}/echo"
            data = await probe.ask("http-client.response.read-bytes", "GET", f"{origin}/echo", {})
            assert json.loads(bytes(data)) == ["GET", "", ""]
            assert (await probe.fails("http-client.send", "GET", "https://localhost:1/echo", {}))[0] == "not-allowed"

    async def mistrusting(probe: Probe) -> None:
        async with served(application(), sock, context):
            assert (await probe.fails("http-client.send", "GET", f"{origin}/echo", {}))[0] == "untrusted"

    out = Outside(outbound=None)
    for body, trusted, secrets in ((asking, authority.certificate, {"token": "s3cret"}), (mistrusting, None, {})):
        sock = socket.create_server(("127.0.0.1", 0))
        origin = f"https://localhost:{sock.getsockname()[1]}"
        table = {
            "http_allow": (OriginKind().read(origin),),
            "http_private": True,
            "http_authorities": trusted,
        }
        on_probe(body, tap=out, table=table, secrets=secrets)


@contextlib.asynccontextmanager
async def served(
    application: web.Application, sock: socket.socket, context: ssl.SSLContext | None
) -> AsyncIterator[None]:
    """An application behind a listening socket."""
    runner = web.AppRunner(application, handle_signals=False)
    await runner.setup()
    try:
        await web.SockSite(runner, sock, ssl_context=context).start()
        yield
    finally:
        await runner.cleanup()


@pytest.mark.covers("messaging.use")
def test_messaging_with_a_plugin(on_probe: Probed) -> None:
    """Another plugin answers; one that would have to wait for itself is told so, and does not know its own topics."""
    services = [{"kind": "echo", "topics": ["say"], "description": ""}]
    results = {"services.describe-services": services, "services.call": Case("answer", "said")}
    friend = Guest(name="friend", worlds=("lifecycle", "services"), results=results)
    registry = Registry()

    async def body(probe: Probe) -> None:
        async with serving(friend, manifest={"services": ("echo",)}) as others:
            registry.publish(snapshot([*others, probe.plugin]))
            assert await probe.ask("messaging.call", "friend", "say", "hello") == "said"
            assert await probe.ask("messaging.call", "service:echo", "say", "hello") == "said"
            assert await probe.ask("messaging.find", "echo") == ["friend"]
            assert await probe.ask("messaging.find", "probe-log") == []
            assert await probe.fails("messaging.call", "probe", "clock.now", "[]") == ("cycle", None)
            assert await probe.fails("messaging.call", "gone", "say", "") == ("no-such-peer", None)

    out = Outside(exchange=PluginExchange(registry))
    on_probe(body, tap=out, table={"peers": ("friend", "gone", "probe")})


@pytest.mark.covers("responder.use")
def test_responder_with_a_client(on_probe: Probed, tmp_path: Path) -> None:
    """A client of the server gets the pieces as one answer, with status and headers."""

    async def body(probe: Probe) -> None:
        async with contextlib.AsyncExitStack() as stack:
            store = SQLiteKeyStore(tmp_path / "keys.sqlite")
            await store.open()
            stack.push_async_callback(store.close)
            keyserver = Keyserver(store)
            stack.push_async_callback(keyserver.close)
            sock = socket.create_server(("127.0.0.1", 0))
            await stack.enter_async_context(served(application_of(keyserver, probe.plugin), sock, None))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            url = f"http://127.0.0.1:{sock.getsockname()[1]}/plugins/probe/stream"
            for function in ("outgoing.write", "outgoing.write-bytes"):
                query = {"function": function, "payload": json.dumps([201, [["x-a", "1"]], ["grü", "ß"]])}
                async with session.get(url, params=query) as answer:
                    assert (answer.status, answer.headers["x-a"]) == (201, "1")
                    assert await answer.read() == "grüß".encode()
            async with session.get(url, params={"function": "begin", "payload": "[99, [], []]"}) as answer:
                assert (await answer.json())["error"] == "bad-status"

    on_probe(body)


def application_of(keyserver: Keyserver, plugin: Plugin) -> web.Application:
    """A server with one plugin."""
    registry, settings = Registry(), HTTPSettings()
    registry.publish(snapshot([plugin]))
    means = Means(Riddles(Tokens(bytes(32))), settings)
    middleware = plugin_middleware(registry, means)
    metrics = Metrics(process=False)
    return build_application(keyserver, settings, metrics, middlewares=[middleware], plugins=registry)
