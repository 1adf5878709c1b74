"""`keys`: a plugin reads what anybody may read, and learns in which words why it cannot."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from runtime.abi import Image
from runtime.capabilities.holdings import Holdings, error, holding, refusal_without_grant, value
from runtime.capabilities.stand import Surroundings
from runtime.guests import Guest, Rig
from vectors.owner import Owner, subpacket
from wasmpuck.errors import OperatorError, Refusal
from wasmpuck.keyserver import SearchRules, Workers
from wasmpuck.openpgp import armor, walk
from wasmpuck.openpgp.armor import dearmor
from wasmpuck.openpgp.policy import Policy
from wasmpuck.runtime.capabilities.keys import Keys
from wasmpuck.runtime.values import Case, Err
from wasmpuck.storage import Held

ANN, BEN, SUB = Owner("ann"), Owner("ben"), Owner("ann's subkey")
ANN_CERTIFICATE = ANN.certificate(
    ANN.user_id("Ann <Ann@Example.org>", hashed=subpacket(9, (1_000_000_000).to_bytes(4, "big"))),
    ANN.user_id("Annie"),
    ANN.revoke_user_id("Annie"),
    ANN.subkey(SUB),
)
BEN_CERTIFICATE = BEN.certificate(BEN.user_id("Ben <ben@example.org>"))
RULES = SearchRules(short_key_ids=True, words=True, domains=("example.org",))
NOW = 1_700_000_000.0

Body = Callable[[Holdings], Coroutine[Any, Any, None]]
Run = Callable[..., None]


@pytest.fixture
def run(tmp_path: Path, workers: Workers) -> Run:
    """Runs a body on holdings with the certificates of Ann and Ben."""

    def run(body: Body, **choices: Any) -> None:
        async def stocked(holdings: Holdings) -> None:
            await holdings.keyserver.submit(ANN_CERTIFICATE + BEN_CERTIFICATE)
            await body(holdings)

        holding(tmp_path, workers, stocked, **choices)

    return run


QUERIES = {
    "fingerprint": (Case("fingerprint", ANN.fingerprint.upper()), [ANN.fingerprint]),
    "subkey": (Case("fingerprint", SUB.fingerprint), [ANN.fingerprint]),
    "key-id": (Case("key-id", BEN.fingerprint[-16:]), [BEN.fingerprint]),
    "short": (Case("key-id", SUB.fingerprint[-8:]), [ANN.fingerprint]),
    "email": (Case("email", "ANN@example.org"), [ANN.fingerprint]),
    "text": (Case("text", "annie"), [ANN.fingerprint]),
    "domain": (Case("domain", "Example.org"), [ANN.fingerprint, BEN.fingerprint]),
    "nobody": (Case("email", "eve@example.org"), []),
    "no fingerprint": (Case("fingerprint", "ab" * 20), []),
}


@pytest.mark.parametrize(("query", "found"), QUERIES.values(), ids=QUERIES)
def test_keys_search_finds_by_every_kind_of_query(run: Run, query: Case, found: list[str]) -> None:
    """Primary fingerprints, oldest stored first."""

    async def body(holdings: Holdings) -> None:
        page = value(await Keys(holdings.plugin()).search(query, "", 10))
        assert (page.fingerprints, page.cursor) == (found, "")

    run(body, search=RULES)


def test_keys_search_goes_on_where_a_page_ended(run: Run) -> None:
    """Each certificate comes once, whatever the pages' length."""

    async def body(holdings: Holdings) -> None:
        owners = [Owner(f"owner {number}") for number in range(7)]
        for owner in owners:
            await holdings.keyserver.submit(owner.certificate(owner.user_id("<same@example.net>")))
        keys, seen, cursor = Keys(holdings.plugin()), [], ""
        while True:
            page = value(await keys.search(Case("email", "same@example.net"), cursor, 3))
            assert len(page.fingerprints) <= 3
            seen += page.fingerprints
            cursor = page.cursor
            if not cursor:
                break
        assert seen == [owner.fingerprint for owner in owners]

    run(body)


BAD = {
    "empty": Case("text", "  "),
    "no digits": Case("fingerprint", "xyz"),
    "too few digits": Case("fingerprint", "ab" * 19),
    "no key id": Case("key-id", "12345"),
    "no address": Case("email", "ann"),
    "NUL": Case("text", "a\0b"),
    "too long": Case("text", "a" * 1025),
    "short key id": Case("key-id", "12345678"),
    "words": Case("text", "annie"),
    "domain": Case("domain", "example.org"),
}


@pytest.mark.parametrize("query", BAD.values(), ids=BAD)
def test_keys_search_says_what_is_not_answered(run: Run, query: Case) -> None:
    """What cannot be meant, and what the operator has not switched on, is a bad query in words."""

    async def body(holdings: Holdings) -> None:
        answer = error(await Keys(holdings.plugin()).search(query, "", 10))
        assert answer.tag == "bad-query"
        assert len(answer.value.split()) > 2

    run(body)


@pytest.mark.parametrize(
    ("query", "cursor", "limit"),
    [
        (Case("text", "!!!"), "", 10),
        (Case("domain", "@@"), "", 10),
        (Case("text", " ".join(f"w{n}" for n in range(17))), "", 10),
        (Case("text", "annie"), "no cursor", 10),
        (Case("text", "annie"), "99999999", 10),
        (Case("text", "annie"), "", 0),
    ],
    ids=["no word", "no domain", "many words", "no cursor", "too far", "limit of 0"],
)
def test_keys_search_refuses_where_everything_is_switched_on(run: Run, query: Case, cursor: str, limit: int) -> None:
    """Searches without a word, cursors that never were one, pages of nothing."""

    async def body(holdings: Holdings) -> None:
        assert error(await Keys(holdings.plugin()).search(query, cursor, limit)).tag == "bad-query"

    run(body, search=RULES)


def test_keys_results_are_capped(run: Run) -> None:
    """The operator's number holds, whatever the plugin asks for."""

    async def body(holdings: Holdings) -> None:
        keys = Keys(holdings.plugin(keys_results=1))
        page = value(await keys.search(Case("domain", "example.org"), "", 1000))
        assert (page.fingerprints, page.cursor) == ([ANN.fingerprint], "1")
        assert len(value(await keys.changes("", 1000)).fingerprints) == 1

    run(body, search=RULES)


def test_keys_summarize_tells_what_a_listing_tells(run: Run) -> None:
    """Keys, user ids, times in milliseconds, by any key's fingerprint in any case."""

    async def body(holdings: Holdings) -> None:
        keys = Keys(holdings.plugin())
        answer = await keys.summarize(SUB.fingerprint.upper())
        assert answer.tag == "found"
        summary = answer.value
        assert summary.primary == (
            ANN.fingerprint, 4, 22, 263, ANN.created * 1000.0, (ANN.created + 1_000_000_000) * 1000.0, False,
        )  # fmt: skip
        assert summary.subkeys == [(SUB.fingerprint, 4, 22, 263, SUB.created * 1000.0, None, False)]
        assert summary.user_ids == [("Ann <Ann@Example.org>", "ann@example.org", False), ("Annie", "", True)]
        (record,) = await holdings.keyserver.find(f"0x{ANN.fingerprint}")
        assert (summary.size, summary.updated) == (len(record.data), NOW * 1000)
        assert await keys.summarize("ab" * 20) == Case("missing")

    run(body)


def test_keys_armored_is_what_anybody_gets(run: Run) -> None:
    """The whole certificate in armor."""

    async def body(holdings: Holdings) -> None:
        keys = Keys(holdings.plugin())
        (record,) = await holdings.keyserver.find(f"0x{ANN.fingerprint}")
        assert await keys.armored(SUB.fingerprint) == Case("found", armor(record.data))
        assert await keys.armored("ab" * 32) == Case("missing")

    run(body)


def test_keys_armored_prefers_the_owner_of_a_primary_key(run: Run) -> None:
    """Who takes somebody's key as a subkey does not get in its place."""

    async def body(holdings: Holdings) -> None:
        await holdings.keyserver.submit(SUB.certificate(SUB.user_id("Sub")))
        answer = await Keys(holdings.plugin()).summarize(SUB.fingerprint)
        assert answer.value.primary.fingerprint == SUB.fingerprint

    run(body)


@pytest.mark.parametrize("name", ["summarize", "armored"])
def test_keys_summarize_and_armored_need_a_fingerprint(run: Run, name: str) -> None:
    """Anything else is a bad query."""

    async def body(holdings: Holdings) -> None:
        answer = await getattr(Keys(holdings.plugin()), name)("not a fingerprint")
        assert (answer.tag, answer.value.tag) == ("failed", "bad-query")

    run(body)


def test_keys_show_only_confirmed_addresses_where_that_is_the_rule(run: Run) -> None:
    """Searches, summaries and armor leave out what nobody confirmed."""

    async def body(holdings: Holdings) -> None:
        keys = Keys(holdings.plugin())
        by_email = Case("email", "ann@example.org")
        assert value(await keys.search(by_email, "", 9)).fingerprints == []
        assert (await keys.summarize(ANN.fingerprint)).value.user_ids == []
        await holdings.keyserver.store.verify_address(ANN.fingerprint, "ann@example.org", NOW)
        assert value(await keys.search(by_email, "", 9)).fingerprints == [ANN.fingerprint]
        assert [each.text for each in (await keys.summarize(ANN.fingerprint)).value.user_ids] == [
            "Ann <Ann@Example.org>"
        ]
        data = dearmor((await keys.armored(ANN.fingerprint)).value.encode())
        assert [packet.body for packet in walk(data) if packet.tag == 13] == [b"Ann <Ann@Example.org>"]

    run(body, verified_only=True)


def test_keys_do_not_show_what_is_in_quarantine_or_blocked(run: Run) -> None:
    """Neither by search nor by fingerprint nor among the changes."""

    async def body(holdings: Holdings) -> None:
        eve = Owner("eve")
        await holdings.keyserver.store.hold(
            Held(eve.fingerprint, "ab" * 16, eve.certificate(eve.user_id("Eve")), "", "why", NOW),
            expected=None,
            before=None,
        )
        keys = Keys(holdings.plugin())
        for fingerprint in (eve.fingerprint, BEN.fingerprint):
            assert await keys.armored(fingerprint) == Case("missing")
            assert await keys.summarize(fingerprint) == Case("missing")
            assert value(await keys.search(Case("fingerprint", fingerprint), "", 9)).fingerprints == []
        assert value(await keys.changes("", 1)).fingerprints == [ANN.fingerprint]

    async def with_ben(holdings: Holdings) -> None:
        """Ben was stored before he was blocked."""

    run(with_ben)
    run(body, policy=Policy(blacklist=(BEN.fingerprint,)))


def test_keys_changes_leave_nothing_out(run: Run) -> None:
    """From the oldest to the last, deletions too; the last cursor leads to what has changed since."""

    async def body(holdings: Holdings) -> None:
        keys = Keys(holdings.plugin())
        first = value(await keys.changes("", 1))
        assert first.fingerprints == [ANN.fingerprint]
        second = value(await keys.changes(first.cursor, 1000))
        assert second.fingerprints == [BEN.fingerprint]
        end = value(await keys.changes(second.cursor, 5))
        assert (end.fingerprints, end.cursor) == ([], second.cursor)
        await holdings.keyserver.submit(ANN.certificate(ANN.user_id("Third name")))
        await holdings.keyserver.store.delete(BEN.fingerprint)
        await holdings.keyserver.submit(ANN.certificate(ANN.user_id("Fourth name")))
        assert value(await keys.changes(end.cursor, 1000)).fingerprints == [ANN.fingerprint, BEN.fingerprint]
        for bad in ("x", "-1", "1" * 16):
            assert error(await keys.changes(bad, 5)).tag == "bad-query"
        assert error(await keys.changes("", 0)).tag == "bad-query"

    run(body)


def test_keys_changes_pass_over_pages_of_blocked_certificates(run: Run) -> None:
    """A page without fingerprints is the end, and nothing else is."""

    async def stocked(holdings: Holdings) -> None:
        """Ann's comes first."""

    async def body(holdings: Holdings) -> None:
        page = value(await Keys(holdings.plugin()).changes("", 1))
        assert page.fingerprints == [BEN.fingerprint]

    run(stocked)
    run(body, policy=Policy(blacklist=(ANN.fingerprint,)))


def test_keys_count_by_hours_of_the_clock(run: Run) -> None:
    """The total, and what came in the hour that runs and the one before, and within a day."""

    async def body(holdings: Holdings) -> None:
        statistics = value(await Keys(holdings.plugin()).count())
        assert statistics == (2.0, 2.0, 2.0)
        holdings.now += 3 * 3600
        assert value(await Keys(holdings.plugin()).count()) == (2.0, 0.0, 2.0)

    run(body)


CALLS: dict[str, Callable[[Keys], Coroutine[Any, Any, Any]]] = {
    "search": lambda keys: keys.search(Case("email", "ann@example.org"), "", 5),
    "summarize": lambda keys: keys.summarize(ANN.fingerprint),
    "armored": lambda keys: keys.armored(ANN.fingerprint),
    "changes": lambda keys: keys.changes("", 5),
    "count": lambda keys: keys.count(),
}


def why(answer: Any) -> Case:
    """The error in an answer of either form."""
    found = answer.value
    assert isinstance(answer, Err) or answer.tag == "failed", answer
    assert isinstance(found, Case)
    return found


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.covers("keys.quota.keysRate")
def test_keys_rate_limits_each_function(run: Run, call: Callable[[Keys], Coroutine[Any, Any, Any]]) -> None:
    """Ten seconds' worth at once, then no more until time has passed."""

    async def body(holdings: Holdings) -> None:
        keys = Keys(holdings.plugin(keys_rate=1))
        for _ in range(10):
            assert not isinstance(await call(keys), Err)
        assert why(await call(keys)) == Case("rate-limited")
        holdings.now += 1
        assert not isinstance(await call(keys), Err)

    run(body)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.covers("keys.error.unavailable")
def test_keys_unavailable_where_the_store_is(run: Run, call: Callable[[Keys], Coroutine[Any, Any, Any]]) -> None:
    """A database that does not answer, and no keyserver at all, are the same to a plugin."""

    async def body(holdings: Holdings) -> None:
        holdings.breaks()
        assert why(await call(Keys(holdings.plugin()))) == Case("unavailable")
        assert why(await call(Keys(Surroundings().context()))) == Case("unavailable")

    run(body)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.covers("keys.error.other")
def test_keys_other_errors_come_in_words(run: Run, call: Callable[[Keys], Coroutine[Any, Any, Any]]) -> None:
    """What the contract has no name for is told as it was said."""

    async def body(holdings: Holdings) -> None:
        holdings.breaks(OperatorError("The disk is on fire."))
        assert why(await call(Keys(holdings.plugin()))) == Case("other", "The disk is on fire.")

    run(body)


def test_keys_needs_the_grant() -> None:
    """A plugin that imports it and was not granted it is refused."""
    assert refusal_without_grant("keys", "count") is Refusal.IMPORTS_NOT_GRANTED


def crossing(image: Image) -> str:
    """Code of a guest that calls every function and traps unless each answer is the good one."""
    text, out = image.put(ANN.fingerprint.encode()), image.put(bytes(256), 8)
    fingerprint, empty = f"(i32.const {text}) (i32.const 40)", "(i32.const 0) (i32.const 0)"
    calls = (
        f"(call $keys.search (i32.const 0) {fingerprint} {empty} (i32.const 5) (i32.const {out}))",
        f"(call $keys.armored {fingerprint} (i32.const {out}))",
        f"(call $keys.changes {empty} (i32.const 5) (i32.const {out}))",
        f"(call $keys.summarize {fingerprint} (i32.const {out}))",
        f"(call $keys.count (i32.const {out}))",
    )
    good = f"(if (i32.load8_u (i32.const {out})) (then unreachable))"
    total = f"(if (f64.ne (f64.load offset=8 (i32.const {out})) (f64.const 2)) (then unreachable))"
    return " ".join(f"{call} {good}" for call in calls) + total


def test_keys_answers_cross_into_a_guest(run: Run) -> None:
    """A real guest gets each answer in the contract's shape, and waits for it."""
    functions = ["search", "summarize", "armored", "changes", "count"]
    guest = Guest(
        imports={"keys": functions}, bodies={"lifecycle.health": lambda image: f"{crossing(image)} i32.const 40"}
    )

    async def body(holdings: Holdings) -> None:
        async with Rig(guest, {"keys": Keys(holdings.plugin())}) as rig:
            instance = await rig.instance()
            assert (await rig.call(instance, "lifecycle.health")).tag == "healthy"

    run(body)
