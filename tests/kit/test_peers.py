"""Other servers, simulated."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.kit.peers import Peer, Peers
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.resources import implementation
from wasmpuck.runtime.values import Case, Err, Ok

URL = "https://api.example.org/check?a=1"


def request(url: str = URL, body: Case = Case("empty"), method: str = "GET") -> Any:  # noqa: B008 - a tuple
    return SimpleNamespace(
        method=method, url=url, headers=[("accept", "text/plain")], secrets=[], body=body, follow=True, timeout=None
    )


def test_the_first_entry_that_fits_answers() -> None:
    """Method and address choose the answer; what was asked is remembered."""
    peers = Peers.of(
        [
            Peer.from_json({"url": "https://api.example.org/*", "method": "POST", "status": 201}),
            Peer.from_json({"url": "https://api.example.org/*", "body": "wörld", "headers": [["X-A", "b"]]}),
            Peer(url="https://slow.example.org/", error="timed-out"),
            Peer(url="https://bad.example.org/", error="untrusted"),
        ]
    )
    got = peers.send(request())
    assert isinstance(got, Ok)
    assert (got.value.status(), got.value.headers(), got.value.url()) == (200, [("x-a", "b")], URL)
    assert peers.send(request(method="POST", body=Case("text", "hi"))).value.status() == 201
    assert peers.send(request("https://slow.example.org/")) == Err(Case("timed-out"))
    assert peers.send(request("https://bad.example.org/")).value.tag == "untrusted"
    assert peers.send(request("https://else.example.org/")).value.tag == "unreachable"
    assert [(asked.method, asked.body) for asked in peers.asked[:2]] == [("GET", b""), ("POST", b"hi")]


@given(st.binary(max_size=60), st.integers(1, 9))
def test_text_is_read_in_pieces_without_loss(body: bytes, most: int) -> None:
    """Pieces of text are never empty and together what decoding the whole gives."""
    response = Peers.of([Peer(url="*", body=body)]).send(request()).value
    pieces = []
    while (piece := response.read_text(most)).tag == "data":
        assert piece.value
        pieces.append(piece.value)
    assert "".join(pieces) == body.decode("utf-8", "replace")


@given(st.binary(max_size=60), st.integers(1, 9))
def test_bytes_are_read_in_pieces_without_loss(body: bytes, most: int) -> None:
    """Pieces of bytes are as long as asked for, but for the last."""
    response = Peers.of([Peer(url="*", body=body)]).send(request()).value
    pieces = []
    while (piece := response.read_bytes(most)).tag == "data":
        pieces.append(piece.value)
    assert b"".join(pieces) == body
    assert all(len(piece) == most for piece in pieces[:-1])


def test_peers_implement_the_whole_interface() -> None:
    """Every function of WIT `http-client` has an implementation."""
    peers = Peers()
    for name in load_contract()["http-client"].functions:
        assert implementation(peers, name) is not None, name
