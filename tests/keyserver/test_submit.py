from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from keyserver.conftest import RunKeyserver
from vectors.owner import CREATED, Owner, packet
from wasmpuck.errors import BadRequest, PayloadTooLarge, StorageUnavailable, Unprocessable, WasmpuckError
from wasmpuck.keyserver import Accept, Candidate, KeyEvent, Keyserver, Reject, SubmitEntry, SubmitReport, Verdict
from wasmpuck.openpgp import Origin, RefusalCode, Rule, Submission, armor, walk
from wasmpuck.openpgp.policy import Policy
from wasmpuck.storage import Entry

VECTORS = Path(__file__).parents[1] / "vectors"
ANN, BEN, EVE = Owner("ann"), Owner("ben"), Owner("eve")
TEXT = "Ann <ann@example.org>"
ONE = ANN.certificate(ANN.user_id(TEXT))
OTHER = ANN.certificate(ANN.user_id("Annie"))


def outline(report: SubmitReport) -> tuple[list[str], ...]:
    """Fingerprints by what became of them."""
    lists = (report.inserted, report.updated, report.ignored, report.rejected)
    return tuple([entry.fingerprint for entry in entries] for entries in lists)


@pytest.mark.parametrize("encode", [bytes, lambda data: armor(data).encode()], ids=["binary", "armor"])
def test_a_certificate_is_inserted_then_updated_then_ignored(
    on_keyserver: RunKeyserver, encode: Callable[[bytes], bytes]
) -> None:
    """The first upload inserts, one with news merges, one without changes nothing."""

    async def body(server: Keyserver) -> None:
        assert outline(await server.submit(encode(ONE))) == ([ANN.fingerprint], [], [], [])
        assert outline(await server.submit(encode(OTHER))) == ([], [ANN.fingerprint], [], [])
        assert outline(await server.submit(encode(ONE))) == ([], [], [ANN.fingerprint], [])
        (record,) = await server.find(f"0x{ANN.fingerprint}")
        assert set(walk(record.data)) == set(walk(ONE)) | set(walk(OTHER))
        assert (await server.statistics()).total == 1

    on_keyserver(body)


def test_one_bad_certificate_does_not_stop_the_others(on_keyserver: RunKeyserver) -> None:
    """Between two good ones a bare key, a secret key and an unreadable one are each reported with a reason."""
    secret = packet(5, EVE.body + b"\0secret")
    data = ONE + BEN.certificate() + secret + packet(6, b"\x04zz") + EVE.certificate(EVE.user_id("Eve"))

    async def body(server: Keyserver) -> None:
        report = await server.submit(data)
        assert [entry.fingerprint for entry in report.inserted] == [ANN.fingerprint, EVE.fingerprint]
        assert [(entry.fingerprint, entry.code) for entry in report.rejected] == [
            (BEN.fingerprint, RefusalCode.NO_SELF_SIGNATURE),
            ("", RefusalCode.SECRET_KEY),
            ("", RefusalCode.UNPARSEABLE_PRIMARY),
        ]
        assert all(entry.comment.endswith(".") for entry in report.rejected)

    on_keyserver(body)


def test_a_cut_bundle_gives_what_is_whole(on_keyserver: RunKeyserver) -> None:
    """The certificate in which the data ends is rejected, and nothing of it is stored."""

    async def body(server: Keyserver) -> None:
        report = await server.submit(ONE + BEN.certificate(BEN.user_id("Ben"))[:-5])
        assert [entry.fingerprint for entry in report.inserted] == [ANN.fingerprint]
        assert [entry.code for entry in report.rejected] == [RefusalCode.TRUNCATED]
        assert await server.find(f"0x{BEN.fingerprint}") == []

    on_keyserver(body)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", BadRequest, "empty"),
        (b" \n\n", BadRequest, "empty"),
        (b"keytext", BadRequest, "neither an armored nor a binary"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ", BadRequest, "END line is missing"),
        (b"-----BEGIN PGP MESSAGE-----\n\n=\n-----END PGP MESSAGE-----\n", BadRequest, "no certificate"),
        (b"\x99\xff\xff\x00", Unprocessable, "ends in the middle"),
        (ONE[:-1], Unprocessable, "ends in the middle"),
        (b"\xc6\xe5" + bytes(100), Unprocessable, "partial lengths"),
        (packet(13, b"Ann"), Unprocessable, "no certificate"),
        (packet(11, b"text"), Unprocessable, "no certificate"),
        (ONE * 101, PayloadTooLarge, "more than 100"),
    ],
)
def test_an_upload_that_holds_nothing_usable_is_refused_in_words(
    on_keyserver: RunKeyserver, data: bytes, error: type[WasmpuckError], words: str
) -> None:
    """With a sentence, a hint, and nothing stored."""

    async def body(server: Keyserver) -> None:
        with pytest.raises(error, match=words) as caught:
            await server.submit(data)
        assert caught.value.hint
        assert (await server.statistics()).total == 0

    on_keyserver(body)


def test_dropped_packets_are_counted_by_rule(on_keyserver: RunKeyserver) -> None:
    """What policy left out is reported over all certificates of an upload."""
    data = ANN.certificate(ANN.user_id(TEXT), (13, b"fake"), (12, b"trust"))
    data += BEN.certificate(BEN.user_id("Ben"), (13, b"fake"))

    async def body(server: Keyserver) -> None:
        assert (await server.submit(data)).drops == {Rule.UNBOUND: 2, Rule.TRUST: 1}

    on_keyserver(body)


# --- signatures without a key ------------------------------------------------------------------


@pytest.mark.parametrize("together", [True, False])
def test_a_revocation_certificate_revokes_the_stored_key(on_keyserver: RunKeyserver, together: bool) -> None:
    """A revocation certificate as gpg writes it, alone or behind the certificate, and once only."""
    alice = (VECTORS / "alice.asc").read_bytes()
    revocation = (VECTORS / "alice-revocation.asc").read_bytes()

    async def body(server: Keyserver) -> None:
        if together:
            await server.submit(alice + revocation)
        else:
            await server.submit(alice)
            report = await server.submit(revocation)
            assert outline(report) == ([], ["eb85bb5fa33a75e15e944e63f231550c4f47e38e"], [], [])
        (record,) = await server.find("0xeb85bb5fa33a75e15e944e63f231550c4f47e38e")
        assert record.summary["revoked"] is True
        assert record.md5 == "120cd843203f89063f6ce4936f778b1e"
        assert len((await server.submit(revocation)).ignored) == 1

    on_keyserver(body)


def test_a_bare_signature_that_does_not_fit_is_rejected(on_keyserver: RunKeyserver) -> None:
    """A revocation of an unknown key, a forged one, and one by another key change nothing."""
    bare = [packet(*signature) for signature in (BEN.revocation(), ANN.sign(0x20, ANN.framed, spoil=True))]
    bare.append(packet(*BEN.sign(0x20, ANN.framed)))
    bare.append(packet(*ANN.sign(0x13, ANN.about(TEXT), at=CREATED + 1)))
    bare.append(packet(2, b"\x04nonsense"))

    async def body(server: Keyserver) -> None:
        await server.submit(ONE)
        (before,) = await server.find(f"0x{ANN.fingerprint}")
        for signature in bare:
            report = await server.submit(signature)
            assert [entry.code for entry in report.rejected] == [RefusalCode.BARE_SIGNATURE]
        assert await server.find(f"0x{ANN.fingerprint}") == [before]

    on_keyserver(body)


# --- admission ---------------------------------------------------------------------------------


class Rules:
    """Refuses what the given function refuses, and remembers what it was asked."""

    def __init__(self, refuses: Callable[[Submission], bool] = lambda submission: False) -> None:
        self.refuses = refuses
        self.asked: list[Submission] = []

    async def judge(self, candidate: Candidate) -> Verdict:
        """Asks the function."""
        self.asked.append(submission := candidate.submission)
        return Reject("not-here", "Not on this server.", "rules") if self.refuses(submission) else Accept()


def test_admission_sees_what_would_be_stored(on_keyserver: RunKeyserver) -> None:
    """The whole certificate after merging, the way in and the address; nothing when nothing would change."""
    rules = Rules()

    async def body(server: Keyserver) -> None:
        server.admission = rules
        await server.submit(ONE, client="192.0.2.1")
        await server.submit(OTHER, client="192.0.2.2", origin=Origin.BULK)
        await server.submit(ONE)
        (record,) = await server.find(f"0x{ANN.fingerprint}")
        first, second = rules.asked
        assert (first.origin, first.client, first.known, first.user_ids) == (Origin.UPLOAD, "192.0.2.1", False, (TEXT,))
        assert (second.origin, second.client, second.known) == (Origin.BULK, "192.0.2.2", True)
        assert set(second.user_ids) == {TEXT, "Annie"}
        assert second.size == len(record.data)

    on_keyserver(body)


def test_what_admission_refuses_is_not_stored(on_keyserver: RunKeyserver) -> None:
    """Code and text go to the uploader; the other certificates of the upload are judged by themselves."""
    rules = Rules(lambda submission: submission.user_ids == (TEXT,))

    async def body(server: Keyserver) -> None:
        report = await server.submit(ONE + BEN.certificate(BEN.user_id("Ben")), admission=rules)
        assert report.rejected == [SubmitEntry(4, ANN.fingerprint, "Not on this server.", "not-here")]
        assert [entry.fingerprint for entry in report.inserted] == [BEN.fingerprint]
        assert await server.find(f"0x{ANN.fingerprint}") == []

    on_keyserver(body)


def test_a_failing_admission_stores_nothing_of_that_certificate(on_keyserver: RunKeyserver) -> None:
    """Its exception reaches the caller."""

    class Failing:
        async def judge(self, candidate: Candidate) -> Verdict:
            """Fails."""
            raise ZeroDivisionError

    async def body(server: Keyserver) -> None:
        with pytest.raises(ZeroDivisionError):
            await server.submit(ONE, admission=Failing())
        assert (await server.statistics()).total == 0

    on_keyserver(body)


# --- together ----------------------------------------------------------------------------------


def test_uploads_at_the_same_time_lose_nothing(on_keyserver: RunKeyserver) -> None:
    """Ten states of one certificate sent at once are all in what is stored."""
    names = [f"Ann {number}" for number in range(10)]

    async def body(server: Keyserver) -> None:
        reports = await asyncio.gather(*(server.submit(ANN.certificate(ANN.user_id(name))) for name in names))
        assert sum(len(report.inserted) for report in reports) == 1
        assert sum(len(report.updated) for report in reports) == 9
        (record,) = await server.find(f"0x{ANN.fingerprint}")
        assert {item["text"] for item in record.summary["user_ids"]} == set(names)

    on_keyserver(body)


def test_a_certificate_that_never_holds_still_is_given_up(
    on_keyserver: RunKeyserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When every attempt finds another state, the uploader is told to try again."""

    async def body(server: Keyserver) -> None:
        async def conflict(entry: Entry, *, expected: str | None) -> bool:
            return False

        monkeypatch.setattr(server.store, "write", conflict)
        with pytest.raises(StorageUnavailable, match="kept changing"):
            await server.submit(ONE)

    on_keyserver(body)


def test_a_merge_beyond_the_limits_is_refused_and_the_stored_state_stays(on_keyserver: RunKeyserver) -> None:
    """Limits hold for what would be stored, not only for what is sent."""

    async def body(server: Keyserver) -> None:
        server.policy = Policy(max_user_ids=1)
        await server.submit(ONE)
        report = await server.submit(OTHER)
        assert [entry.code for entry in report.rejected] == [RefusalCode.TOO_MANY_USER_IDS]
        assert len((await server.submit(ONE)).ignored) == 1

    on_keyserver(body)


def test_observers_hear_of_every_stored_certificate(
    on_keyserver: RunKeyserver, caplog: pytest.LogCaptureFixture
) -> None:
    """In order, with the digests before and after; one that fails is logged and disturbs nobody."""
    heard: list[KeyEvent] = []
    gone: list[KeyEvent] = []

    def fail(event: KeyEvent) -> None:
        raise ZeroDivisionError

    async def body(server: Keyserver) -> None:
        leave = server.observe(gone.append)
        server.observe(fail)
        server.observe(heard.append)
        leave()
        await server.submit(ONE)
        await server.submit(OTHER)
        await server.submit(OTHER)
        (record,) = await server.find(f"0x{ANN.fingerprint}")
        assert [event.previous for event in heard] == [None, heard[0].md5]
        assert heard[1].md5 == record.md5
        assert {event.fingerprint for event in heard} == {ANN.fingerprint}

    on_keyserver(body)
    assert gone == []
    assert "observer" in caplog.text


def test_what_a_merge_drops_is_reported(on_keyserver: RunKeyserver) -> None:
    """Signatures that find no more room, and user ids that a revocation makes void, are counted like other drops."""
    first, second = (BEN.certify(ANN, TEXT, at=CREATED + number) for number in (1, 2))

    async def body(server: Keyserver) -> None:
        server.policy = Policy(max_foreign_signatures=1)
        await server.submit(ANN.certificate(ANN.user_id(TEXT), first))
        surplus = await server.submit(ANN.certificate(ANN.user_id(TEXT), second))
        assert surplus.drops == {"drop:surplus": 1}
        assert len(surplus.ignored) == 1
        revoked = await server.submit(packet(*ANN.revocation()))
        assert revoked.drops == {"drop:hardRevokedCruft": 3}
        assert len(revoked.updated) == 1

    on_keyserver(body)
