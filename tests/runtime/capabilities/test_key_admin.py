"""`key-admin`: what a plugin may change, in whose name it is noted, and why not."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.abi import Image
from runtime.capabilities.holdings import Holdings, error, holding, refusal_without_grant, value
from runtime.capabilities.stand import Surroundings
from runtime.guests import Guest, Rig
from vectors.owner import Item, Owner
from wasmpuck.config import KEY_ACTS
from wasmpuck.errors import OperatorError, Refusal
from wasmpuck.keyserver import Accept, Candidate, HeldEvent, KeyEvent, Quarantine, Reason, Reject, Verdict, Workers
from wasmpuck.keyserver.admission import submitters
from wasmpuck.openpgp import Origin, armor, walk
from wasmpuck.openpgp.facts import Submission
from wasmpuck.runtime.capabilities.key_admin import KeyAdmin
from wasmpuck.runtime.values import Case, Err
from wasmpuck.storage import Burial

ANN, BEN = Owner("ann"), Owner("ben")
NAME, NICK = ANN.user_id("Ann <ann@example.org>"), ANN.user_id("Annie")

Body = Callable[[Holdings], Coroutine[Any, Any, None]]
Run = Callable[[Body], None]


@pytest.fixture
def run(tmp_path: Path, workers: Workers) -> Run:
    """Runs a body on empty holdings."""
    return lambda body: holding(tmp_path, workers, body)


def text(*items: Item | list[Item], owner: Owner = ANN) -> str:
    """A certificate in armor."""
    return armor(owner.certificate(*items))


def admin(holdings: Holdings, *acts: str, name: str = "probe", **limits: Any) -> KeyAdmin:
    """The capability with leave for these acts, or for all of them."""
    return KeyAdmin(holdings.plugin(name, acts or KEY_ACTS, **limits))


async def published(holdings: Holdings, owner: Owner = ANN) -> set[object]:
    """The packets of somebody's published certificate."""
    found = await holdings.keyserver.find(f"0x{owner.fingerprint}")
    return set(walk(found[0].data)) if found else set()


async def journal(holdings: Holdings) -> list[tuple[str, str, str, str]]:
    """Kind, fingerprint, actor and detail of every act."""
    acts = await holdings.keyserver.store.acts(limit=99)
    return [(act.kind, act.fingerprint, act.actor, act.detail) for act in acts]


class Says:
    """An admission that gives one verdict, and remembers what it was asked."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.asked: list[Submission] = []
        self.chains: list[tuple[str, ...]] = []

    async def judge(self, candidate: Candidate) -> Verdict:
        """Says it."""
        self.asked.append(candidate.submission)
        self.chains.append(submitters.get())
        return self.verdict


# --- submit ------------------------------------------------------------------------------------


def test_key_admin_submit_inserts_merges_and_notes(run: Run) -> None:
    """Outcomes are told, each change is in the audit record with the plugin's name and its note."""

    async def body(holdings: Holdings) -> None:
        keys = admin(holdings, "submit")
        heard: list[KeyEvent] = []
        holdings.keyserver.observe(heard.append)
        assert value(await keys.submit(text(NAME), "from a directory")) == "inserted"
        assert value(await keys.submit(text(NICK), "from\nanother one")) == "updated"
        assert value(await keys.submit(text(NICK), "again")) == "unchanged"
        assert await published(holdings) == set(walk(ANN.certificate(NAME, NICK)))
        assert [event.origin for event in heard] == [Origin.PLUGIN, Origin.PLUGIN]
        assert await journal(holdings) == [
            ("submit", ANN.fingerprint, "plugin probe", "from a directory"),
            ("submit", ANN.fingerprint, "plugin probe", "from another one"),
        ]

    run(body)


def test_key_admin_submit_asks_the_others_for_admission(run: Run) -> None:
    """With the plugin as the source, and so that the plugin itself is passed over."""

    async def body(holdings: Holdings) -> None:
        says = Says(Accept())
        holdings.keyserver.admission = says
        await admin(holdings, name="importer").submit(text(NAME), "")
        assert [(each.origin, each.source, each.client) for each in says.asked] == [(Origin.PLUGIN, "importer", "")]
        assert says.chains == [("importer",)]
        assert submitters.get() == ()

    run(body)


def test_key_admin_submit_told_why_it_was_refused(run: Run) -> None:
    """Code and text of the reason; nothing is stored, nothing noted."""

    async def body(holdings: Holdings) -> None:
        holdings.keyserver.admission = Says(Reject("too-old", "It is too old.", "guard"))
        assert error(await admin(holdings).submit(text(NAME), "")) == Case("refused", ("too-old", "It is too old."))
        assert (await published(holdings), await journal(holdings)) == (set(), [])

    run(body)


def test_key_admin_submit_into_quarantine(run: Run) -> None:
    """What another plugin doubts is kept and not published."""

    async def body(holdings: Holdings) -> None:
        holdings.keyserver.admission = Says(Quarantine("odd", "It is odd.", "guard"))
        assert value(await admin(holdings).submit(text(NAME), "")) == "quarantined"
        assert await published(holdings) == set()
        assert [act[:3] for act in await journal(holdings)] == [("quarantine", ANN.fingerprint, "plugin guard")]

    run(body)


def test_key_admin_submit_honours_tombstones(run: Run) -> None:
    """What was removed does not come back by a plugin."""

    async def body(holdings: Holdings) -> None:
        await holdings.keyserver.store.erase(ANN.fingerprint, burial=Burial("asked for"))
        tag, (code, why) = (
            error(await admin(holdings).submit(text(NAME), "")).tag,
            error(await admin(holdings).submit(text(NAME), "")).value,
        )
        assert (tag, code) == ("refused", "deleted")
        assert "asked for" in why

    run(body)


UNUSABLE = {
    "nothing": "",
    "words": "no armor at all",
    "two": text(NAME) + text(BEN.user_id("Ben"), owner=BEN),
    "bare key": text(),
    "cut": text(NAME)[:-60],
}


@pytest.mark.parametrize("armored", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("function", ["submit", "replace"])
def test_key_admin_submit_and_replace_say_what_is_unusable(run: Run, function: str, armored: str) -> None:
    """What is not one certificate, or one that does not hold, is unusable, in words, and nothing of it is stored."""

    async def body(holdings: Holdings) -> None:
        answer = error(await getattr(admin(holdings), function)(armored, ""))
        assert answer.tag == "unusable"
        assert answer.value.endswith((".", "certificate"))
        assert await holdings.keyserver.store.count() == 0

    run(body)


def test_key_admin_submit_ends_a_chain_that_is_too_long(run: Run) -> None:
    """A plugin that submits while another's submission is judged, and so on, meets an end."""

    async def body(holdings: Holdings) -> None:
        answers = []

        class Passing:
            """Each asked plugin submits something further."""

            async def judge(self, candidate: Candidate) -> Verdict:
                """Submits as somebody else."""
                number = len(submitters.get())
                owner = Owner(f"owner {number}")
                answers.append(
                    await admin(holdings, name=f"p{number}").submit(text(owner.user_id("x"), owner=owner), "")
                )
                return Accept()

        holdings.keyserver.admission = Passing()
        assert value(await admin(holdings, name="p0").submit(text(NAME), "")) == "inserted"
        assert error(answers[0]).tag == "other"
        assert [value(answer) for answer in answers[1:]] == ["inserted"] * 3

    run(body)


# --- replace -----------------------------------------------------------------------------------


def test_key_admin_replace_does_not_merge(run: Run) -> None:
    """What the new state lacks is gone; the act is noted in the same breath."""

    async def body(holdings: Holdings) -> None:
        keys = admin(holdings, "replace")
        heard: list[KeyEvent] = []
        await holdings.keyserver.submit(ANN.certificate(NAME, NICK))
        holdings.keyserver.observe(heard.append)
        assert value(await keys.replace(text(NAME), "cleaned")) == "updated"
        assert await published(holdings) == set(walk(ANN.certificate(NAME)))
        assert value(await keys.replace(text(NAME), "again")) == "unchanged"
        assert await journal(holdings) == [("replace", ANN.fingerprint, "plugin probe", "cleaned")]
        assert [(event.origin, event.previous is None) for event in heard] == [(Origin.PLUGIN, False)]

    run(body)


def test_key_admin_replace_needs_something_published(run: Run) -> None:
    """A certificate that is not there, or in quarantine alone, is missing."""

    async def body(holdings: Holdings) -> None:
        keys = admin(holdings)
        assert error(await keys.replace(text(NAME), "")) == Case("missing")
        await holdings.keyserver.submit(ANN.certificate(NAME, NICK))
        await keys.quarantine(ANN.fingerprint, "")
        assert error(await keys.replace(text(NAME), "")) == Case("missing")

    run(body)


def test_key_admin_replace_takes_back_no_revocation(run: Run) -> None:
    """A key that its owner revoked stays revoked."""

    async def body(holdings: Holdings) -> None:
        await holdings.keyserver.submit(ANN.certificate(ANN.revocation(reason=1), NAME))
        before = await published(holdings)
        answer = error(await admin(holdings).replace(text(NAME), ""))
        assert answer.tag == "unusable"
        assert "take back" in answer.value
        assert await published(holdings) == before

    run(body)


@pytest.mark.parametrize("verdict", [Reject("no", "No."), Quarantine("no", "No.", "guard")], ids=["reject", "doubt"])
def test_key_admin_replace_that_is_not_admitted_is_refused(run: Run, verdict: Verdict) -> None:
    """Quarantine is a refusal too: there the new state could only be merged with the old one."""

    async def body(holdings: Holdings) -> None:
        await holdings.keyserver.submit(ANN.certificate(NAME, NICK))
        before = await published(holdings)
        holdings.keyserver.admission = says = Says(verdict)
        assert error(await admin(holdings).replace(text(NAME), "")) == Case("refused", ("no", "No."))
        assert (says.chains, says.asked[0].known) == ([("probe",)], True)
        assert await published(holdings) == before
        assert await holdings.keyserver.store.count_held() == 0

    run(body)


def test_key_admin_replace_stores_what_was_rewritten(run: Run) -> None:
    """A plugin that rewrites the replacement has its way."""

    class Editor:
        """Leaves the address alone."""

        async def judge(self, candidate: Candidate) -> Verdict:
            """Rewrites."""
            made = await candidate.rewrite(text(NAME))
            assert isinstance(made, Candidate)
            return Accept(made, (Reason("shorter", "Shorter."),))

    async def body(holdings: Holdings) -> None:
        third = ANN.user_id("Third")
        await holdings.keyserver.submit(ANN.certificate(NAME, NICK, third))
        holdings.keyserver.admission = Editor()
        assert value(await admin(holdings).replace(text(NAME, NICK), "")) == "updated"
        assert await published(holdings) == set(walk(ANN.certificate(NAME)))

    run(body)


# --- delete, quarantine, release ---------------------------------------------------------------


def test_key_admin_delete_leaves_a_tombstone(run: Run) -> None:
    """With the note, which whoever sends it again is told; published or in quarantine."""

    async def body(holdings: Holdings) -> None:
        keys = admin(holdings, "delete", "quarantine")
        heard: list[KeyEvent] = []
        await holdings.keyserver.submit(ANN.certificate(NAME) + BEN.certificate(BEN.user_id("Ben")))
        await keys.quarantine(BEN.fingerprint, "")
        holdings.keyserver.observe(heard.append)
        assert value(await keys.delete(ANN.fingerprint.upper(), "spam")) is None
        assert value(await keys.delete(BEN.fingerprint, "")) is None
        assert [(event.fingerprint, event.md5, event.origin) for event in heard] == [
            (ANN.fingerprint, None, Origin.PLUGIN)
        ]
        assert await holdings.keyserver.store.tombstones([ANN.fingerprint, BEN.fingerprint]) == {
            ANN.fingerprint: Burial("spam"),
            BEN.fingerprint: Burial("the plugin probe decided so"),
        }
        (refused,) = (await holdings.keyserver.submit(ANN.certificate(NAME))).rejected
        assert "spam" in refused.comment
        assert ("delete", ANN.fingerprint, "plugin probe", "spam") in await journal(holdings)
        assert error(await keys.delete(ANN.fingerprint, "")) == Case("missing")

    run(body)


def test_key_admin_quarantine_and_release(run: Run) -> None:
    """Out of publication and back, each noted with the plugin's name, its note, and heard by watchers."""

    async def body(holdings: Holdings) -> None:
        keys = admin(holdings, "quarantine", "release")
        heard: list[HeldEvent] = []
        holdings.keyserver.watch(heard.append)
        await holdings.keyserver.submit(ANN.certificate(NAME))
        assert value(await keys.quarantine(ANN.fingerprint, "looks like spam")) is None
        assert await published(holdings) == set()
        assert value(await keys.quarantine(ANN.fingerprint, "twice")) is None
        (entry,) = value(await keys.list_quarantine("", 5)).entries
        assert entry == (ANN.fingerprint, "probe", "looks like spam", holdings.now * 1000)
        assert value(await keys.release(ANN.fingerprint, "it was not")) == "inserted"
        assert await published(holdings) == set(walk(ANN.certificate(NAME)))
        assert await journal(holdings) == [
            ("quarantine", ANN.fingerprint, "plugin probe", "looks like spam"),
            ("release", ANN.fingerprint, "plugin probe", "it was not"),
        ]
        assert heard == [
            HeldEvent(ANN.fingerprint, "probe", "looks like spam", Origin.PLUGIN),
            HeldEvent(ANN.fingerprint, "probe", "it was not", Origin.PLUGIN, released=True),
        ]

    run(body)


@pytest.mark.parametrize("function", ["delete", "quarantine", "release"])
@pytest.mark.parametrize("fingerprint", [ANN.fingerprint, "not a fingerprint", ""])
def test_key_admin_says_what_is_missing(run: Run, function: str, fingerprint: str) -> None:
    """What is not there, and what is no fingerprint."""

    async def body(holdings: Holdings) -> None:
        assert error(await getattr(admin(holdings), function)(fingerprint, "")) == Case("missing")
        assert await journal(holdings) == []

    run(body)


def test_key_admin_release_of_what_the_policy_keeps_out(run: Run, tmp_path: Path) -> None:
    """Is refused, with a code and a sentence."""

    async def body(holdings: Holdings) -> None:
        keys = admin(holdings)
        await holdings.keyserver.submit(ANN.certificate(NAME))
        await keys.quarantine(ANN.fingerprint, "")
        holdings.keyserver.policy = replace(holdings.keyserver.policy, blacklist=(ANN.fingerprint,))
        answer = error(await keys.release(ANN.fingerprint, ""))
        assert (answer.tag, answer.value[0]) == ("refused", "kept-out")
        assert "blacklist" in answer.value[1]

    run(body)


def test_key_admin_lists_the_quarantine_in_pages(run: Run) -> None:
    """By ascending fingerprint, each once, and no cursor at the end."""

    async def body(holdings: Holdings) -> None:
        keys, owners = admin(holdings, key_admin_rate=100), [Owner(f"owner {number}") for number in range(5)]
        for owner in owners:
            await keys.submit(text(owner.user_id("x"), owner=owner), "")
            await keys.quarantine(owner.fingerprint, "")
        seen, cursor = [], ""
        while True:
            page = value(await keys.list_quarantine(cursor, 2))
            seen += [entry.fingerprint for entry in page.entries]
            cursor = page.cursor
            if not cursor:
                break
        assert seen == sorted(owner.fingerprint for owner in owners)
        for bad, limit in (("x", 5), ("", 0)):
            assert error(await keys.list_quarantine(bad, limit)).tag == "other"

    run(body)


# --- leave, quota, errors ----------------------------------------------------------------------

CALLS: dict[str, Callable[[KeyAdmin], Coroutine[Any, Any, Any]]] = {
    "submit": lambda keys: keys.submit(text(NAME), ""),
    "replace": lambda keys: keys.replace(text(NAME), ""),
    "delete": lambda keys: keys.delete(ANN.fingerprint, ""),
    "quarantine": lambda keys: keys.quarantine(ANN.fingerprint, ""),
    "release": lambda keys: keys.release(ANN.fingerprint, ""),
    "list-quarantine": lambda keys: keys.list_quarantine("", 5),
}
LEAVE = {name: {name} for name in KEY_ACTS} | {"list-quarantine": {"quarantine", "release"}}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.covers("key-admin.error.not-allowed")
def test_key_admin_needs_leave_for_each_verb(run: Run, name: str) -> None:
    """Whatever else the operator lets the plugin do, and before anything is counted or done."""

    async def body(holdings: Holdings) -> None:
        others = tuple(act for act in KEY_ACTS if act not in LEAVE[name])
        keys = KeyAdmin(holdings.plugin(acts=others, key_admin_rate=0))
        assert error(await CALLS[name](keys)) == Case("not-allowed")
        assert error(await CALLS[name](KeyAdmin(holdings.plugin()))) == Case("not-allowed")
        assert await holdings.keyserver.store.count() == 0
        for act in LEAVE[name]:
            answer = await CALLS[name](admin(holdings, act))
            assert not isinstance(answer, Err) or answer.value == Case("missing")

    run(body)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.covers("key-admin.quota.keyAdminRate")
def test_key_admin_rate_limits_each_function(run: Run, name: str) -> None:
    """Ten seconds' worth at once, then no more until time has passed."""

    async def body(holdings: Holdings) -> None:
        keys = admin(holdings, key_admin_rate=1)
        for _ in range(10):
            await CALLS[name](keys)
        assert error(await CALLS[name](keys)) == Case("rate-limited")
        holdings.now += 1
        answer = await CALLS[name](keys)
        assert not isinstance(answer, Err) or answer.value == Case("missing")

    run(body)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.covers("key-admin.error.unavailable")
def test_key_admin_unavailable_where_the_store_is(run: Run, name: str) -> None:
    """A database that does not answer, and no keyserver at all, are the same to a plugin."""

    async def body(holdings: Holdings) -> None:
        holdings.breaks()
        assert error(await CALLS[name](admin(holdings))) == Case("unavailable")
        lonely = replace(Surroundings().context(), key_acts=frozenset(KEY_ACTS))
        assert error(await CALLS[name](KeyAdmin(lonely))) == Case("unavailable")

    run(body)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.covers("key-admin.error.other")
def test_key_admin_other_errors_come_in_words(run: Run, name: str) -> None:
    """What the contract has no name for is told as it was said."""

    async def body(holdings: Holdings) -> None:
        holdings.breaks(OperatorError("The disk is on fire."))
        assert error(await CALLS[name](admin(holdings))) == Case("other", "The disk is on fire.")

    run(body)


def test_key_admin_notes_are_short(run: Run) -> None:
    """A note has 200 bytes at most; a longer one is said to be, and nothing is done."""

    async def body(holdings: Holdings) -> None:
        keys = admin(holdings)
        assert error(await keys.submit(text(NAME), "ü" * 101)).tag == "other"
        assert await published(holdings) == set()
        assert value(await keys.submit(text(NAME), "ü" * 100)) == "inserted"

    run(body)


def test_key_admin_needs_the_grant() -> None:
    """A plugin that imports it and was not granted it is refused."""
    assert refusal_without_grant("key-admin", "delete") is Refusal.IMPORTS_NOT_GRANTED


def crossing(image: Image) -> str:
    """Code of a guest that calls every function and traps unless each answer is the good one."""
    fingerprint, out = image.put(ANN.fingerprint.encode()), image.put(bytes(64), 8)
    certificate = text(NAME).encode()
    armored = f"(i32.const {image.put(certificate)}) (i32.const {len(certificate)})"
    named, none = f"(i32.const {fingerprint}) (i32.const 40)", "(i32.const 0) (i32.const 0)"
    calls = (
        f"(call $key-admin.submit {armored} {none} (i32.const {out}))",
        f"(call $key-admin.replace {armored} {none} (i32.const {out}))",
        f"(call $key-admin.quarantine {named} {none} (i32.const {out}))",
        f"(call $key-admin.list-quarantine {none} (i32.const 5) (i32.const {out}))",
        f"(call $key-admin.release {named} {none} (i32.const {out}))",
        f"(call $key-admin.delete {named} {none} (i32.const {out}))",
    )
    return " ".join(f"{call} (if (i32.load8_u (i32.const {out})) (then unreachable))" for call in calls)


def test_key_admin_answers_cross_into_a_guest(run: Run) -> None:
    """A real guest gets each answer in the contract's shape; an error with two texts too."""
    functions = ["submit", "replace", "delete", "quarantine", "release", "list-quarantine"]
    guest = Guest(
        imports={"key-admin": functions},
        bodies={
            "lifecycle.health": lambda image: f"{crossing(image)} i32.const 40",
            "lifecycle.start": lambda image: _refused(image),
        },
    )

    async def body(holdings: Holdings) -> None:
        async with Rig(guest, {"key-admin": admin(holdings)}) as rig:
            instance = await rig.instance()
            assert (await rig.call(instance, "lifecycle.health")).tag == "healthy"
            assert not isinstance(await rig.call(instance, "lifecycle.start"), Err)

    run(body)


def _refused(image: Image) -> str:
    """Code that submits what was deleted and traps unless the error is `refused`, the fifth case, with its code."""
    certificate, out = text(NAME).encode(), image.put(bytes(64), 8)
    armored = f"(i32.const {image.put(certificate)}) (i32.const {len(certificate)})"
    return f"""(call $key-admin.submit {armored} (i32.const 0) (i32.const 0) (i32.const {out}))
        (if (i32.ne (i32.load8_u offset=4 (i32.const {out})) (i32.const 4)) (then unreachable))
        (if (i32.ne (i32.load offset=12 (i32.const {out})) (i32.const 7)) (then unreachable))
        i32.const 40"""
