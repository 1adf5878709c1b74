"""The list that the sample plugins of every SDK pass: the same calls, the same verdicts.

`CASES` holds coroutine functions, each with one parameter: what opens a sample (`stage.Open`). A test of an SDK runs
each of them over its own build of `greeting`, `wordcount` and `upload-guard`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import pytest

from sdk.stage import Open, Stage, key, summary
from wasmpuck.errors import CallFailed
from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["CASES", "SAMPLES"]

SAMPLES: Final = ("greeting", "wordcount", "upload-guard")

CASES: Final[list[Callable[[Open], Awaitable[None]]]] = []

FINGERPRINT: Final = "ab" * 20


def case(function: Callable[[Open], Awaitable[None]]) -> Callable[[Open], Awaitable[None]]:
    """Adds a case to the list."""
    CASES.append(function)
    return function


class Asked(NamedTuple):
    """WIT `middleware.request`."""

    client: str
    operation: str
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: list[tuple[str, str]]
    body: str | None


class Submission(NamedTuple):
    """WIT `admission.submission`."""

    origin: str
    client: str
    source: str
    primary: Any
    subkeys: list[Any]
    user_ids: list[str]
    size: int
    signatures: int
    known: bool
    armored: str | None


class Event(NamedTuple):
    """WIT `event-handler.event`."""

    topic: str
    source: str
    payload: str
    at: float


class Visit(NamedTuple):
    """WIT `routes.request`."""

    client: str
    method: str
    path: str
    rest: str
    query: list[tuple[str, str]]
    headers: list[tuple[str, str]]
    body: Any


def asked(query: dict[str, str] | None = None, client: str = "192.0.2.7", operation: str = "get") -> Asked:
    """A look-up."""
    return Asked(client, operation, "GET", "/pks/lookup", list((query or {}).items()), [], None)


def submission(*user_ids: str) -> Submission:
    """An upload."""
    return Submission("upload", "192.0.2.7", "", key(), [], list(user_ids), 900, 2, False, None)


def visit(path: str, **query: str) -> Visit:
    """A request for a route."""
    return Visit("192.0.2.7", "GET", f"/plugins/wordcount/{path}", "", list(query.items()), [], Case("empty"))


async def answer(stage: Stage, request: Visit) -> tuple[int, Any]:
    """Status and JSON of a route's answer."""
    outcome = await stage.call("routes.handle", request)
    assert outcome.tag == "respond", outcome
    response = outcome.value
    assert dict(response.headers)["content-type"].startswith("application/json")
    assert response.body.tag == "text"
    return response.status, json.loads(response.body.value)


# --- every sample ----------------------------------------------------------------------------------------------------


@case
async def it_says_who_it_is(open_sample: Open) -> None:
    """Name and version are the manifest's, there is a description, and the implemented interfaces are the sample's."""
    worlds = {
        "greeting": {"middleware"},
        "wordcount": {"routes", "task-handler"},
        "upload-guard": {"admission", "event-handler"},
    }
    for sample in SAMPLES:
        async with open_sample(sample) as stage:
            info = await stage.call("lifecycle.describe")
            assert (info.name, info.version) == (sample, "0.1.0")
            assert info.description
            assert set(stage.worlds) - {"script"} == worlds[sample] | {"lifecycle"}


@case
async def it_is_well_and_stops(open_sample: Open) -> None:
    """The self-test passes, health is good, and the end of service is taken without a word."""
    for sample in SAMPLES:
        async with open_sample(sample) as stage:
            assert await stage.call("lifecycle.self-test") == Ok()
            assert await stage.call("lifecycle.health") == Case("healthy")
            assert await stage.call("lifecycle.validate-config", "{}") == []
            await stage.call("lifecycle.shutdown", "replaced")
            assert not stage.told("")


@case
async def settings_of_a_wrong_type_are_named(open_sample: Open) -> None:
    """`validate-config` and `init` name the setting that does not fit."""
    wrong: dict[str, dict[str, Any]] = {
        "greeting": {"text": 7},
        "wordcount": {"interval": "soon"},
        "upload-guard": {"words": "spam"},
    }
    for sample, settings in wrong.items():
        async with open_sample(sample, settings, start=False) as stage:
            problems = await stage.call("lifecycle.validate-config", json.dumps(settings))
            assert [problem.path for problem in problems] == list(settings)
            assert all(problem.message for problem in problems)
            assert isinstance(stage.init, Err)
            assert stage.init.value.tag == "configuration"
            assert [problem.path for problem in stage.init.value.value] == list(settings)


# --- greeting --------------------------------------------------------------------------------------------------------


@case
async def greeting_wants_lookups_with_their_query(open_sample: Open) -> None:
    """Its scope is `/pks/*`, with the query, without headers, bodies and answers."""
    async with open_sample("greeting") as stage:
        scope = await stage.call("middleware.describe-scope")
        assert list(scope.paths) == ["/pks/*"]
        assert (scope.wants_query, scope.wants_body, scope.wants_response) == (True, False, False)
        assert list(scope.headers) == []


@case
async def greeting_greets(open_sample: Open) -> None:
    """Every answer gets the header, with the default text or the operator's."""
    async with open_sample("greeting") as stage:
        decision = await stage.call("middleware.on-request", asked())
        assert decision.verdict == Case("next", [("x-greeting", "hello")])
        assert decision.reuse is None
    async with open_sample("greeting", {"text": "grüß Gott"}) as stage:
        decision = await stage.call("middleware.on-request", asked())
        assert decision.verdict == Case("next", [("x-greeting", "grüß Gott")])


@case
async def greeting_counts(open_sample: Open) -> None:
    """Requests are counted by operation, in storage and in the metric."""
    async with open_sample("greeting") as stage:
        for operation in ("get", "get", "index"):
            await stage.call("middleware.on-request", asked(operation=operation))
        assert stage.stored("count:get") == "2"
        assert stage.stored("count:index") == "1"
        assert stage.counted("requests", "get") == 2.0
        assert stage.counted("requests", "index") == 1.0
        declared = (await stage.call("lifecycle.describe")).metrics
        assert [(metric.name, metric.kind, list(metric.labels)) for metric in declared] == [
            ("requests", "counter", ["operation"])
        ]


@case
async def greeting_blocks(open_sample: Open) -> None:
    """A blocked address gets 403; another does not."""
    async with open_sample("greeting", {"block": ["192.0.2.9", "2001:db8::1"]}) as stage:
        decision = await stage.call("middleware.on-request", asked(client="2001:db8::1"))
        assert decision.verdict.tag == "respond"
        assert (decision.verdict.value.status, decision.verdict.value.body) == (403, "blocked\n")
        decision = await stage.call("middleware.on-request", asked(client="2001:db8::2"))
        assert decision.verdict.tag == "next"


@case
async def greeting_refuses_a_text_that_is_no_header(open_sample: Open) -> None:
    """More than 80 characters and control characters are problems of the setting `text`."""
    async with open_sample("greeting") as stage:
        for text in ("x" * 81, "a\nb", "a\x7fb"):
            problems = await stage.call("lifecycle.validate-config", json.dumps({"text": text}))
            assert [problem.path for problem in problems] == ["text"], text
        assert await stage.call("lifecycle.validate-config", json.dumps({"text": "x" * 80})) == []


@case
async def greeting_breaks_down_with_a_trace(open_sample: Open) -> None:
    """An error of the author's ends the call, and a line of level error says which."""
    async with open_sample("greeting") as stage:
        with pytest.raises(CallFailed):
            await stage.call("middleware.on-request", asked({"boom": "1"}))
        assert stage.told("boom"), stage.logs


# --- wordcount -------------------------------------------------------------------------------------------------------


@case
async def wordcount_has_two_paths(open_sample: Open) -> None:
    """Both of its paths are below its own, for GET."""
    async with open_sample("wordcount") as stage:
        routes = await stage.call("routes.describe-routes")
        assert {route.path: list(route.methods) for route in routes} == {
            "/plugins/wordcount/words": ["GET"],
            "/plugins/wordcount/total": ["GET"],
        }


@case
async def wordcount_counts_the_words_of_user_ids(open_sample: Open) -> None:
    """The words of all user ids, divided by blanks; what is not there is a 404 in JSON."""
    async with open_sample("wordcount") as stage:
        stage.certificates[FINGERPRINT] = summary(
            "Alice <alice@example.org>", "Alice  B. Example", fingerprint=FINGERPRINT
        )
        assert await answer(stage, visit("words", fingerprint=FINGERPRINT)) == (
            200,
            {"fingerprint": FINGERPRINT, "words": 5, "user_ids": 2},
        )
        status, problem = await answer(stage, visit("words", fingerprint="cd" * 20))
        assert status == 404
        assert problem["error"]


@case
async def wordcount_has_nothing_elsewhere(open_sample: Open) -> None:
    """A path that is not its own does not exist."""
    async with open_sample("wordcount") as stage:
        assert await stage.call("routes.handle", visit("elsewhere")) == Case("not-found")


@case
async def wordcount_refreshes_its_total(open_sample: Open) -> None:
    """The task stores the number of certificates with the time; before its first run there is no total yet: 404."""
    async with open_sample("wordcount", {"interval": 90}) as stage:
        status, _ = await answer(stage, visit("total"))
        assert status == 404
        stage.certificates |= {f"{number:040x}": summary(fingerprint=f"{number:040x}") for number in range(3)}
        assert await stage.call("task-handler.run", "refresh") == Case("done")
        assert stage.stored("total") == "3"
        stage.clock += 5
        assert await answer(stage, visit("total")) == (200, {"total": 3, "at": 1_700_000_000_000})


@case
async def wordcount_does_not_know_other_tasks(open_sample: Open) -> None:
    """A task that it never scheduled fails, with words."""
    async with open_sample("wordcount") as stage:
        outcome = await stage.call("task-handler.run", "tidy")
        assert outcome.tag == "failed"
        assert outcome.value


# --- upload-guard ----------------------------------------------------------------------------------------------------


@case
async def upload_guard_judges_every_way_in_without_the_armor(open_sample: Open) -> None:
    """Its scope has no origins, which means all, and no wish for the certificate itself."""
    async with open_sample("upload-guard") as stage:
        scope = await stage.call("admission.describe-scope")
        assert list(scope.origins) == []
        assert scope.wants_armor is False


@case
async def upload_guard_accepts(open_sample: Open) -> None:
    """What has none of the words and few user ids is taken, and nothing is published."""
    async with open_sample("upload-guard", {"words": ["spam"]}) as stage:
        assert await stage.call("admission.judge", submission("Alice <alice@example.org>")) == Case("accept")
        assert stage.published == []


@case
async def upload_guard_rejects_words(open_sample: Open) -> None:
    """A forbidden word, in any case, is a rejection with code, sentence and event."""
    async with open_sample("upload-guard", {"words": ["eggs", "Spam"]}) as stage:
        verdict = await stage.call("admission.judge", submission("Bob", "sPAMmer <s@example.org>"))
        assert verdict.tag == "reject"
        assert verdict.value == ("forbidden-word", "The user id contains the word Spam.")
        (event,) = stage.published
        assert (event.topic, event.source) == ("upload-guard.rejected", "upload-guard")
        assert json.loads(event.payload) == {"fingerprint": FINGERPRINT, "word": "Spam"}


@case
async def upload_guard_quarantines_crowds(open_sample: Open) -> None:
    """More user ids than the setting, 10 unless given, are put aside."""
    async with open_sample("upload-guard", {"max-user-ids": 2}) as stage:
        verdict = await stage.call("admission.judge", submission("a", "b", "c"))
        assert verdict.tag == "quarantine"
        assert verdict.value.code == "too-many-user-ids"
        assert verdict.value.text
        assert await stage.call("admission.judge", submission("a", "b")) == Case("accept")
    async with open_sample("upload-guard") as stage:
        assert await stage.call("admission.judge", submission(*"abcdefghij")) == Case("accept")
        assert (await stage.call("admission.judge", submission(*"abcdefghijk"))).tag == "quarantine"


@case
async def upload_guard_counts_what_came_in(open_sample: Open) -> None:
    """It subscribes to `key.inserted` when it starts, and counts what it hears."""
    async with open_sample("upload-guard") as stage:
        stage.bus.publish("key.inserted", json.dumps({"fingerprint": FINGERPRINT}))
        stage.bus.publish("key.deleted", "{}")
        stage.bus.publish("key.inserted", "{}")
        for _ in range(1000):
            await asyncio.sleep(0.001)
            if stage.stored("inserted") == "2":
                break
        await asyncio.sleep(0.01)
        assert stage.stored("inserted") == "2"
        assert await stage.call("event-handler.handle", Event("key.inserted", "", "{}", 1.7e12)) == Case("done")
        assert stage.stored("inserted") == "3"
