"""Plugins that answer over HTTP, in a real server: slow verdicts, riddles, routes, streams and forms."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from e2e.client import ask, lookup, upload
from e2e.processes import PATIENCE, ServerProcess, eventually, running
from runtime.abi import Image
from runtime.guests import Guest, keyring_text
from wasmpuck.http.riddles import zero_bits
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.values import Case

ALICE = (Path(__file__).parents[1] / "vectors" / "alice.asc").read_text()
CONFIGURATION = """\
[http]
maxConnections = 5000
connectionsPerClient = 5000

[plugins]
directory = "plugins"
keyring = "publishers"
watchInterval = "0s"
"""


def verdict(name: str, path: str, tag: str, **payload: object) -> Guest:
    """A middleware that always says the same about one path."""
    return Guest(
        name=name,
        worlds=("lifecycle", "middleware"),
        results={
            "middleware.describe-scope": {"paths": [path]},
            "middleware.on-request": {"verdict": Case(tag, payload), "reuse": None},
        },
    )


def routing(name: str, path: str, text: str, version: str = "1.0.0") -> Guest:
    """A plugin that answers one path with a text."""
    answer = {"status": 200, "headers": [("content-type", "text/x-own")], "body": Case("text", text)}
    return Guest(
        name=name,
        version=version,
        worlds=("lifecycle", "routes"),
        results={
            "routes.describe-routes": [{"path": path, "methods": ["GET"], "headers": []}],
            "routes.handle": Case("respond", answer),
        },
    )


def _streams(image: Image) -> str:
    kind = load_contract()["routes"].functions["handle"].result
    assert kind is not None
    streamed, piece, answer = image.value(kind, Case("streamed")), image.put(b"piece\n"), image.put(bytes(16), 4)
    write = f"""(call $responder.outgoing.write
      (i32.load (i32.const {answer + 4})) (i32.const {piece}) (i32.const 6) (i32.const {answer + 8}))"""
    return f"""(call $responder.begin (i32.const 200) (i32.const 0) (i32.const 0) (i32.const {answer}))
      {write} {write} {write} i32.const {streamed}"""


def streamer() -> Guest:
    """A plugin that answers in three pieces."""
    return Guest(
        name="streamer",
        worlds=("lifecycle", "routes"),
        imports={"responder": ["begin", "[method]outgoing.write"]},
        results={"routes.describe-routes": [{"path": "/plugins/streamer/*", "methods": ["GET"], "headers": []}]},
        bodies={"routes.handle": _streams},
    )


def forming(name: str, form: str) -> Guest:
    """A plugin with one form."""
    described = {"name": form, "media-type": "application/x-own", "extension": "own", "description": "A form."}
    return Guest(
        name=name,
        worlds=("lifecycle", "formatter"),
        results={"formatter.describe-formats": [described], "formatter.render": Case("text", f"{name}\n")},
    )


def put(server: ServerProcess, *guests: Guest) -> None:
    for guest in guests:
        (server.plugins / f"{guest.name}.wasm").write_bytes(guest.artifact())


@pytest.fixture
def prepared(tmp_path: Path) -> ServerProcess:
    """A server that does not run yet and trusts the tests' publisher."""
    server = ServerProcess(tmp_path)
    (server.publishers / "tests.toml").write_text(keyring_text())
    return server


@pytest.fixture
def connections() -> Iterator[ExitStack]:
    """Holds connections until the end."""
    with ExitStack() as stack:
        yield stack


def connect(server: ServerProcess, path: str) -> socket.socket:
    place = urlsplit(server.url)
    client = socket.create_connection((place.hostname or "", place.port or 0), timeout=PATIENCE)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


def test_a_thousand_dripped_clients(prepared: ServerProcess, connections: ExitStack) -> None:
    """They do not disturb those who are let pass; at the end of the server they are closed at once."""
    slow = {"status": 429, "headers": [], "body": "wait\n", "rate": 1, "milliseconds": 3_600_000}
    put(prepared, verdict("tarpit", "/tarpit", "drip", **slow))
    limits = 'limits = { drips = 1000, dripsPerClient = 1000, longestDrip = "1h" }'
    with running(prepared.folder, f"{CONFIGURATION}\n[plugins.tarpit]\n{limits}\n") as server:
        clients = [connections.enter_context(connect(server, "/tarpit")) for _ in range(1000)]
        assert {client.recv(12) for client in clients} == {b"HTTP/1.1 429"}
        dripping = "wasmpuck_http_dripping_connections"
        eventually(lambda: server.sample(dripping) == 1000, "all of them drip")
        assert [lookup(server.url, "get", "nobody@example.org").status for _ in range(100)] == [404] * 100
        assert server.sample(dripping) == 1000
        late = connections.enter_context(connect(server, "/tarpit"))
        assert late.recv(12) == b"HTTP/1.1 429"
        while clients[0].recv(4096):  # the oldest made room
            pass
        assert server.sample(dripping) == 1000


def test_a_delayed_client_does_not_keep_the_server_from_stopping(
    prepared: ServerProcess, connections: ExitStack
) -> None:
    """It is answered at once then, with what it waited for."""
    put(prepared, verdict("patience", "/pks/health", "delay", milliseconds=3_600_000, headers=[("x-waited", "no")]))
    with running(prepared.folder, f'{CONFIGURATION}\n[plugins.patience]\nlimits.longestDelay = "10m"\n') as server:
        client = connections.enter_context(connect(server, "/pks/health"))
        eventually(lambda: server.sample("wasmpuck_http_delayed_requests") == 1, "it waits")
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        assert client.recv(15) == b"HTTP/1.1 200 OK"


def test_a_riddle_outlives_the_server(prepared: ServerProcess) -> None:
    """A program solves it, and its solution is good after a restart too."""
    put(prepared, verdict("gate", "/pks/*", "challenge", bits=10, valid=3_600_000, text="Many ask now."))
    with running(prepared.folder, CONFIGURATION) as server:
        refused = ask(server.url, "GET", "/pks/health")
        assert refused.status == 403
        riddle, bits = refused.headers["Wasmpuck-Riddle"], int(refused.headers["Wasmpuck-Riddle-Bits"])
    solution = next(text for number in range(1 << 20) if zero_bits(text := f"{riddle}.{number}") >= bits)
    with running(prepared.folder, CONFIGURATION) as server:
        assert ask(server.url, "GET", "/pks/health", headers={"Wasmpuck-Solution": solution}).status == 200
        assert ask(server.url, "GET", "/pks/health").status == 403


def test_routes_of_plugins(prepared: ServerProcess) -> None:
    """A path of its own needs no permission, another one does; the later plugin does not get the first one's path."""
    permitted = f'{CONFIGURATION}\n[plugins.graph]\nroutes = ["/graphql"]\n'
    put(prepared, routing("graph", "/graphql", "one"), routing("own", "/plugins/own/x", "two"))
    with running(prepared.folder, permitted) as server:
        assert ask(server.url, "GET", "/graphql").text == "one"
        assert ask(server.url, "GET", "/plugins/own/x").text == "two"
        put(server, routing("rival", "/graphql", "three"))
        server.config.write_text(f'{permitted}\n[plugins.rival]\nroutes = ["/graphql", "/pks/*"]\n')
        refused = server.reload()["rival"]
        assert (refused["what"], str(refused["reason"]).partition(":")[0]) == ("refused", "route-taken")
        put(server, routing("rival", "/pks/lookup", "three"))
        assert "the server answers /pks/*" in str(server.reload()["rival"]["reason"])
        put(server, routing("graph", "/graphql", "four", "1.0.1"))
        assert server.reload()["graph"]["what"] == "published"
        assert ask(server.url, "GET", "/graphql").text == "four"
        put(server, routing("own", "/elsewhere", "two", "1.0.1"))
        assert server.reload()["own"]["what"] == "refused"
        assert ask(server.url, "GET", "/plugins/own/x").text == "two"
        assert server.sample("wasmpuck_http_requests_total", operation="plugin:graph") == 2
        assert server.calls("graph", "routes.handle") == {"ok": 2}


def test_streams_need_a_grant(prepared: ServerProcess) -> None:
    """Without it the plugin is not loaded."""
    put(prepared, streamer())
    with running(prepared.folder, CONFIGURATION) as server:
        assert "needs responder" in str(server.reload()["streamer"]["reason"])
        server.config.write_text(f'{CONFIGURATION}\n[plugins.streamer]\ngrants = ["responder"]\n')
        assert server.reload()["streamer"]["what"] == "published"
        answer = ask(server.url, "GET", "/plugins/streamer/x")
        assert (answer.status, answer.text) == (200, "piece\n" * 3)
        assert answer.headers["Transfer-Encoding"] == "chunked"


def test_forms_of_plugins(prepared: ServerProcess) -> None:
    """A look-up is rendered by a plugin; a form that is another's already is refused."""
    put(prepared, forming("first", "own"))
    with running(prepared.folder, CONFIGURATION) as server:
        assert upload(server.url, ALICE).status == 200
        answer = lookup(server.url, "get", "alice@openpgp.example", options="own")
        assert (answer.text, answer.headers["Content-Type"]) == ("first\n", "application/x-own")
        assert lookup(server.url, "index", "alice@openpgp.example", accept="application/x-own").text == "first\n"
        put(server, forming("second", "own"), forming("third", "mr"))
        outcomes = server.reload()
        assert [str(outcomes[name]["reason"]).partition(":")[0] for name in ("second", "third")] == ["format-taken"] * 2
        assert lookup(server.url, "get", "alice@openpgp.example", options="own").text == "first\n"
