"""Certificates that are kept without being published: how they get there, stay there and leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from keyserver.conftest import RunKeyserver
from vectors.owner import Item, Owner, packet
from wasmpuck.errors import NotFound, Unprocessable
from wasmpuck.keyserver import (
    Accept,
    Candidate,
    HeldEvent,
    KeyEvent,
    Keyserver,
    Quarantine,
    Reason,
    Reject,
    SubmitEntry,
    SubmitReport,
    Verdict,
)
from wasmpuck.keyserver.custody import OPERATOR, Custody
from wasmpuck.keyserver.intake import QUARANTINED
from wasmpuck.openpgp import Origin, armor, walk
from wasmpuck.openpgp.facts import Submission
from wasmpuck.openpgp.policy import Policy
from wasmpuck.storage import Burial, SQLiteKeyStore

ANN, BEN = Owner("ann"), Owner("ben")
NAME, NICK, ODD = ANN.user_id("Ann <ann@example.org>"), ANN.user_id("Annie"), ANN.user_id("Odd Ann")
ONE, OTHER, DOUBTED = ANN.certificate(NAME), ANN.certificate(NICK), ANN.certificate(NAME, ODD)
ENTRY = SubmitEntry(4, ANN.fingerprint, "It is odd.", "odd")


@dataclass
class Guard:
    """Puts into quarantine what has an odd user id, unless it was told otherwise."""

    rule: Callable[[Submission], bool] = lambda submission: any("Odd" in text for text in submission.user_ids)
    asked: list[Submission] = field(default_factory=list)

    async def judge(self, candidate: Candidate) -> Verdict:
        """Asks the rule."""
        self.asked.append(candidate.submission)
        return Quarantine("odd", "It is odd.", "guard") if self.rule(candidate.submission) else Accept()


@dataclass
class Watch:
    """What observers and watchers hear."""

    changed: list[KeyEvent] = field(default_factory=list)
    held: list[HeldEvent] = field(default_factory=list)

    def over(self, server: Keyserver) -> Watch:
        server.observe(self.changed.append)
        server.watch(self.held.append)
        return self


def outline(report: SubmitReport) -> tuple[int, ...]:
    """How many were inserted, updated, ignored, rejected and quarantined."""
    lists = (report.inserted, report.updated, report.ignored, report.rejected, report.quarantined)
    return tuple(map(len, lists))


async def packets(server: Keyserver, owner: Owner = ANN) -> set[object]:
    """What is published of somebody's certificate."""
    found = await server.find(f"0x{owner.fingerprint}")
    return set(walk(found[0].data)) if found else set()


async def waiting(server: Keyserver, owner: Owner = ANN) -> set[object]:
    """What of it is in quarantine."""
    held = await server.store.held([owner.fingerprint])
    return set(walk(held[owner.fingerprint].data)) if held else set()


def test_what_is_doubted_is_kept_and_found_by_nobody(on_keyserver: RunKeyserver) -> None:
    """The uploader is told why, watchers hear of it, the act is noted; nothing was published, so nothing changed."""

    async def body(server: Keyserver) -> None:
        watch = Watch().over(server)
        report = await server.submit(DOUBTED, client="192.0.2.1", admission=Guard())
        assert outline(report) == (0, 0, 0, 0, 1)
        assert report.quarantined == [ENTRY]
        assert await packets(server) == set()
        assert await server.find("ann@example.org") == []
        assert (await server.statistics()).total == 0
        assert await waiting(server) == set(walk(DOUBTED))
        assert watch.changed == []
        assert watch.held == [HeldEvent(ANN.fingerprint, "guard", "It is odd.", Origin.UPLOAD)]
        (act,) = await server.store.acts(limit=9)
        assert (act.kind, act.fingerprint, act.actor, act.detail) == (
            "quarantine", ANN.fingerprint, "plugin guard", "odd: It is odd.",
        )  # fmt: skip

    on_keyserver(body)


@pytest.mark.parametrize("bulk", [False, True])
def test_what_comes_later_stays_there(on_keyserver: RunKeyserver, tmp_path: Path, bulk: bool) -> None:
    """Of a certificate that is in quarantine alone everything joins it, whatever plugins say of it by itself."""
    guard = Guard()

    async def send(server: Keyserver, data: bytes) -> tuple[int, ...]:
        if not bulk:
            return outline(await server.submit(data, admission=guard))
        path = tmp_path / "file.pgp"
        path.write_bytes(data)
        report = await server.load([path], admission=guard)
        return (report.inserted, report.updated, report.ignored, report.rejected, report.quarantined)

    async def body(server: Keyserver) -> None:
        watch = Watch().over(server)
        assert await send(server, DOUBTED) == (0, 0, 0, 0, 1)
        guard.rule = lambda submission: False
        assert await send(server, OTHER) == (0, 0, 0, 0, 1)
        assert guard.asked[-1].known
        assert set(guard.asked[-1].user_ids) == {"Ann <ann@example.org>", "Odd Ann", "Annie"}
        assert await send(server, OTHER) == (0, 0, 0, 0, 1)
        assert await packets(server) == set()
        assert await waiting(server) == set(walk(DOUBTED)) | set(walk(OTHER))
        assert len(watch.held) == 1
        (held,) = (await server.store.held([ANN.fingerprint])).values()
        assert (held.source, held.reason) == ("guard", "It is odd.")

    on_keyserver(body)


def test_what_joins_is_told_why_it_is_not_published(on_keyserver: RunKeyserver) -> None:
    """By the reason that the first had; and a refusal is still one."""

    async def body(server: Keyserver) -> None:
        await server.submit(DOUBTED, admission=Guard())
        report = await server.submit(OTHER)
        assert report.quarantined == [SubmitEntry(4, ANN.fingerprint, "It is odd.", QUARANTINED)]
        assert (await server.submit(OTHER)).quarantined == report.quarantined

        class Strict:
            async def judge(self, candidate: Candidate) -> Verdict:
                """Refuses."""
                return Reject("no", "No more.")

        refused = await server.submit(ANN.certificate(ANN.user_id("Third")), admission=Strict())
        assert outline(refused) == (0, 0, 0, 1, 0)
        assert await waiting(server) == set(walk(DOUBTED)) | set(walk(OTHER))

    on_keyserver(body)


def test_a_doubted_update_leaves_the_published_state(on_keyserver: RunKeyserver) -> None:
    """The new material waits; other uploads of the same certificate are judged and published as ever."""
    guard = Guard()

    async def body(server: Keyserver) -> None:
        await server.submit(ONE, admission=guard)
        assert outline(await server.submit(DOUBTED, admission=guard)) == (0, 0, 0, 0, 1)
        assert await packets(server) == set(walk(ONE))
        assert await waiting(server) == set(walk(DOUBTED))
        assert outline(await server.submit(OTHER, admission=guard)) == (0, 1, 0, 0, 0)
        assert await packets(server) == set(walk(ONE)) | set(walk(OTHER))
        assert outline(await server.submit(DOUBTED, admission=guard)) == (0, 0, 0, 0, 1)
        assert await waiting(server) == set(walk(DOUBTED)) | set(walk(OTHER))
        assert outline(await server.submit(DOUBTED, admission=guard)) == (0, 0, 0, 0, 1)

    on_keyserver(body)


def test_an_owners_revocation_is_published_past_a_doubted_update(on_keyserver: RunKeyserver) -> None:
    """Nobody can keep a revocation from being seen by having something of the certificate put into quarantine."""
    revocation = packet(2, ANN.revocation()[1])

    async def body(server: Keyserver) -> None:
        await server.submit(ONE, admission=Guard())
        await server.submit(DOUBTED, admission=Guard())
        assert outline(await server.submit(revocation, admission=Guard())) == (0, 1, 0, 0, 0)
        (record,) = await server.find(f"0x{ANN.fingerprint}")
        assert record.summary["revoked"]

    on_keyserver(body)


def test_a_bare_revocation_reaches_what_is_in_quarantine(on_keyserver: RunKeyserver) -> None:
    """By the fingerprint that it names; it stays there with the certificate."""
    revocation = packet(2, ANN.revocation()[1])

    async def body(server: Keyserver) -> None:
        await server.submit(DOUBTED, admission=Guard())
        assert outline(await server.submit(revocation)) == (0, 0, 0, 0, 1)
        assert await packets(server) == set()
        assert set(walk(revocation)) <= await waiting(server)

    on_keyserver(body)


def test_many_uploads_at_once_are_all_kept(on_keyserver: RunKeyserver) -> None:
    """None of those that put the same certificate into quarantine at the same time loses what it brought."""
    states = [ANN.certificate(ANN.user_id(f"Odd {number}")) for number in range(8)]

    async def body(server: Keyserver) -> None:
        await asyncio.gather(*(server.submit(state, admission=Guard()) for state in states))
        assert await waiting(server) == {packet for state in states for packet in walk(state)}

    on_keyserver(body)


def test_bulk_loading_into_quarantine(on_keyserver: RunKeyserver, tmp_path: Path) -> None:
    """Of a file some go into quarantine and the others are published; the report counts both; sources name the file."""
    owners = [Owner(f"owner {number}") for number in range(40)]
    file = tmp_path / "keyring.pgp"
    file.write_bytes(b"".join(owner.certificate(owner.user_id(f"{owner.seed}")) for owner in owners))
    guard = Guard(lambda submission: submission.user_ids[0].endswith(("3", "7")))

    async def body(server: Keyserver) -> None:
        report = await server.load([file], admission=guard)
        assert (report.inserted, report.quarantined, report.certificates) == (32, 8, 40)
        assert (await server.statistics()).total == 32
        assert await server.store.count_held() == 8
        assert {(asked.origin, asked.source) for asked in guard.asked} == {(Origin.BULK, "keyring.pgp")}
        again = await server.load([file], admission=guard)
        assert (again.ignored, again.quarantined) == (32, 8)

    on_keyserver(body)


# --- what the operator does --------------------------------------------------------------------


def test_release_publishes_and_is_noted(on_keyserver: RunKeyserver) -> None:
    """What waited is found, observers hear of an insert and watchers of a release; then everything is as ever."""

    async def body(server: Keyserver) -> None:
        custody, watch = Custody(server), Watch().over(server)
        await server.submit(DOUBTED, admission=Guard())
        assert await custody.release(ANN.fingerprint, note="looked at") == "inserted"
        assert await packets(server) == set(walk(DOUBTED))
        assert await waiting(server) == set()
        assert [(event.previous, event.origin) for event in watch.changed] == [(None, Origin.BULK)]
        assert watch.held[-1] == HeldEvent(ANN.fingerprint, "", "looked at", Origin.BULK, released=True)
        assert [(act.kind, act.actor) for act in await server.store.acts(limit=9)] == [
            ("quarantine", "plugin guard"),
            ("release", OPERATOR),
        ]
        assert outline(await server.submit(OTHER)) == (0, 1, 0, 0, 0)
        with pytest.raises(NotFound):
            await custody.release(ANN.fingerprint)

    on_keyserver(body)


def test_release_merges_with_what_is_published(on_keyserver: RunKeyserver) -> None:
    """And says when there was nothing new in it."""

    async def body(server: Keyserver) -> None:
        custody = Custody(server)
        await server.submit(ONE)
        await server.submit(DOUBTED, admission=Guard())
        await server.submit(OTHER)
        assert await custody.release(ANN.fingerprint) == "updated"
        assert await packets(server) == set(walk(DOUBTED)) | set(walk(OTHER))
        await server.submit(ANN.certificate(ANN.user_id("Odd too")), admission=Guard())
        await server.submit(ANN.certificate(ANN.user_id("Odd too")))
        assert await custody.release(ANN.fingerprint) == "unchanged"
        assert await waiting(server) == set()

    on_keyserver(body)


def test_a_published_certificate_is_confined(on_keyserver: RunKeyserver) -> None:
    """It is found no more, with what waited already; later uploads join it; a release brings all of it back."""

    async def body(server: Keyserver) -> None:
        custody, watch = Custody(server), Watch().over(server)
        await server.submit(ONE)
        await server.submit(DOUBTED, admission=Guard())
        await custody.confine(ANN.fingerprint, reason="somebody complained")
        assert await packets(server) == set()
        assert await waiting(server) == set(walk(DOUBTED))
        assert (watch.changed[-1].md5, watch.changed[-1].previous is None) == (None, False)
        await custody.confine(ANN.fingerprint, reason="again")
        (held,) = await custody.entries()
        assert (held.source, held.reason) == ("", "somebody complained")
        assert outline(await server.submit(OTHER)) == (0, 0, 0, 0, 1)
        assert await custody.release(ANN.fingerprint) == "inserted"
        assert await packets(server) == set(walk(DOUBTED)) | set(walk(OTHER))
        with pytest.raises(NotFound):
            await custody.confine(BEN.fingerprint, reason="who is that?")

    on_keyserver(body)


def test_what_is_discarded_may_come_again(on_keyserver: RunKeyserver) -> None:
    """What is published stays, and what was discarded is judged like anything else."""

    async def body(server: Keyserver) -> None:
        custody = Custody(server)
        await server.submit(ONE)
        await server.submit(DOUBTED, admission=Guard())
        await custody.discard(ANN.fingerprint)
        assert (await packets(server), await waiting(server)) == (set(walk(ONE)), set())
        with pytest.raises(NotFound):
            await custody.discard(ANN.fingerprint)
        assert outline(await server.submit(DOUBTED)) == (0, 1, 0, 0, 0)

    on_keyserver(body)


def test_deletion_takes_what_is_in_quarantine(on_keyserver: RunKeyserver) -> None:
    """With a tombstone nothing of it comes back, neither published nor into quarantine."""

    async def body(server: Keyserver) -> None:
        custody = Custody(server)
        await server.submit(DOUBTED, admission=Guard())
        assert await custody.bury(ANN.fingerprint, reason="asked for") is True
        assert await waiting(server) == set()
        for admission in (Guard(), None):
            (refused,) = (await server.submit(DOUBTED, admission=admission)).rejected
            assert refused.code == "deleted"
        assert await waiting(server) == set()

    on_keyserver(body)


def test_what_the_policy_blocks_is_not_released(tmp_path: Path) -> None:
    """A fingerprint that was put on the blacklist meanwhile keeps its certificate where it is."""

    async def whole() -> None:
        store = SQLiteKeyStore(tmp_path / "keys.sqlite3")
        await store.open()
        try:
            for policy in (Policy(), Policy(blacklist=(ANN.fingerprint,))):
                server = Keyserver(store, policy)
                if not policy.blacklist:
                    await server.submit(DOUBTED, admission=Guard())
                else:
                    with pytest.raises(Unprocessable, match="blacklist"):
                        await Custody(server).release(ANN.fingerprint)
                await server.close()
            assert await store.count_held() == 1
        finally:
            await store.close()

    asyncio.run(whole())


def test_a_tombstone_that_was_put_up_past_the_server_forbids_release(on_keyserver: RunKeyserver) -> None:
    """Erasing takes what is in quarantine with it, so that there is nothing to release."""

    async def body(server: Keyserver) -> None:
        await server.submit(DOUBTED, admission=Guard())
        await server.store.erase(ANN.fingerprint, burial=Burial("elsewhere"))
        with pytest.raises(NotFound):
            await Custody(server).release(ANN.fingerprint)

    on_keyserver(body)


# --- rewritten certificates --------------------------------------------------------------------


class Editor:
    """Leaves only the user ids that it is told to leave."""

    def __init__(self, *kept: list[Item], then: Verdict | None = None) -> None:
        self.kept = kept
        self.then = then

    async def judge(self, candidate: Candidate) -> Verdict:
        """Rewrites."""
        made = await candidate.rewrite(armor(ANN.certificate(*self.kept)))
        assert isinstance(made, Candidate), made
        if isinstance(self.then, Quarantine):
            return Quarantine(self.then.code, self.then.text, self.then.plugin, made)
        return Accept(made, (Reason("shorter", "It was too long.", "editor"),))


def test_what_is_rewritten_is_stored_and_told(on_keyserver: RunKeyserver) -> None:
    """In the place of what came, also where that takes something away that was published."""

    async def body(server: Keyserver) -> None:
        report = await server.submit(DOUBTED, admission=Editor(NAME))
        assert report.inserted == [SubmitEntry(4, ANN.fingerprint, "It was too long.", "shorter")]
        assert await packets(server) == set(walk(ONE))
        again = await server.submit(DOUBTED, admission=Editor(NAME))
        assert again.ignored == [SubmitEntry(4, ANN.fingerprint, "It was too long.", "shorter")]
        await server.submit(OTHER)
        updated = await server.submit(DOUBTED, admission=Editor(NAME))
        assert outline(updated) == (0, 1, 0, 0, 0)
        assert await packets(server) == set(walk(ONE))

    on_keyserver(body)


def test_what_is_rewritten_and_doubted_is_kept_as_rewritten(on_keyserver: RunKeyserver) -> None:
    """Nothing of what a plugin took away gets into quarantine."""

    async def body(server: Keyserver) -> None:
        editor = Editor(NAME, then=Quarantine("odd", "It is odd.", "guard"))
        assert (await server.submit(DOUBTED, admission=editor)).quarantined == [ENTRY]
        assert await waiting(server) == set(walk(ONE))

    on_keyserver(body)
