"""Paths that plugins answer, at once or piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from e2e.client import ask
from e2e.plugged import Plugged, connect, eventually, received
from plugins.generations import generation, snapshot
from runtime.abi import Image
from runtime.guests import Body, Guest
from wasmpuck.config import HTTPSettings
from wasmpuck.plugins import Plugin
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.values import Case

HANDLE = "routes.handle"
BASE = "/plugins/x"
STREAM = {"responder": ["begin", "[method]outgoing.write", "[method]outgoing.write-bytes", "[resource-drop]outgoing"]}


def responding(status: int = 200, *headers: tuple[str, str], body: Case | None = None) -> Case:
    return Case("respond", {"status": status, "headers": list(headers), "body": body or Case("empty")})


def plugin(
    outcome: Case | None = None,
    handle: Body | None = None,
    methods: tuple[str, ...] = ("GET",),
    path: str = f"{BASE}/*",
    wanted: tuple[str, ...] = (),
    name: str = "x",
    imports: Mapping[str, list[str]] | None = None,
) -> Guest:
    """A plugin with one route and a constant outcome, or what the text of `handle` does."""
    return Guest(
        name=name,
        worlds=("lifecycle", "routes"),
        imports=imports or {},
        results={
            "routes.describe-routes": [{"path": path, "methods": list(methods), "headers": list(wanted)}],
            HANDLE: outcome or responding(),
        },
        bodies={HANDLE: handle} if handle is not None else {},
    )


def _outcome(image: Image, outcome: Case) -> int:
    kind = load_contract()["routes"].functions["handle"].result
    assert kind is not None
    return image.value(kind, outcome)


def echoing(tag: int, place: int, length: int) -> Body:
    """Answers with a text or bytes of the request: the body's case and the parameters that it lies in."""

    def body(image: Image) -> str:
        at = _outcome(image, responding(body=Case("text", "")))
        return f"""(i32.store8 (i32.const {at + 16}) (i32.const {tag}))
            (i32.store (i32.const {at + 20}) (local.get {place}))
            (i32.store (i32.const {at + 24}) (local.get {length})) i32.const {at}"""

    return body


def streaming(
    pieces: int = 3, piece: bytes = b"piece\n", status: int = 200, end: str = "", *, drop: bool = True
) -> Callable[[Image], str]:
    """Sends pieces until one is refused, then runs `end`; answers `streamed`. The error's case is added to the answer
    by `not-found` when nothing could be begun.
    """

    def body(image: Image) -> str:
        streamed, missing = _outcome(image, Case("streamed")), _outcome(image, Case("not-found"))
        name, value, answer = image.put(b"x-streamed"), image.put(b"yes"), image.put(bytes(16), 4)
        header = image.put(b"".join(word.to_bytes(4, "little") for word in (name, 10, value, 3)), 4)
        text = image.put(piece)
        dropping = "(call $responder.outgoing.drop (global.get $out))" if drop else ""
        return f"""(call $responder.begin
            (i32.const {status}) (i32.const {header}) (i32.const 1) (i32.const {answer}))
          (if (result i32) (i32.load8_u (i32.const {answer})) (then (i32.const {missing})) (else
            (global.set $out (i32.load (i32.const {answer + 4})))
            (global.set $count (i32.const {pieces}))
            (block $refused (loop $more
              (br_if $refused (i32.eqz (global.get $count)))
              (call $responder.outgoing.write
                (global.get $out) (i32.const {text}) (i32.const {len(piece)}) (i32.const {answer}))
              (br_if $refused (i32.load8_u (i32.const {answer})))
              (global.set $count (i32.sub (global.get $count) (i32.const 1)))
              (br $more)))
            {end}
            {dropping}
            (i32.const {streamed})))"""

    return body


def streamer(handle: Body, **changes: Any) -> Guest:
    guest = plugin(handle=handle, imports=STREAM, **changes)
    guest.extra = "(global $out (mut i32) (i32.const 0)) (global $count (mut i32) (i32.const 0))"
    return guest


def outcomes(server: Plugged) -> dict[str, int]:
    return {str(reason): count for reason, count in server.plugins[0].data.account.of(HANDLE).outcomes.items() if count}


# --- requests ------------------------------------------------------------------------------------


def test_a_plugin_gets_what_the_star_stands_for(tmp_path: Path) -> None:
    """The path is decoded; what is outside of the route is not the plugin's."""
    with Plugged(tmp_path, plugin(handle=echoing(1, 6, 7))) as server:
        assert ask(server.url, "GET", f"{BASE}/a/b%20c").text == "a/b c"
        assert ask(server.url, "GET", f"{BASE}/").text == ""
        assert ask(server.url, "GET", BASE).status == 404
        assert ask(server.url, "GET", "/plugins/y/a").status == 404


@pytest.mark.parametrize("body", [b"", "grüße".encode(), b"\xff\x00\xfe"])
def test_a_body_goes_in_and_out(tmp_path: Path, body: bytes) -> None:
    """As text or as bytes."""

    def handle(image: Image) -> str:
        at = _outcome(image, responding())
        return f"""(i32.store8 (i32.const {at + 16}) (local.get 12)) (i32.store (i32.const {at + 20}) (local.get 13))
            (i32.store (i32.const {at + 24}) (local.get 14)) i32.const {at}"""

    with Plugged(tmp_path, plugin(handle=handle, methods=("POST",))) as server:
        answer = ask(server.url, "POST", f"{BASE}/x", body)
        assert (answer.status, answer.body) == (200, body)


def test_bodies_are_limited_as_uploads_are(tmp_path: Path) -> None:
    """413 for one that is too long, 415 for one that is encoded; the plugin is not asked."""
    with Plugged(tmp_path, plugin(methods=("POST",)), http=HTTPSettings(max_body_bytes=1024)) as server:
        assert ask(server.url, "POST", f"{BASE}/x", b"x" * 1025).status == 413
        assert ask(server.url, "POST", f"{BASE}/x", b"x", {"Content-Encoding": "gzip"}).status == 415
        assert outcomes(server) == {}


def test_only_wanted_headers_are_passed(tmp_path: Path) -> None:
    """Names in lower case, in order."""

    def handle(image: Image) -> str:
        at = _outcome(image, responding())
        return f"""(i32.store (i32.const {at + 8}) (local.get 10)) (i32.store (i32.const {at + 12}) (local.get 11))
            i32.const {at}"""

    with Plugged(tmp_path, plugin(handle=handle, wanted=("X-Asked",))) as server:
        answer = ask(server.url, "GET", f"{BASE}/x", headers={"X-ASKED": "a", "X-Other": "b"})
        assert answer.headers["x-asked"] == "a"
        assert "x-other" not in answer.headers


def test_methods_are_the_server_s_business(tmp_path: Path) -> None:
    """405 with `Allow`, `OPTIONS` for browsers, and `HEAD` wherever there is `GET`."""
    with Plugged(tmp_path, plugin(responding(body=Case("text", "abc")), methods=("GET", "PUT"))) as server:
        refused = ask(server.url, "POST", f"{BASE}/x", b"")
        assert (refused.status, refused.headers["Allow"]) == (405, "GET,HEAD,OPTIONS,PUT")
        options = ask(server.url, "OPTIONS", f"{BASE}/x")
        assert (options.status, options.headers["Access-Control-Allow-Methods"]) == (200, "GET, HEAD, PUT, OPTIONS")
        head = ask(server.url, "HEAD", f"{BASE}/x")
        assert (head.status, head.headers["Content-Length"], head.body) == (200, "3", b"")
        assert outcomes(server) == {"ok": 1}


# --- answers -------------------------------------------------------------------------------------


def test_headers_are_cleaned(tmp_path: Path) -> None:
    """As those of middlewares are; cookies do not replace each other, and what every answer carries is there."""
    given = [
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("connection", "x"),
        ("x-split", "a\r\nb: c"),
        ("x-fine", "y"),
    ]
    with Plugged(tmp_path, plugin(responding(201, *given, body=Case("text", "made\n")))) as server:
        answer = ask(server.url, "GET", f"{BASE}/x")
        assert (answer.status, answer.text, answer.headers["x-fine"]) == (201, "made\n", "y")
        assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
        assert "x-split" not in answer.headers
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_not_found_is_the_server_s(tmp_path: Path) -> None:
    """The plugin says that there is nothing; the server answers as elsewhere."""
    with Plugged(tmp_path, plugin(Case("not-found"))) as server:
        assert ask(server.url, "GET", f"{BASE}/x").text.startswith("there is nothing at this address")


@pytest.mark.parametrize(
    ("failure", "guest", "status", "reason"),
    [
        ("open", plugin(handle="unreachable"), 502, "unreachable"),
        ("closed", plugin(handle="unreachable"), 503, "unreachable"),
        ("open", plugin(responding(600)), 502, "bad-value"),
        ("open", plugin(Case("streamed")), 502, "bad-value"),
    ],
)
def test_a_plugin_that_fails_is_answered_for(
    tmp_path: Path, failure: str, guest: Guest, status: int, reason: str
) -> None:
    """With its name, in the form of the server's other failures."""
    with Plugged(tmp_path, guest, failure=failure) as server:
        answer = ask(server.url, "GET", f"{BASE}/x", headers={"Accept": "application/json"})
        assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json; charset=utf-8")
        assert answer.json["detail"] == f"the plugin x could not answer this request ({reason})"
        assert outcomes(server) == {reason: 1}


def test_routes_have_a_label_of_their_own(tmp_path: Path) -> None:
    """Requests are counted by plugin, not by path."""
    with Plugged(tmp_path, plugin()) as server:
        for path in "abc":
            ask(server.url, "GET", f"{BASE}/{path}")
        page = server.metrics.render().decode()
        assert 'operation="plugin:x"' in page
        assert f"{BASE}/" not in page


def test_middlewares_see_routes_too(tmp_path: Path) -> None:
    """They judge the requests and add to the answers, also to those that are streamed."""
    adding = Guest(
        name="adding",
        worlds=("lifecycle", "middleware"),
        results={"middleware.on-request": {"verdict": Case("next", [("x-added", "yes")]), "reuse": None}},
    )
    streams = streamer(streaming(), name="y", path="/plugins/y/*")
    with Plugged(tmp_path, adding, plugin(), streams) as server:
        assert ask(server.url, "GET", f"{BASE}/x").headers["x-added"] == "yes"
        assert ask(server.url, "GET", "/plugins/y/x").headers["x-added"] == "yes"


def test_a_request_sees_one_generation(tmp_path: Path) -> None:
    """One that began before a swap is answered by the old generation, however long it waits; the next by the new."""
    delay = {"verdict": Case("delay", {"milliseconds": 3_600_000, "headers": []}), "reuse": None}
    waiting = Guest(name="wait", worlds=("lifecycle", "middleware"), results={"middleware.on-request": delay})
    with Plugged(
        tmp_path, waiting, plugin(responding(body=Case("text", "one"))), limits={"longest_delay": 3600.0}
    ) as server:
        client = connect(server, f"GET {BASE}/x HTTP/1.1\nConnection: close")
        eventually(lambda: len(server.means.patience) == 1)
        fresh: list[Plugin] = []

        async def swap() -> None:
            fresh.append(await generation(plugin(responding(body=Case("text", "two")))))
            await fresh[0].prepare()
            fresh[0].enter_service()
            server.registry.publish(snapshot([server.registry.current.plugins["wait"], *fresh]))

        server.run(swap())
        server.closing()
        assert received(client).endswith(b"\r\n\r\none")
        client.close()
        assert ask(server.url, "GET", f"{BASE}/x").text == "two"
        server.run(fresh[0].retire("server-stopping"))


# --- piece by piece ------------------------------------------------------------------------------


@pytest.mark.parametrize("drop", [True, False])
def test_an_answer_is_streamed(tmp_path: Path, drop: bool) -> None:
    """Status, headers and pieces arrive, whether the guest drops the answer or only returns."""
    with Plugged(tmp_path, streamer(streaming(status=203, drop=drop))) as server:
        answer = ask(server.url, "GET", f"{BASE}/x")
        assert (answer.status, answer.headers["x-streamed"], answer.text) == (203, "yes", "piece\n" * 3)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert ask(server.url, "HEAD", f"{BASE}/x").body == b""
        eventually(lambda: outcomes(server) == {"ok": 2})


def test_old_clients_are_streamed_to(tmp_path: Path) -> None:
    """HTTP/1.0 has no chunks: the end of the connection is the answer's."""
    with Plugged(tmp_path, streamer(streaming())) as server:
        client = connect(server, f"GET {BASE}/x HTTP/1.0")
        head, _, body = received(client).partition(b"\r\n\r\n")
        client.close()
        assert body == b"piece\n" * 3
        assert b"chunked" not in head.lower()


@pytest.mark.parametrize("drop", [True, False])
def test_a_plugin_that_breaks_down_breaks_the_connection(tmp_path: Path, drop: bool) -> None:
    """Its client sees that something is missing: there is no last chunk."""
    with Plugged(tmp_path, streamer(streaming(end="unreachable", drop=drop))) as server:
        client = connect(server, f"GET {BASE}/x HTTP/1.1")
        answer = received(client)
        client.close()
        assert not answer.endswith(b"0\r\n\r\n")
        assert outcomes(server) == {"unreachable": 1}
        assert ask(server.url, "GET", "/pks/stats").status == 200


def test_an_answer_ends_at_its_quota(tmp_path: Path) -> None:
    """A piece beyond `responseBytes` is refused as a value; what was sent before is a whole answer."""
    with Plugged(tmp_path, streamer(streaming(pieces=1000)), limits={"response_bytes": 100}) as server:
        assert ask(server.url, "GET", f"{BASE}/x").text == "piece\n" * 16


def test_a_client_that_goes_away_ends_the_stream(tmp_path: Path) -> None:
    """Writing waits for the client, and says `gone` once there is none."""
    endless = streamer(streaming(pieces=1 << 30, piece=b"x" * 16_384))
    limits = {"response_bytes": 1 << 40, "deadline": 600.0, "host_deadline": 600.0, "host_calls": 10**9, "fuel": 10**12}
    with Plugged(tmp_path, endless, limits=limits) as server:
        client = connect(server, f"GET {BASE}/x HTTP/1.1")
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        assert outcomes(server) == {}
        client.close()
        eventually(lambda: outcomes(server) == {"ok": 1})


def test_nothing_is_begun_with_a_status_that_there_is_not(tmp_path: Path) -> None:
    """The error is a value; this guest then says that there is nothing."""
    with Plugged(tmp_path, streamer(streaming(status=99))) as server:
        assert ask(server.url, "GET", f"{BASE}/x").status == 404


def test_an_answer_is_given_once(tmp_path: Path) -> None:
    """Streaming and then answering otherwise is a failure, and breaks the connection."""

    stream = streaming(drop=False)
    assert not isinstance(stream, str)

    def handle(image: Image) -> str:
        other = _outcome(image, responding(200))
        return f"(drop (block (result i32) {stream(image)})) i32.const {other}"

    with Plugged(tmp_path, streamer(handle)) as server:
        client = connect(server, f"GET {BASE}/x HTTP/1.1")
        assert not received(client).endswith(b"0\r\n\r\n")
        client.close()
        assert outcomes(server) == {"bad-value": 1}
