"""Other servers and other plugins, simulated, behind the host's own capabilities."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from runtime.capabilities.stand import Surroundings
from runtime.guests import run
from wasmpuck.config.origins import Origin
from wasmpuck.kit.neighbours import Neighbour, Neighbours
from wasmpuck.kit.peers import ANYWHERE, Peer, Peers
from wasmpuck.kit.simulated import MemoryVault
from wasmpuck.runtime.capabilities import Facilities
from wasmpuck.runtime.capabilities.http_client import HttpClient
from wasmpuck.runtime.capabilities.messaging import Messaging
from wasmpuck.runtime.values import Case, Err, Ok

URL = "https://api.example.org/check?a=1"
EMPTY = Case("empty")


def request(url: str = URL, body: Case = EMPTY, method: str = "GET", secrets: Any = (), follow: bool = True) -> Any:
    return SimpleNamespace(
        method=method, url=url, headers=[("accept", "*/*")], secrets=secrets, body=body, follow=follow, timeout=None
    )


def client(*peers: Peer, allow: tuple[Origin, ...] = (ANYWHERE,)) -> tuple[HttpClient, Peers]:
    """The host's capability over a table."""
    table = Peers(peers)
    context = Surroundings().context()
    context.http_allow = allow
    context.secrets = ("token",)
    context.facilities = Facilities(outbound=table.outbound, vault=MemoryVault({"token": "s3cret"}))
    return HttpClient(context), table


def test_the_first_entry_that_fits_answers() -> None:
    """Method and address choose the answer; what was sent is remembered."""

    async def main() -> None:
        http, peers = client(
            Peer.from_json({"url": "https://api.example.org/*", "method": "POST", "status": 201}),
            Peer.from_json({"url": "https://api.example.org/*", "body": "wörld", "headers": [["X-A", "b"]]}),
            Peer(url="https://slow.example.org/", error="timed-out"),
            Peer(url="https://bad.example.org/", error="untrusted"),
        )
        got = await http.send(request())
        assert isinstance(got, Ok)
        response = got.value
        assert (response.status(), response.headers(), response.url()) == (200, [("x-a", "b")], URL)
        assert await response.read_text(2) == Case("data", "w")
        assert await response.read_text(100) == Case("data", "örld")
        assert await response.read_text(100) == Case("end")
        assert (await http.send(request(method="POST", body=Case("text", "hi")))).value.status() == 201
        assert await http.send(request("https://slow.example.org/")) == Err(Case("timed-out"))
        assert (await http.send(request("https://bad.example.org/"))).value.tag == "untrusted"
        assert (await http.send(request("https://else.example.org/"))).value.tag == "unreachable"
        assert [(asked.method, asked.body) for asked in peers.asked[:2]] == [("GET", b""), ("POST", b"hi")]

    run(main())


def test_the_hosts_rules_come_first() -> None:
    """Lists, redirects and secrets are the host's own: only what passes them reaches the table."""

    async def main() -> None:
        http, peers = client(
            Peer(url="https://a.example.org/from", status=302, headers=(("location", "/to"),)),
            Peer(url="https://a.example.org/out", status=302, headers=(("location", "https://b.example.org/"),)),
            Peer(url="https://a.example.org/to", body=b"there"),
            allow=(Origin("https", "a.example.org", 443),),
        )
        assert (await http.send(request("https://b.example.org/"))).value.tag == "not-allowed"
        assert (await http.send(request("https://a.example.org/out"))).value.tag == "bad-redirect"
        secret = SimpleNamespace(name="authorization", prefix="Bearer ", secret="token")
        got = await http.send(request("https://a.example.org/from", secrets=[secret]))
        assert got.value.url() == "https://a.example.org/to"
        assert ("authorization", "Bearer s3cret") in peers.asked[-1].headers
        assert [asked.url.rpartition("/")[2] for asked in peers.asked] == ["out", "from", "to"]

    run(main())


def test_other_plugins_answer_from_a_table() -> None:
    """Names, kinds and topics are told apart as a server does; errors are those of the table."""

    async def main() -> None:
        geo = Neighbour.from_json(
            {"name": "geo", "services": ["location"], "answers": {"country": "IS"}, "errors": {"city": "timed-out"}}
        )
        neighbours = Neighbours((geo, Neighbour(name="other", errors={"x": "refused"})))
        context = Surroundings().context()
        context.peers = frozenset({"geo", "other", "gone"})
        context.facilities = Facilities(exchange=neighbours)
        messaging = Messaging(context)
        assert await messaging.call("geo", "country", "192.0.2.1") == Ok("IS")
        assert await messaging.call("service:location", "country", "") == Ok("IS")
        assert await messaging.call("service:weather", "country", "") == Err(Case("no-such-peer"))
        assert await messaging.call("geo", "city", "") == Err(Case("timed-out"))
        assert await messaging.call("geo", "street", "") == Err(Case("unknown-topic"))
        assert (await messaging.call("other", "x", "")).value.tag == "refused"
        assert await messaging.call("gone", "x", "") == Err(Case("no-such-peer"))
        assert await messaging.call("stranger", "x", "") == Err(Case("not-allowed"))
        assert messaging.find("location") == ["geo"]
        assert neighbours.asked[0] == ("geo", "country", "192.0.2.1")

    run(main())
