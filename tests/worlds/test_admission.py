"""Admission plugins as the keyserver's judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from plugins.generations import registered, serving, snapshot
from runtime.guests import Guest, run
from wasmpuck.keyserver import Accept, Reject
from wasmpuck.openpgp.facts import KeyFacts, Origin, Submission
from wasmpuck.plugins import Plugin, Registry
from wasmpuck.runtime.values import Case
from wasmpuck.worlds.admission import PluginAdmission, current_snapshot

JUDGE = "admission.judge"
KEY = KeyFacts("ab" * 20, 4, 22, 256, 1_700_000_000_000.0)
SUBMISSION = Submission(Origin.UPLOAD, "192.0.2.1", KEY, (KEY, KEY), ("Ada <ada@example.org>", "é"), 1234, 5, False)


def guest(name: str, verdict: Case | None = None, bodies: Mapping[str, Any] | None = None) -> Guest:
    results = {JUDGE: verdict} if verdict is not None else {}
    return Guest(name=name, worlds=("lifecycle", "admission"), results=results, bodies=bodies or {})


def rejecting(name: str, code: str = "too-old", text: str = "It is too old.") -> Guest:
    return guest(name, Case("reject", {"code": code, "text": text}))


def asked(plugin: Plugin) -> int:
    return plugin.data.account.of(JUDGE).calls


def judged(*guests: Guest, **settings: Any) -> tuple[Accept | Reject, list[int]]:
    """The decision of these plugins, and how often each was asked."""

    async def main() -> tuple[Accept | Reject, list[int]]:
        async with registered(*guests, **settings) as registry:
            decision = await PluginAdmission(registry).judge(SUBMISSION)
            return decision, [asked(plugin) for plugin in registry.current.plugins.values()]

    return run(main())


def test_without_plugins_everything_is_accepted() -> None:
    """A server whose plugins do not judge takes every certificate."""
    assert judged() == (Accept(), [])
    assert judged(Guest(name="other")) == (Accept(), [0])


def test_what_everybody_accepts_is_accepted() -> None:
    """All are asked, in the order of their names."""
    assert judged(guest("b"), guest("a"), guest("c")) == (Accept(), [1, 1, 1])


def test_the_first_refusal_ends_the_matter() -> None:
    """Its code, text and plugin are what the uploader is told, and the others are not asked."""
    decision, calls = judged(guest("a"), rejecting("b"), rejecting("c", "other"))
    assert decision == Reject("too-old", "It is too old.", "b")
    assert calls == [1, 1, 0]


@pytest.mark.parametrize("code", ["", "Upper", "two words", "-dash", "x" * 65, "line\n", "é"])
def test_a_code_for_programs_is_plain(code: str) -> None:
    """A code that is not lower case words with dashes becomes `rejected`."""
    assert judged(rejecting("a", code))[0] == Reject("rejected", "It is too old.", "a")


def test_a_text_for_people_is_bounded() -> None:
    """A text is cut after 500 characters."""
    decision, _ = judged(rejecting("a", text="x" * 10_000))
    assert decision == Reject("too-old", "x" * 500, "a")


def test_a_text_for_people_is_one_line() -> None:
    """Line breaks and other control characters of a plugin do not reach the uploader's terminal."""
    decision, _ = judged(rejecting("a", text="one\r\ntwo\x1b[31m three\0"))
    assert decision == Reject("too-old", "one two [31m three", "a")


CRASH = {JUDGE: "unreachable"}


def test_a_plugin_that_fails_open_is_passed_over() -> None:
    """With `open` the next plugin decides."""
    assert judged(guest("a", bodies=CRASH), rejecting("b"))[0] == Reject("too-old", "It is too old.", "b")
    assert judged(guest("a", bodies=CRASH))[0] == Accept()


def test_a_plugin_that_fails_closed_refuses() -> None:
    """With `closed` nothing is taken, and the uploader is told to try again."""
    decision, _ = judged(guest("a", bodies=CRASH), failure="closed")
    assert isinstance(decision, Reject)
    assert (decision.code, decision.plugin) == ("plugin-unavailable", "a")
    assert "(unreachable). Try again later." in decision.text


def test_many_refusals_in_a_row() -> None:
    """Verdicts with texts are given back to the library once each, call after call."""

    async def main() -> None:
        async with registered(rejecting("a", text="x" * 300)) as registry:
            for _ in range(500):
                assert await PluginAdmission(registry).judge(SUBMISSION) == Reject("too-old", "x" * 300, "a")

    run(main())


def test_a_submission_arrives_whole() -> None:
    """The guest receives every fact in its place (CanonicalABI.md: sixteen flat parameters)."""
    checks = [
        "(i32.eqz (local.get 0))",  # origin: upload
        "(i32.eq (local.get 2) (i32.const 9))",  # bytes of the client
        "(i32.eq (i32.load8_u (local.get 1)) (i32.const 49))",
        "(i32.eq (local.get 4) (i32.const 40))",  # bytes of the fingerprint
        "(i32.eq (local.get 5) (i32.const 4))",
        "(i32.eq (local.get 6) (i32.const 22))",
        "(i32.eq (local.get 7) (i32.const 256))",
        "(f64.eq (local.get 8) (f64.const 1700000000000))",
        "(i32.eq (local.get 10) (i32.const 2))",  # subkeys
        "(i32.eq (local.get 12) (i32.const 2))",  # user ids
        "(i32.eq (i32.load offset=12 (local.get 11)) (i32.const 2))",  # bytes of the second one
        "(i32.eq (local.get 13) (i32.const 1234))",
        "(i32.eq (local.get 14) (i32.const 5))",
        "(i32.eqz (local.get 15))",
    ]
    body = " ".join(f"(if (i32.eqz {check}) (then unreachable))" for check in checks) + " i32.const 40"
    assert judged(guest("a", bodies={JUDGE: body}), failure="closed") == (Accept(), [1])


def test_a_request_sees_one_snapshot() -> None:
    """An upload is judged by the plugins that its request began with, also after a swap."""

    async def main() -> None:
        async with serving(rejecting("a")) as old, serving(guest("a")) as fresh:
            registry = Registry()
            registry.publish(snapshot(old))
            token = current_snapshot.set(registry.current)
            registry.publish(snapshot(fresh))
            admission = PluginAdmission(registry)
            assert isinstance(await admission.judge(SUBMISSION), Reject)
            current_snapshot.reset(token)
            assert await admission.judge(SUBMISSION) == Accept()

    run(main())


def test_bulk_loading_leases_the_snapshot() -> None:
    """Without a request the current snapshot is leased for as long as the judging takes."""

    async def main() -> None:
        async with registered(guest("a")) as registry:
            await PluginAdmission(registry).judge(SUBMISSION)
            assert registry.current.leases == 0

    run(main())
