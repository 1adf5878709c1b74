"""Admission plugins as the keyserver's judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plugins.generations import registered, serving, snapshot
from runtime.abi import Image
from runtime.guests import Guest, run
from vectors.owner import Owner
from wasmpuck.errors import CallReason
from wasmpuck.keyserver import Accept, Candidate, Keyserver, Quarantine, Reason, Reject, Verdict, Workers
from wasmpuck.keyserver.admission import submitters
from wasmpuck.keyserver.disclosure import Disclosure
from wasmpuck.openpgp import armor
from wasmpuck.openpgp.facts import KeyFacts, Origin, Submission
from wasmpuck.openpgp.ingest import Prepared, examine
from wasmpuck.openpgp.policy import Policy
from wasmpuck.openpgp.rewriting import rewrite
from wasmpuck.plugins import Plugin, Registry
from wasmpuck.runtime.capabilities import Facilities
from wasmpuck.runtime.values import Case
from wasmpuck.storage import SQLiteKeyStore
from wasmpuck.worlds.admission import PluginAdmission, current_snapshot

JUDGE = "admission.judge"
ACCEPT = 40
"""An address in a guest at which everything is zero."""
KEY = KeyFacts("ab" * 20, 4, 22, 256, 1_700_000_000_000.0)
SUBMISSION = Submission(Origin.UPLOAD, "192.0.2.1", "", KEY, (KEY, KEY), ("Ada <ada@example.org>", "é"), 1234, 5, False)
ADA = Owner("ada")
HOME, WORK = ADA.user_id("Ada <ada@example.org>"), ADA.user_id("Ada, at work")
CERTIFICATE = ADA.certificate(WORK, HOME)
PREPARED = next(found for found in examine(CERTIFICATE, Policy()).outcomes if isinstance(found, Prepared))


async def rewritten(armored: str) -> Candidate | str:
    """What the keyserver makes of a rewritten certificate, in this process."""
    made = rewrite(CANDIDATE.ready.data, armored, Policy())
    if isinstance(made, str):
        return made
    return Candidate(made.facts.submission(Origin.UPLOAD, "192.0.2.1", known=False), made, rewritten)


CANDIDATE = Candidate(SUBMISSION, PREPARED, rewritten)


def guest(name: str, verdict: Case | None = None, bodies: Mapping[str, Any] | None = None, **scope: Any) -> Guest:
    results: dict[str, Any] = {"admission.describe-scope": scope} if scope else {}
    if verdict is not None:
        results[JUDGE] = verdict
    return Guest(name=name, worlds=("lifecycle", "admission"), results=results, bodies=bodies or {})


def rejecting(name: str, code: str = "too-old", text: str = "It is too old.", **scope: Any) -> Guest:
    return guest(name, Case("reject", {"code": code, "text": text}), **scope)


def doubting(name: str, code: str = "odd", text: str = "It is odd.") -> Guest:
    return guest(name, Case("quarantine", {"code": code, "text": text}))


def rewriting(name: str, armored: str, code: str = "shorter", text: str = "It was long.") -> Guest:
    return guest(name, Case("rewrite", {"armored": armored, "reason": {"code": code, "text": text}}))


def asked(plugin: Plugin) -> int:
    return plugin.data.account.of(JUDGE).calls


def judged(*guests: Guest, candidate: Candidate | None = None, **settings: Any) -> tuple[Verdict, list[int]]:
    """The decision of these plugins, and how often each was asked."""

    async def main() -> tuple[Verdict, list[int]]:
        async with registered(*guests, **settings) as registry:
            decision = await PluginAdmission(registry).judge(candidate or CANDIDATE)
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


def required(*checks: str) -> str:
    """The body of `judge` that accepts where all of these hold, and traps elsewhere."""
    return " ".join(f"(if (i32.eqz {check}) (then unreachable))" for check in checks) + f" i32.const {ACCEPT}"


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
                assert await PluginAdmission(registry).judge(CANDIDATE) == Reject("too-old", "x" * 300, "a")

    run(main())


def test_a_submission_arrives_whole() -> None:
    """The guest receives every fact in its place (CanonicalABI.md: more than sixteen flat parameters, so in memory)."""
    checks = [
        "(i32.eqz (i32.load8_u (local.get 0)))",  # origin: upload
        "(i32.eq (i32.load offset=8 (local.get 0)) (i32.const 9))",  # bytes of the client
        "(i32.eq (i32.load8_u (i32.load offset=4 (local.get 0))) (i32.const 49))",
        "(i32.eqz (i32.load offset=16 (local.get 0)))",  # bytes of the source
        "(i32.eq (i32.load offset=28 (local.get 0)) (i32.const 40))",  # bytes of the fingerprint
        "(i32.eq (i32.load8_u offset=32 (local.get 0)) (i32.const 4))",
        "(i32.eq (i32.load8_u offset=33 (local.get 0)) (i32.const 22))",
        "(i32.eq (i32.load offset=36 (local.get 0)) (i32.const 256))",
        "(f64.eq (f64.load offset=40 (local.get 0)) (f64.const 1700000000000))",
        "(i32.eq (i32.load offset=52 (local.get 0)) (i32.const 2))",  # subkeys
        "(i32.eq (i32.load offset=60 (local.get 0)) (i32.const 2))",  # user ids
        "(i32.eq (i32.load offset=12 (i32.load offset=56 (local.get 0))) (i32.const 2))",  # bytes of the second one
        "(i32.eq (i32.load offset=64 (local.get 0)) (i32.const 1234))",
        "(i32.eq (i32.load offset=68 (local.get 0)) (i32.const 5))",
        "(i32.eqz (i32.load8_u offset=72 (local.get 0)))",
        "(i32.eqz (i32.load8_u offset=76 (local.get 0)))",  # no armor
    ]
    assert judged(guest("a", bodies={JUDGE: required(*checks)}), failure="closed") == (Accept(), [1])


def test_armor_comes_to_those_who_want_it() -> None:
    """A plugin whose scope wants the certificate gets it in armor, whole."""
    size = len(armor(PREPARED.data))
    checks = [
        "(i32.eq (i32.load8_u offset=76 (local.get 0)) (i32.const 1))",
        f"(i32.eq (i32.load offset=84 (local.get 0)) (i32.const {size}))",
        "(i32.eq (i32.load8_u (i32.load offset=80 (local.get 0))) (i32.const 45))",
    ]
    scope = {"admission.describe-scope": {"wants-armor": True}}
    wanting = replace(guest("a", bodies={JUDGE: required(*checks)}), results=scope)
    assert judged(wanting, failure="closed") == (Accept(), [1])


def test_the_order_is_priority_then_name() -> None:
    """The plugin with the lowest number is asked first, whatever it is called; an operator's number counts more."""
    late, early = rejecting("a", "late", priority=5), rejecting("b", "early", priority=-5)
    assert judged(late, early)[0] == Reject("early", "It is too old.", "b")
    assert judged(late, early, priority=0)[0] == Reject("late", "It is too old.", "a")


@pytest.mark.parametrize("origin", list(Origin))
def test_a_plugin_judges_the_ways_in_that_it_names(origin: Origin) -> None:
    """It is asked about these and no others; one that names none is asked about all."""
    candidate = replace(CANDIDATE, submission=replace(SUBMISSION, origin=origin, source="elsewhere"))
    narrow = rejecting("a", origins=["bulk", "peer"])
    named = origin in (Origin.BULK, Origin.PEER)
    assert judged(narrow, guest("b"), candidate=candidate)[1] == [int(named), int(not named)]


def test_a_plugin_is_not_asked_about_what_follows_from_its_own_submission() -> None:
    """The others are: neither who submitted it, nor who submitted what led to it, however far back."""
    token = submitters.set(("a", "c"))
    try:
        assert judged(rejecting("a"), guest("b"), rejecting("c")) == (Accept(), [0, 1, 0])
    finally:
        submitters.reset(token)
    assert judged(rejecting("a"), guest("b"), rejecting("c"))[1] == [1, 0, 0]


def test_doubt_asks_the_others_too() -> None:
    """A certificate goes into quarantine for the first one's reason, unless somebody refuses it."""
    assert judged(doubting("a"), doubting("b", "no"), guest("c")) == (Quarantine("odd", "It is odd.", "a"), [1, 1, 1])
    assert judged(doubting("a"), rejecting("b"))[0] == Reject("too-old", "It is too old.", "b")
    assert judged(doubting("a", "No code"))[0] == Quarantine("quarantined", "It is odd.", "a")


SHORT = armor(ADA.certificate(HOME))


def test_later_plugins_see_what_is_left() -> None:
    """A rewritten certificate takes the place of the one that came, and the reasons are kept."""
    sees_one = guest("b", bodies={JUDGE: required("(i32.eq (i32.load offset=60 (local.get 0)) (i32.const 1))")})
    decision, calls = judged(rewriting("a", SHORT), sees_one, failure="closed")
    assert isinstance(decision, Accept)
    assert decision.rewritten is not None
    assert decision.rewritten.submission.user_ids == ("Ada <ada@example.org>",)
    assert decision.reasons == (Reason("shorter", "It was long.", "a"),)
    assert calls == [1, 1]
    decision, _ = judged(rewriting("a", SHORT), doubting("b"))
    assert isinstance(decision, Quarantine)
    assert decision.rewritten is not None


OTHERS = {
    "nothing": "",
    "another certificate": armor(Owner("ben").certificate(Owner("ben").user_id("Ben"))),
    "more than came": armor(ADA.certificate(HOME, ADA.user_id("Somebody else"))),
    "two": armor(ADA.certificate(HOME)) + armor(ADA.certificate(WORK)),
    "too little": armor(ADA.certificate()),
}


@pytest.mark.parametrize("armored", OTHERS.values(), ids=OTHERS)
def test_what_cannot_stand_for_the_certificate_is_a_failure(armored: str) -> None:
    """It counts as a bad value; the failure policy decides: go on with what came, or refuse it."""
    assert judged(rewriting("a", armored)) == (Accept(), [1])
    decision, _ = judged(rewriting("a", armored), failure="closed")
    assert isinstance(decision, Reject)
    assert f"({CallReason.BAD_VALUE})" in decision.text


def test_a_request_sees_one_snapshot() -> None:
    """An upload is judged by the plugins that its request began with, also after a swap."""

    async def main() -> None:
        async with serving(rejecting("a")) as old, serving(guest("a")) as fresh:
            registry = Registry()
            registry.publish(snapshot(old))
            token = current_snapshot.set(registry.current)
            registry.publish(snapshot(fresh))
            admission = PluginAdmission(registry)
            assert isinstance(await admission.judge(CANDIDATE), Reject)
            current_snapshot.reset(token)
            assert await admission.judge(CANDIDATE) == Accept()

    run(main())


def test_bulk_loading_leases_the_snapshot() -> None:
    """Without a request the current snapshot is leased for as long as the judging takes."""

    async def main() -> None:
        async with registered(guest("a")) as registry:
            await PluginAdmission(registry).judge(CANDIDATE)
            assert registry.current.leases == 0

    run(main())


BEN = Owner("ben")
FRIEND = armor(BEN.certificate(BEN.user_id("Ben")))


def bringing(name: str) -> Guest:
    """A plugin that accepts everything, and submits Ben's certificate whenever it judges another one."""

    def body(image: Image) -> str:
        text, out = image.put(FRIEND.encode()), image.put(bytes(64), 8)
        return f"""(call $key-admin.submit (i32.const {text}) (i32.const {len(FRIEND)}) (i32.const 0) (i32.const 0)
            (i32.const {out})) (if (i32.load8_u (i32.const {out})) (then unreachable)) i32.const {ACCEPT}"""

    return Guest(
        name=name,
        worlds=("lifecycle", "admission"),
        imports={"key-admin": ["submit"]},
        bodies={JUDGE: body},
    )


def test_submissions_of_judges_do_not_come_back_to_them(tmp_path: Path) -> None:
    """Two plugins that submit while they judge: each is asked about what the other submits, and not about its own."""

    async def main() -> None:
        store = SQLiteKeyStore(tmp_path / "keys.sqlite3")
        await store.open()
        registry = Registry()
        keyserver = Keyserver(store, admission=PluginAdmission(registry), workers=Workers(1))
        facilities = Facilities(keyserver=keyserver, disclosure=Disclosure(store, verified_only=False))
        settings = {"facilities": facilities, "key_admin": ("submit",), "failure": "closed"}
        settings["limits"] = {"deadline": 30, "host_deadline": 30}
        async with serving(bringing("a"), bringing("b"), guest("c"), **settings) as plugins:
            registry.publish(snapshot(plugins))
            report = await keyserver.submit(CERTIFICATE)
            assert (len(report.inserted), len(report.rejected)) == (1, 0)
            # About Ada's all three. Of Ben's, which a brings, b hears and brings it too, and c hears of both.
            assert {plugin.name: asked(plugin) for plugin in plugins} == {"a": 1, "b": 2, "c": 3}
            assert await store.count() == 2
            assert submitters.get() == ()
        await keyserver.workers.close()
        await store.close()

    run(main())
