"""Bodies that plugins see before the handler gets them, and answers that they put in its place."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from e2e.client import ask, upload
from e2e.plugged import Plugged, connect, received
from runtime.guests import Guest
from wasmpuck.config import HTTPSettings
from wasmpuck.runtime.values import Case

ALICE = (Path(__file__).parents[1] / "vectors" / "alice.asc").read_text()
KEYS = "application/pgp-keys"


def watching(*, wants_body: bool = True, amendment: Case | None = None) -> Guest:
    """A middleware that goes on, adds `x-body` with as many `x` as the body has bytes, and perhaps replaces answers."""
    return Guest(
        name="watch",
        worlds=("lifecycle", "middleware"),
        results={
            "middleware.describe-scope": {"wants-body": wants_body, "wants-response": amendment is not None},
            "middleware.on-response": amendment or Case("keep"),
        },
        bodies={"middleware.on-request": _counting},
    )


def _counting(image: Any) -> str:
    name = image.put(b"x-body")
    filling = image.put(b"x" * 4096)
    header = image.put(
        name.to_bytes(4, "little") + (6).to_bytes(4, "little") + filling.to_bytes(4, "little") + bytes(4), 4
    )
    decision = image.put(bytes(4) + header.to_bytes(4, "little") + (1).to_bytes(4, "little") + bytes(36), 4)
    return f"(i32.store (i32.const {header + 12}) (local.get 14)) i32.const {decision}"


def test_the_handler_gets_what_a_plugin_saw(tmp_path: Path) -> None:
    """A form is shown whole and then taken in by the keyserver, in one piece or in chunks."""
    with Plugged(tmp_path, watching()) as server:
        answer = upload(server.url, ALICE)
        assert answer.status == 200
        assert len(answer.json["inserted"]) == 1
        assert len(answer.headers["x-body"]) > len(ALICE)
        client = connect(
            server,
            f"POST /pks/add HTTP/1.1\nContent-Type: {KEYS}\nTransfer-Encoding: chunked\nConnection: close",
            b"3\r\nabc\r\n0\r\n\r\n",
        )
        head = received(client)
        client.close()
        assert b"\r\nx-body: xxx\r\n" in head.lower()
        assert head.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [(b"x" * 101, {}, 400), (b"\xff\xfe", {}, 422), (gzip.compress(b"abc"), {"Content-Encoding": "gzip"}, 415)],
)
def test_some_bodies_are_judged_unseen(tmp_path: Path, body: bytes, headers: dict[str, str], status: int) -> None:
    """Long ones, those that are no text, and encoded ones; the handler says of them what it always says."""
    with Plugged(tmp_path, watching(), limits={"body_bytes": 100}) as server:
        answer = ask(server.url, "POST", "/pks/add", body, {"Content-Type": KEYS} | headers)
        assert answer.headers["x-body"] == ""
        assert answer.status == status


def test_a_body_is_read_within_the_server_s_limits(tmp_path: Path) -> None:
    """A plugin that wants bodies does not make the server take larger ones."""
    http = HTTPSettings(max_body_bytes=1024)
    with Plugged(tmp_path, watching(), http=http) as server:
        assert ask(server.url, "POST", "/pks/add", b"x" * 1025).status == 413


def test_an_answer_is_replaced(tmp_path: Path) -> None:
    """The client gets the plugin's answer and nothing of the server's, and HEAD gets no body."""
    new = {"status": 410, "headers": [("content-type", "text/x-gone"), ("connection", "close")], "body": "gone"}
    with Plugged(tmp_path, watching(wants_body=False, amendment=Case("replace", new))) as server:
        answer = ask(server.url, "GET", "/pks/stats")
        assert (answer.status, answer.text, answer.headers["Content-Type"]) == (410, "gone", "text/x-gone")
        assert "ETag" not in answer.headers
        assert ask(server.url, "HEAD", "/pks/stats").body == b""
