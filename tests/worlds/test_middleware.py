"""Middleware plugins as a chain: who is asked, what they see, and what becomes of their words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.generations import serving, snapshot
from runtime.abi import Image
from runtime.guests import Guest, run
from wasmpuck.errors import CallReason
from wasmpuck.events import FORGET, Bus
from wasmpuck.patterns import matches
from wasmpuck.plugins import Plugin, Registry, Snapshot
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.values import Case
from wasmpuck.worlds.middleware import Answer, Chain, Request, chain_of, heed
from wasmpuck.worlds.verdicts import Challenge, Delay, Drip, Header, Judgement, Response, clean

SCOPE, ASK, SEE = "middleware.describe-scope", "middleware.on-request", "middleware.on-response"
REQUEST = Request("192.0.2.1", "get", "GET", "/pks/lookup", (), ())
ANSWER = Answer(200, [("content-type", "text/plain")], 12, 1.5)


def going(*headers: Header, reuse: Any = None) -> dict[str, Any]:
    """A decision to go on."""
    return {"verdict": Case("next", list(headers)), "reuse": reuse}


def answering(status: int = 429, *headers: Header, body: str = "no", reuse: Any = None) -> dict[str, Any]:
    """A decision to answer."""
    return {"verdict": Case("respond", {"status": status, "headers": list(headers), "body": body}), "reuse": reuse}


def reusing(scope: str, requests: int, milliseconds: int = 60_000) -> dict[str, Any]:
    return {"scope": scope, "requests": requests, "milliseconds": milliseconds}


def guest(
    name: str = "x",
    decision: Mapping[str, Any] | None = None,
    amendment: Case | None = None,
    bodies: Mapping[str, Any] | None = None,
    *,
    sees: bool = False,
    asks: bool = False,
    reads: bool = False,
    **scope: Any,
) -> Guest:
    """A middleware with constant answers; `sees` answers on their way back, `asks` for the query, `reads` bodies."""
    results: dict[str, Any] = {
        SCOPE: scope | {"wants-query": asks, "wants-response": sees, "wants-body": reads},
        ASK: decision if decision is not None else going(("x-order", name)),
    }
    if amendment is not None:
        results[SEE] = amendment
    return Guest(name=name, worlds=("lifecycle", "middleware"), results=results, bodies=bodies or {})


def asked(plugin: Plugin, export: str = ASK) -> int:
    """How often guest code ran for this export."""
    return plugin.data.account.of(export).calls


def echoing(image: Image) -> str:
    """Goes on and adds the headers that it was shown, to see what was shown."""
    return _echoing(image, 10)


def echoing_query(image: Image) -> str:
    """Goes on and adds the parameters of the query as headers."""
    return _echoing(image, 8)


def _echoing(image: Image, parameter: int) -> str:
    kind = load_contract()["middleware"].functions["on-request"].result
    assert kind is not None
    place = image.value(kind, going())
    return f"""(i32.store (i32.const {place + 4}) (local.get {parameter}))
        (i32.store (i32.const {place + 8}) (local.get {parameter + 1})) i32.const {place}"""


# --- order and scope -----------------------------------------------------------------------------


def order(answer: Judgement) -> list[str]:
    assert not isinstance(answer, (Response, Drip, Delay, Challenge))
    return [value for name, value in answer if name == "x-order"]


def test_plugins_are_asked_by_priority_then_name() -> None:
    """Lower numbers first, equal ones by name, whatever the order in which they were loaded."""

    async def main() -> None:
        guests = [guest("d"), guest("a", priority=5), guest("c"), guest("b", priority=-(2**31)), guest("e", priority=5)]
        async with serving(*guests) as plugins:
            chain = chain_of(snapshot(plugins))
            assert order(await chain.on_request(REQUEST)) == ["b", "c", "d", "a", "e"]

    run(main())


def test_the_operator_s_priority_counts() -> None:
    """A priority in the configuration replaces the plugin's own, nought included."""

    async def main() -> None:
        async with serving(guest("a", priority=-7)) as first, serving(guest("b"), priority=-1) as second:
            assert order(await chain_of(snapshot([*first, *second])).on_request(REQUEST)) == ["a", "b"]
        async with serving(guest("a", priority=-7), priority=0) as first, serving(guest("b"), priority=-1) as second:
            assert order(await chain_of(snapshot([*first, *second])).on_request(REQUEST)) == ["b", "a"]

    run(main())


def test_an_answer_ends_the_chain() -> None:
    """What answers is the last that is asked, and headers that earlier plugins added are not part of its answer."""

    async def main() -> None:
        guests = [guest("a"), guest("b", answering(429, ("Retry-After", "3"), body="slow\n")), guest("c")]
        async with serving(*guests) as plugins:
            answer = await chain_of(snapshot(plugins)).on_request(REQUEST)
            assert answer == Response(429, [("retry-after", "3")], "slow\n", "b")
            assert [asked(plugin) for plugin in plugins] == [1, 1, 0]

    run(main())


@pytest.mark.parametrize("status", [200, 599])
def test_a_plugin_may_answer_with_any_status_that_ends_a_request(status: int) -> None:
    """A status from 200 to 599 reaches the client as it is."""

    async def main() -> None:
        async with serving(guest(decision=answering(status))) as plugins:
            answer = await chain_of(snapshot(plugins)).on_request(REQUEST)
            assert isinstance(answer, Response)
            assert answer.status == status

    run(main())


@pytest.mark.parametrize("failure", ["open", "closed"])
@pytest.mark.parametrize("status", [0, 199, 600, 65535])
def test_an_impossible_status_is_a_failed_call(status: int, failure: str) -> None:
    """A status outside 200 to 599 is a bad value: it meets the failure policy, and is not counted as well ended."""

    async def main() -> None:
        async with serving(guest(decision=answering(status)), failure=failure) as plugins:
            answer = await chain_of(snapshot(plugins)).on_request(REQUEST)
            assert (isinstance(answer, Response) and answer.status == 503) is (failure == "closed")
            assert +plugins[0].data.account.of(ASK).outcomes == {CallReason.BAD_VALUE: 1}

    run(main())


@pytest.mark.parametrize(
    ("paths", "path", "seen"),
    [
        ([], "/anything", True),
        (["/pks/*"], "/pks/lookup", True),
        (["/pks/*"], "/pks/", True),
        (["/pks/*"], "/pks", False),
        (["/pks/*"], "/x/pks/lookup", False),
        (["/pks/lookup"], "/pks/lookup", True),
        (["/pks/lookup"], "/pks/lookup/", False),
        (["/a", "/b"], "/b", True),
        (["*"], "", True),
        (["*.html"], "/index.html", True),
        (["/*/add"], "/pks/x/add", True),
        (["/a*a"], "/a", False),
        (["/p.s/*"], "/pks/lookup", False),
        (["/pks/*"], "/pks/a\nb", True),
        ([""], "/pks", False),
    ],
)
def test_a_plugin_sees_the_paths_that_it_wants(paths: list[str], path: str, seen: bool) -> None:
    """A star stands for any text, everything else for itself, and no pattern at all means every path."""

    async def main() -> None:
        async with serving(guest(paths=paths, sees=True)) as plugins:
            chain = chain_of(snapshot(plugins))
            for _ in range(2):
                await chain.on_request(REQUEST._replace(path=path))
            await chain.on_response(REQUEST._replace(path=path), (), (), ANSWER)
            assert [asked(plugins[0]), asked(plugins[0], SEE)] == ([2, 1] if seen else [0, 0])

    run(main())


_short = st.text(alphabet="ab*", max_size=8)


@given(_short, st.text(alphabet="ab", max_size=12))
def test_patterns_mean_what_a_regular_expression_would(pattern: str, path: str) -> None:
    """Each star is any text, at every place, also several in a row."""
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    assert matches(pattern, path) is (re.fullmatch(expression, path) is not None)


def test_a_vicious_pattern_costs_no_more_than_its_length() -> None:
    """A pattern that would keep a regular expression busy for ages is refused at once."""
    assert not matches("*a" * 2000 + "*b", "a" * 8000)
    assert matches("*a" * 2000 + "*", "a" * 8000)


def test_a_scope_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """Sixty-four paths and thirty-two headers are looked at, and the operator is told of more."""

    async def main() -> None:
        paths = [f"/{number}" for number in range(100)]
        async with serving(guest(paths=paths, headers=[f"x-{number}" for number in range(50)])) as plugins:
            chain = chain_of(snapshot(plugins))
            assert len(chain.links[0].headers) == 32
            assert [chain.links[0].applies(path) for path in ("/63", "/64")] == [True, False]
        assert "more than 64 paths or 32 headers" in caplog.text

    run(main())


# --- what is shown -------------------------------------------------------------------------------

HEADERS = [("user-agent", "gpg"), ("x-a", "1"), ("cookie", "secret"), ("x-a", "2")]


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ([], []),
        (["x-a"], [("x-a", "1"), ("x-a", "2")]),
        (["X-A", "User-Agent"], [("user-agent", "gpg"), ("x-a", "1"), ("x-a", "2")]),
        (["nothing"], []),
    ],
)
def test_only_wanted_headers_are_shown(wanted: list[str], shown: list[Header]) -> None:
    """A plugin gets the headers that its scope names, in any case and every time that they occur, and no other."""

    async def main() -> None:
        async with serving(guest(headers=wanted, bodies={ASK: echoing})) as plugins:
            chain = chain_of(snapshot(plugins))
            assert chain.wants_headers is bool(wanted)
            assert await chain.on_request(REQUEST, (), HEADERS) == shown

    run(main())


def test_each_plugin_sees_its_own_headers() -> None:
    """What one plugin was shown is not shown to the next."""

    async def main() -> None:
        first = guest("a", headers=["cookie"], bodies={ASK: echoing})
        second = guest("b", bodies={ASK: echoing})
        async with serving(first, second) as plugins:
            assert await chain_of(snapshot(plugins)).on_request(REQUEST, (), HEADERS) == [("cookie", "secret")]

    run(main())


@pytest.mark.parametrize("wanted", [False, True])
def test_the_query_is_shown_to_who_wants_it(wanted: bool) -> None:
    """A plugin gets the query only if its scope asks for it, beside another that does."""

    async def main() -> None:
        first = guest("a", bodies={ASK: echoing_query}, asks=wanted)
        second = guest("b", bodies={ASK: echoing_query}, asks=True)
        async with serving(first, second) as plugins:
            chain = chain_of(snapshot(plugins))
            shown = await Chain(chain.links[:1]).on_request(REQUEST, [("search", "alice")])
            assert shown == ([("search", "alice")] if wanted else [])
            both = await chain.on_request(REQUEST, [("search", "alice")])
            assert both == [*shown, ("search", "alice")]

    run(main())


# --- what is taken from a plugin -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (("X-Name", "value"), ("x-name", "value")),
        (("x", ""), ("x", "")),
        (("x-n", "é"), ("x-n", "é")),
        (("", "v"), None),
        (("x y", "v"), None),
        (("x:y", "v"), None),
        (("x\r\nset-cookie", "v"), None),
        (("x-n", "a\r\nset-cookie: b"), None),
        (("x-n", "a\0"), None),
        (("x-n", "a\tb"), None),
        (("x-n", "\x7f"), None),
        (("x" * 64, "v"), ("x" * 64, "v")),
        (("x" * 65, "v"), None),
        (("x-n", "v" * 4096), ("x-n", "v" * 4096)),
        (("x-n", "v" * 4097), None),
        (("Content-Length", "7"), None),
        (("Transfer-Encoding", "chunked"), None),
        (("Connection", "close"), None),
        (("Server", "me"), None),
        (("Date", "now"), None),
        (("é", "v"), None),
    ],
)
def test_headers_of_plugins_are_cleaned(header: Header, kept: Header | None) -> None:
    """Names and values that could break or forge an answer, and headers that are the server's, are left out."""
    assert clean([header, ("x-last", "1")]) == ([kept] if kept else []) + [("x-last", "1")]


def test_no_more_headers_than_thirty_two() -> None:
    """A flood of headers is cut."""
    assert len(clean([("x", str(number)) for number in range(100)])) == 32


def test_the_chain_cleans_everything() -> None:
    """Headers to add, headers of an answer and headers to set all go through the same rules."""

    async def main() -> None:
        bad, good = ("x\n", "v"), ("X-Fine", "v")
        amendment = Case("set-headers", [bad, good])
        adding = guest("a", going(bad, good), amendment, sees=True)
        async with serving(adding, guest("b", answering(403, bad, good), priority=1)) as plugins:
            chain = chain_of(snapshot(plugins))
            answer = await chain.on_request(REQUEST)
            assert isinstance(answer, Response)
            assert answer.headers == [("x-fine", "v")]
            assert await chain.on_response(REQUEST, (), (), ANSWER) == [("x-fine", "v")]
            assert await Chain(chain.links[:1]).on_request(REQUEST) == [("x-fine", "v")]

    run(main())


def test_answers_are_shown_in_reverse_order() -> None:
    """On the way back the last plugin is the first, and only those that asked for it see the answer."""

    async def main() -> None:
        def seeing(name: str, **scope: Any) -> Guest:
            return guest(name, amendment=Case("set-headers", [("x-by", name)]), **scope)

        async with serving(seeing("a", sees=True), seeing("b"), seeing("c", sees=True)) as plugins:
            chain = chain_of(snapshot(plugins))
            changes = await chain.on_response(REQUEST, (), (), ANSWER)
            assert changes == [("x-by", "c"), ("x-by", "a")]
            assert [asked(plugin, SEE) for plugin in plugins] == [1, 0, 1]

    run(main())


def test_many_answers_in_a_row() -> None:
    """Verdicts and amendments that carry values are given back to the library once each, call after call."""

    async def main() -> None:
        amendment = Case("set-headers", [("x-by", "x" * 100)])
        decision = answering(403, ("x-n", "y" * 100), body="z" * 1000)
        async with serving(guest("a", decision, amendment, sees=True)) as plugins:
            chain = chain_of(snapshot(plugins))
            for _ in range(500):
                assert await chain.on_response(REQUEST, (), (), ANSWER) == [("x-by", "x" * 100)]
                answer = await chain.on_request(REQUEST)
                assert isinstance(answer, Response)
                assert answer.body == "z" * 1000
            assert plugins[0].data.account.instances_made == 1

    run(main())


# --- failures ------------------------------------------------------------------------------------

CRASH = {ASK: "unreachable", SEE: "unreachable"}


def test_a_plugin_that_fails_open_is_passed_over() -> None:
    """With `open` the request goes on to the next plugin as if the failing one had said so."""

    async def main() -> None:
        async with serving(guest("a", bodies=CRASH), guest("b")) as plugins:
            assert order(await chain_of(snapshot(plugins)).on_request(REQUEST)) == ["b"]
            assert plugins[0].data.account.of(ASK).outcomes == {CallReason.UNREACHABLE: 1}

    run(main())


def test_a_plugin_that_fails_closed_refuses() -> None:
    """With `closed` the client is told to try again, by which plugin and why, and nothing further is asked."""

    async def main() -> None:
        async with serving(guest("a", bodies=CRASH), failure="closed") as closed, serving(guest("b")) as open_:
            answer = await chain_of(snapshot([*closed, *open_])).on_request(REQUEST)
            assert isinstance(answer, Response)
            assert (answer.status, answer.plugin) == (503, "a")
            assert dict(answer.headers)["retry-after"] == "5"
            assert answer.body.startswith("The plugin a cannot judge this request now (unreachable).")
            assert asked(open_[0]) == 0

    run(main())


def test_an_answer_that_is_ready_is_not_withheld() -> None:
    """A plugin that fails on the way back changes nothing, even with `closed`."""

    async def main() -> None:
        async with serving(guest("a", bodies=CRASH, sees=True), failure="closed") as plugins:
            assert await chain_of(snapshot(plugins)).on_response(REQUEST, (), (), ANSWER) == []
            assert plugins[0].data.account.of(SEE).outcomes == {CallReason.UNREACHABLE: 1}

    run(main())


# --- reuse ---------------------------------------------------------------------------------------


def test_a_verdict_is_used_again() -> None:
    """As many further requests as the hint allows are answered without guest code, and counted as such."""

    async def main() -> None:
        async with serving(guest(decision=answering(reuse=reusing("client", 3)))) as plugins:
            chain = chain_of(snapshot(plugins))
            answers = [await chain.on_request(REQUEST) for _ in range(9)]
            assert all(answer == answers[0] for answer in answers)
            assert (asked(plugins[0]), plugins[0].data.account.reused_verdicts) == (3, 6)

    run(main())


def test_kept_verdicts_of_all_plugins_answer_without_asking() -> None:
    """What every plugin's kept verdict says together is recalled, as often as all of them hold."""

    async def main() -> None:
        twice, thrice = reusing("client", 2), reusing("client", 3)
        guests = [guest("a", going(("x-order", "a"), reuse=twice)), guest("b", going(("x-order", "b"), reuse=thrice))]
        async with serving(*guests) as plugins:
            chain = chain_of(snapshot(plugins))
            client, operation, path = REQUEST.client, REQUEST.operation, REQUEST.path
            assert chain.recall(client, operation, path) is None
            await chain.on_request(REQUEST)
            recalled = [chain.recall(client, operation, path) for _ in range(4)]
            assert [None if each is None else order(each) for each in recalled] == [["a", "b"], ["a", "b"], None, None]
            assert chain.recall("192.0.2.77", operation, path) is None
            assert [asked(plugin) for plugin in plugins] == [1, 1]
            assert [plugin.data.account.reused_verdicts for plugin in plugins] == [2, 2]

    run(main())


def test_a_kept_answer_is_recalled() -> None:
    """A kept refusal answers at once; plugins behind it need not have been asked."""

    async def main() -> None:
        guests = [guest("a", answering(429, body="slow", reuse=reusing("everyone", 9))), guest("b")]
        async with serving(*guests) as plugins:
            chain = chain_of(snapshot(plugins))
            answer = await chain.on_request(REQUEST)
            assert chain.recall("192.0.2.77", "index", "/pks/lookup") == answer == Response(429, [], "slow", "a")
            assert [asked(plugin) for plugin in plugins] == [1, 0]

    run(main())


@pytest.mark.parametrize(("payload", "left"), [("", [1, 0]), (REQUEST.client, [1, 0]), ("192.0.2.77", [1, 1])])
def test_a_plugin_can_take_its_verdicts_back(payload: str, left: list[int]) -> None:
    """`verdicts.forget` drops what is kept of its publisher's verdicts, for all clients or one, and nobody else's."""

    async def main() -> None:
        guests = [guest(name, going(reuse=reusing("client", 100))) for name in "ab"]
        async with serving(*guests) as plugins:
            registry, bus = Registry(), Bus()
            registry.publish(snapshot(plugins))
            leave = heed(bus, registry)
            chain = chain_of(registry.current)
            await chain.on_request(REQUEST)
            bus.publish(FORGET, payload, source="b")
            assert [len(link.verdicts) for link in chain.links] == left
            leave()
            bus.publish(FORGET, "", source="a")
            assert len(chain.links[0].verdicts) == 1

    run(main())


def test_a_kept_verdict_is_one_client_s() -> None:
    """Another client is judged for itself."""

    async def main() -> None:
        async with serving(guest(decision=going(reuse=reusing("client-operation", 100)))) as plugins:
            chain = chain_of(snapshot(plugins))
            stranger = REQUEST._replace(client="192.0.2.2")
            for request in (REQUEST, stranger, REQUEST._replace(operation="add"), REQUEST, stranger):
                await chain.on_request(request)
            assert asked(plugins[0]) == 3

    run(main())


def test_a_new_snapshot_forgets_all_verdicts() -> None:
    """After a swap, of whichever plugin, everybody is asked again."""

    async def main() -> None:
        async with serving(guest(decision=going(reuse=reusing("everyone", 1000)))) as plugins:
            for _ in range(3):
                chain = chain_of(snapshot(plugins))
                for _ in range(5):
                    await chain.on_request(REQUEST)
            assert asked(plugins[0]) == 3

    run(main())


def test_a_failure_is_not_kept() -> None:
    """A plugin that failed is asked again at the next request."""

    async def main() -> None:
        async with serving(guest(bodies=CRASH)) as plugins:
            chain = chain_of(snapshot(plugins))
            for _ in range(3):
                await chain.on_request(REQUEST)
            assert asked(plugins[0]) == 3

    run(main())


def test_a_snapshot_without_views_has_an_empty_chain() -> None:
    """Before any plugin is loaded every request passes."""

    async def main() -> None:
        assert await chain_of(Snapshot()).on_request(REQUEST) == []

    run(main())


def test_a_plugin_of_another_world_is_not_in_the_chain() -> None:
    """A plugin that does not export `middleware` is not asked."""

    async def main() -> None:
        async with serving(Guest(name="other")) as plugins:
            assert chain_of(snapshot(plugins)).links == []

    run(main())


# --- bodies, and answers in the place of answers -------------------------------------------------


def echoing_body(image: Image) -> str:
    """Answers 200 with the body that it was shown, 404 when it was shown none."""
    kind = load_contract()["middleware"].functions["on-request"].result
    assert kind is not None
    none, some = image.value(kind, answering(404)), image.value(kind, answering(200))
    return f"""(i32.store (i32.const {some + 16}) (local.get 13)) (i32.store (i32.const {some + 20}) (local.get 14))
        (select (i32.const {some}) (i32.const {none}) (local.get 12))"""


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (None, None),
        (b"", ""),
        ("grüße".encode(), "grüße"),
        (b"\xff", None),
        (b"123456789", "123456789"),
        (b"1" * 10, None),
    ],
)
def test_a_body_is_shown_to_those_who_want_it(body: bytes | None, shown: str | None) -> None:
    """As far as it is text and no longer than `bodyBytes`."""

    async def main() -> None:
        wants = {SCOPE: {"wants-body": True}}
        seeing = Guest(name="a", worlds=("lifecycle", "middleware"), results=wants, bodies={ASK: echoing_body})
        async with serving(seeing, limits={"body_bytes": 9}) as plugins:
            chain = chain_of(snapshot(plugins))
            assert chain.most_body == 9
            answer = await chain.on_request(REQUEST, (), (), body)
            assert isinstance(answer, Response)
            assert (answer.status, answer.body) == ((404, "no") if shown is None else (200, shown))

    run(main())


def test_a_body_is_not_shown_to_others() -> None:
    """A plugin that does not want it gets the request without, beside one that does."""

    async def main() -> None:
        blind = guest("a", bodies={ASK: echoing_body})
        seeing = guest("b", answering(), reads=True)
        async with serving(blind, seeing) as plugins:
            answer = await chain_of(snapshot(plugins)).on_request(REQUEST, (), (), b"x")
            assert isinstance(answer, Response)
            assert (answer.plugin, answer.status) == ("a", 404)

    run(main())


def replacing(name: str, status: int = 410, *headers: Header) -> Guest:
    return guest(
        name, amendment=Case("replace", {"status": status, "headers": list(headers), "body": "gone"}), sees=True
    )


def test_an_answer_can_be_replaced() -> None:
    """What plugins set before is gone with it; those that see it afterwards see the new one and may add to it."""

    async def main() -> None:
        setting = [guest(name, amendment=Case("set-headers", [("x-by", name)]), sees=True) for name in "ac"]
        async with serving(setting[0], replacing("b", 410, ("x-new", "yes"), ("date", "x")), setting[1]) as plugins:
            amended = await chain_of(snapshot(plugins)).on_response(REQUEST, (), (), ANSWER)
            assert amended == Response(410, [("x-new", "yes"), ("x-by", "a")], "gone", "b")

    run(main())


def test_an_answer_is_not_replaced_by_nonsense() -> None:
    """A status that there is not is a failure; the answer stays."""

    async def main() -> None:
        async with serving(replacing("a", 99)) as plugins:
            assert await chain_of(snapshot(plugins)).on_response(REQUEST, (), (), ANSWER) == []
            assert plugins[0].data.account.of(SEE).outcomes[CallReason.BAD_VALUE] == 1

    run(main())
