"""Verdicts that take their time: requests that wait, answers that drip, riddles."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from e2e.client import ask
from e2e.plugged import Plugged, connect, eventually, received
from runtime.guests import Guest
from wasmpuck.config import HTTPSettings
from wasmpuck.http.riddles import cookie_of, zero_bits
from wasmpuck.runtime.values import Case

HEALTH = "/pks/health"
HOUR = 3_600_000


def saying(tag: str, name: str = "slow", reuse: Any = None, paths: Sequence[str] = (HEALTH,), **payload: Any) -> Guest:
    """A middleware that always says this about some paths."""
    return Guest(
        name=name,
        worlds=("lifecycle", "middleware"),
        results={
            "middleware.describe-scope": {"paths": list(paths)},
            "middleware.on-request": {"verdict": Case(tag, payload), "reuse": reuse},
        },
    )


def dripping(name: str = "slow", **changes: Any) -> Guest:
    """A middleware that drips `abc` for an hour, but for changes."""
    payload: dict[str, Any] = {
        "status": 200,
        "headers": [("x-slow", "yes")],
        "body": "abc",
        "rate": 2,
        "milliseconds": HOUR,
    }
    return saying("drip", name, **(payload | changes))


def get(path: str = HEALTH, *headers: str, version: str = "1.1", method: str = "GET") -> str:
    return "\n".join([f"{method} {path} HTTP/{version}", *headers])


def fine(server: Plugged) -> bool:
    """Whether a client that no plugin slows down is answered."""
    return ask(server.url, "GET", "/pks/stats").status == 200


# --- delay ---------------------------------------------------------------------------------------


def test_a_delayed_request_is_answered_with_the_headers(tmp_path: Path) -> None:
    """It waits, then gets the server's answer with the plugin's headers; a kept delay is waited for without a call."""
    reuse = {"scope": "everyone", "requests": 10, "milliseconds": HOUR}
    guest = saying("delay", reuse=reuse, milliseconds=50, headers=[("x-waited", "yes")])
    with Plugged(tmp_path, guest) as server:
        for _ in range(3):
            began = time.monotonic()
            answer = ask(server.url, "GET", HEALTH)
            assert (answer.status, answer.headers["x-waited"]) == (200, "yes")
            assert time.monotonic() - began >= 0.05
        assert server.plugins[0].data.account.of("middleware.on-request").calls == 1


def test_a_delay_is_as_long_as_the_operator_permits(tmp_path: Path) -> None:
    """`longestDelay` cuts it."""
    guest = saying("delay", milliseconds=HOUR, headers=[])
    with Plugged(tmp_path, guest, limits={"longest_delay": 0.01}) as server:
        assert ask(server.url, "GET", HEALTH).status == 200


def test_who_waits_holds_no_instance(tmp_path: Path) -> None:
    """With one instance many requests wait at the same time, and a client that goes away waits no longer."""
    guest = saying("delay", milliseconds=HOUR, headers=[])
    with Plugged(tmp_path, guest, limits={"instances": 1, "longest_delay": 3600.0}) as server:
        clients = [connect(server, get()) for _ in range(20)]
        eventually(lambda: len(server.means.patience) == 20)
        assert fine(server)
        for client in clients:
            client.close()
        eventually(lambda: len(server.means.patience) == 0)
        assert fine(server)


@pytest.mark.parametrize(("failure", "status"), [("open", 200), ("closed", 503)])
def test_only_so_many_wait(tmp_path: Path, failure: str, status: int) -> None:
    """One more than `delays` does not wait: it goes on or is refused, by the failure policy."""
    guest = saying("delay", milliseconds=HOUR, headers=[])
    with Plugged(tmp_path, guest, failure=failure, limits={"delays": 2, "longest_delay": 3600.0}) as server:
        clients = [connect(server, get()) for _ in range(2)]
        eventually(lambda: len(server.means.patience) == 2)
        answer = ask(server.url, "GET", HEALTH)
        assert answer.status == status
        assert status == 200 or "too many requests wait" in answer.text
        server.closing()
        for client in clients:
            assert client.recv(15) == b"HTTP/1.1 200 OK"
            client.close()


# --- drip ----------------------------------------------------------------------------------------


def test_a_drip_ends_with_its_time(tmp_path: Path) -> None:
    """HTTP/1.1 gets it in chunks, status and headers at once, the body repeated; the connection can be used again."""
    with Plugged(tmp_path, dripping(status=403, rate=8, milliseconds=100)) as server:
        answer = ask(server.url, "GET", HEALTH)
        assert (answer.status, answer.headers["x-slow"]) == (403, "yes")
        assert answer.headers["Transfer-Encoding"] == "chunked"
        assert answer.text == "abcabcab"
        assert len(server.means.drips) == 0


def test_old_clients_get_a_drip_too(tmp_path: Path) -> None:
    """HTTP/1.0 gets the bare bytes, and the end of the connection as their end."""
    with Plugged(tmp_path, dripping(rate=4, milliseconds=100)) as server:
        client = connect(server, get(version="1.0"))
        head, _, body = received(client).partition(b"\r\n\r\n")
        client.close()
        assert b"chunked" not in head.lower()
        assert body == b"abca"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204)])
def test_nothing_drips_where_there_is_no_body(tmp_path: Path, method: str, status: int) -> None:
    """An answer that has no body is sent at once."""
    with Plugged(tmp_path, dripping(status=status)) as server:
        answer = ask(server.url, method, HEALTH)
        assert (answer.status, answer.body) == (status, b"")


def test_the_oldest_makes_room(tmp_path: Path) -> None:
    """One more than `dripsPerClient` breaks the connection that drips longest; the others go on."""
    with Plugged(tmp_path, dripping(), limits={"longest_drip": 3600.0, "drips_per_client": 2}) as server:
        clients: list[socket.socket] = []
        for count in (1, 2, 2, 2):
            clients.append(connect(server, get()))
            assert clients[-1].recv(12) == b"HTTP/1.1 200"
            eventually(lambda count=count: len(server.means.drips) == count)  # type: ignore[misc]
        for client in clients[:2]:
            assert received(client).startswith(b" OK")
        assert server.means.drips.dropped == 2
        clients[3].close()
        eventually(lambda: len(server.means.drips) == 1)
        server.closing()
        received(clients[2])
        for client in clients:
            client.close()


def test_a_drip_is_no_idle_connection(tmp_path: Path) -> None:
    """The limits on connections that nothing happens on do not end it."""
    with Plugged(tmp_path, dripping(rate=1), http=HTTPSettings(idle_timeout=0.2)) as server:
        client = connect(server, get(version="1.0"))
        found = b""
        while not found.endswith(b"\r\n\r\nabca"):
            data = client.recv(4096)
            assert data, found
            found += data
        client.close()


def test_two_plugins_have_rooms_of_their_own(tmp_path: Path) -> None:
    """`drips` counts the slow answers of one plugin."""
    guests = dripping("one", paths=["/one"]), dripping("two", paths=["/two"])
    with Plugged(tmp_path, *guests, limits={"drips": 1}) as server:
        clients = [connect(server, get(path)) for path in ("/one", "/two")]
        eventually(lambda: len(server.means.drips) == 2)
        server.closing()
        for client in clients:
            received(client)
            client.close()
        assert server.means.drips.dropped == 0


def test_a_thousand_drips_disturb_nobody(tmp_path: Path) -> None:
    """A thousand slow answers at the same time: who asks besides is answered each time, and nobody is dropped."""
    http = HTTPSettings(max_connections=0, connections_per_client=0)
    limits = {"drips": 1000, "drips_per_client": 1000, "longest_drip": 3600.0}
    with Plugged(tmp_path, dripping(rate=1), http=http, limits=limits) as server:
        clients = [connect(server, get()) for _ in range(1000)]
        eventually(lambda: len(server.means.drips) == 1000)
        assert [fine(server) for _ in range(200)] == [True] * 200
        assert (len(server.means.drips), server.means.drips.dropped) == (1000, 0)
        server.closing()
        assert all(received(client).startswith(b"HTTP/1.1 200 OK") for client in clients)
        for client in clients:
            client.close()
        assert len(server.means.drips) == 0


@pytest.mark.parametrize("changes", [{"body": ""}, {"rate": 0}, {"status": 199}])
def test_a_drip_that_makes_no_sense_is_a_failure(tmp_path: Path, changes: dict[str, Any]) -> None:
    """It is counted as `bad-value`, and the request goes on."""
    with Plugged(tmp_path, dripping(**changes)) as server:
        assert "x-slow" not in ask(server.url, "GET", HEALTH).headers
        outcomes = server.plugins[0].data.account.of("middleware.on-request").outcomes
        assert outcomes["bad-value"] == 1  # type: ignore[index]  # reasons are strings


# --- challenge -----------------------------------------------------------------------------------


def challenging(name: str = "gate", **changes: Any) -> Guest:
    payload = {"bits": 8, "valid": 60_000, "text": "Many ask at this time."} | changes
    return saying("challenge", name, paths=["/pks/*", "/", "/static/*"], **payload)


def solve(riddle: str, bits: int) -> str:
    """As docs/hkp.md tells clients to."""
    return next(text for number in range(1 << 24) if zero_bits(text := f"{riddle}.{number}") >= bits)


def test_a_program_can_solve_the_riddle(tmp_path: Path) -> None:
    """403 with the riddle in headers; with its solution in a header or a cookie the plugin lets the client pass."""
    with Plugged(tmp_path, challenging()) as server:
        refused = ask(server.url, "GET", HEALTH)
        assert (refused.status, refused.headers["Wasmpuck-Riddle-Bits"]) == (403, "8")
        assert refused.text.startswith("Many ask at this time.\n")
        assert refused.headers["Cache-Control"] == "no-store"
        solution = solve(refused.headers["Wasmpuck-Riddle"], 8)
        for headers in (
            {"Wasmpuck-Solution": solution},
            {"Wasmpuck-Solution": f"nonsense, {solution}"},
            {"Cookie": f"a=b; {cookie_of('gate')}={solution}"},
        ):
            for _ in range(2):  # it is good for a time, not for a request
                assert ask(server.url, "GET", HEALTH, headers=headers).status == 200


def test_a_browser_gets_a_page(tmp_path: Path) -> None:
    """The page has the riddle for its script, which no plugin withholds, and says why."""
    with Plugged(tmp_path, challenging(text="<b>Many ask.")) as server:
        page = ask(server.url, "GET", "/", headers={"Accept": "text/html"})
        assert page.status == 403
        assert f'data-riddle="{page.headers["Wasmpuck-Riddle"]}"' in page.text
        assert "&lt;b&gt;Many ask." in page.text
        script = page.text.partition('src="/static/riddle-')[2].partition('"')[0]
        assert ask(server.url, "GET", f"/static/riddle-{script}").status == 200


@pytest.mark.parametrize("wrong", ["", "x", "x.1", "é.1", "." * 4000, "1.٣"])
def test_nonsense_solves_nothing(tmp_path: Path, wrong: str) -> None:
    """Whatever a client makes up."""
    with Plugged(tmp_path, challenging()) as server:
        assert not server.means.riddles.holds(wrong, "gate", "127.0.0.1")


def test_a_solution_is_bound_to_what_it_was_given_for(tmp_path: Path) -> None:
    """It is no solution for another plugin, another client, less work, or later than its expiry."""
    now = [1_000.0]
    with Plugged(tmp_path, challenging(bits=10, valid=5_000), clock=lambda: now[0]) as server:
        riddle = ask(server.url, "GET", HEALTH).headers["Wasmpuck-Riddle"]
        solution = solve(riddle, 10)
        holds = server.means.riddles.holds
        assert holds(solution, "gate", "127.0.0.1")
        assert not holds(solution, "other", "127.0.0.1")
        assert not holds(solution, "gate", "127.0.0.2")
        lazy = next(text for number in range(9999) if zero_bits(text := f"{riddle}.{number}") < 10)
        assert not holds(lazy, "gate", "127.0.0.1")
        now[0] += 6
        assert not holds(solution, "gate", "127.0.0.1")


@pytest.mark.parametrize("changes", [{"bits": 0}, {"bits": 25}, {"valid": 0}])
def test_a_riddle_that_makes_no_sense_is_a_failure(tmp_path: Path, changes: dict[str, Any]) -> None:
    """The request goes on."""
    with Plugged(tmp_path, challenging(**changes)) as server:
        assert ask(server.url, "GET", HEALTH).status == 200


def test_a_riddle_is_not_kept(tmp_path: Path) -> None:
    """Whether it is solved differs from request to request, so a reuse hint means nothing."""
    reuse = {"scope": "everyone", "requests": 100, "milliseconds": HOUR}
    with Plugged(tmp_path, challenging(reuse=reuse)) as server:
        for _ in range(3):
            assert ask(server.url, "GET", HEALTH).status == 403
        assert server.plugins[0].data.account.of("middleware.on-request").calls == 3
