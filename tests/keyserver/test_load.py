from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from keyserver.conftest import RunKeyserver
from vectors.owner import Owner, packet
from vectors.packages import debian_keyrings
from wasmpuck.keyserver import Accept, Candidate, Keyserver, LoadProgress, Refusal, Reject, SubmitReport, Verdict
from wasmpuck.openpgp import Origin, Policy, RefusalCode, Rule, Submission, Tag, armor, walk

OWNERS = [Owner(f"owner {number}") for number in range(450)]
CERTIFICATES = [owner.certificate(owner.user_id(f"{owner.seed} <{owner.seed[6:]}@example.org>")) for owner in OWNERS]


@pytest.mark.parametrize("form", ["binary", "one block", "many blocks"])
def test_a_keyring_is_loaded_certificate_by_certificate(on_keyserver: RunKeyserver, tmp_path: Path, form: str) -> None:
    """More than fits into a batch, binary or in armor, in the order of the file."""
    path = tmp_path / "keyring"
    whole = b"".join(CERTIFICATES)
    blocks = {"one block": [whole], "many blocks": CERTIFICATES}.get(form, [])
    path.write_bytes(b"".join(armor(block).encode() for block in blocks) or whole)
    reported: list[str] = []
    progress: list[LoadProgress] = []

    def note(where: Path, report: SubmitReport, refused: Sequence[Refusal]) -> None:
        assert not refused
        assert where == path
        reported.extend(entry.fingerprint for entry in report.inserted)

    async def body(server: Keyserver) -> None:
        report = await server.load([path], progress=progress.append, reported=note)
        assert (report.inserted, report.certificates, report.failures) == (len(OWNERS), len(OWNERS), [])
        assert (await server.statistics()).total == len(OWNERS)
        again = await server.load([path])
        assert (again.ignored, again.certificates) == (len(OWNERS), len(OWNERS))

    on_keyserver(body)
    assert reported == [owner.fingerprint for owner in OWNERS]
    assert [item.certificates for item in progress] == sorted(item.certificates for item in progress)
    assert progress[-1].certificates == len(OWNERS)
    assert progress[-1].read == progress[-1].size == path.stat().st_size


def test_states_of_one_certificate_in_one_file_are_merged(on_keyserver: RunKeyserver, tmp_path: Path) -> None:
    """Also when they stand side by side, and with a revocation before any key."""
    ann = OWNERS[0]
    path = tmp_path / "keyring"
    path.write_bytes(b"".join(ann.certificate(ann.user_id(f"Ann {number}")) for number in range(5)))
    late = tmp_path / "revocation"
    late.write_bytes(packet(*ann.revocation(reason=3)))

    async def body(server: Keyserver) -> None:
        report = await server.load([path, late])
        assert (report.inserted, report.updated) == (1, 5)
        (record,) = await server.find(ann.fingerprint)
        assert len(record.summary["user_ids"]) == 5
        assert record.summary["revoked"] is True

    on_keyserver(body)


def test_files_that_fail_do_not_stop_the_others(on_keyserver: RunKeyserver, tmp_path: Path) -> None:
    """Missing files, folders, letters, cut keyrings and broken armor are named; what is whole is loaded."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "letter").write_text("Dear all,\n")
    (tmp_path / "cut").write_bytes(CERTIFICATES[0] + CERTIFICATES[1][:-3])
    (tmp_path / "broken.asc").write_text(armor(CERTIFICATES[2]) + armor(CERTIFICATES[3])[:-60])
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "whole").write_bytes(CERTIFICATES[4])
    names = ["missing", "folder", "letter", "cut", "broken.asc", "empty", "whole"]

    async def body(server: Keyserver) -> None:
        report = await server.load([tmp_path / name for name in names])
        assert report.inserted == 3
        assert report.rejected == 1
        assert [failure.path.name for failure in report.failures] == names[:5]
        assert all(failure.message and failure.hint for failure in report.failures)

    on_keyserver(body)


def test_an_endless_line_is_no_burden(on_keyserver: RunKeyserver, tmp_path: Path) -> None:
    """A large file without a line end is read in parts and refused in words."""
    path = tmp_path / "line"
    path.write_bytes(b"x" * 3_000_000)

    async def body(server: Keyserver) -> None:
        report = await server.load([path])
        assert "no BEGIN" in report.failures[0].message

    on_keyserver(body)


def test_bulk_loading_asks_for_admission(on_keyserver: RunKeyserver, tmp_path: Path) -> None:
    """Every certificate of a file is judged, as from a file."""
    path = tmp_path / "keyring"
    path.write_bytes(b"".join(CERTIFICATES[:10]))
    asked: list[Submission] = []

    class Even:
        async def judge(self, candidate: Candidate) -> Verdict:
            """Every other one."""
            asked.append(candidate.submission)
            return Accept() if len(asked) % 2 else Reject("odd", "It is odd.")

    async def body(server: Keyserver) -> None:
        report = await server.load([path], admission=Even())
        assert (report.inserted, report.rejected) == (5, 5)
        assert {submission.origin for submission in asked} == {Origin.BULK}

    on_keyserver(body)


def test_a_failing_admission_ends_the_loading(on_keyserver: RunKeyserver, tmp_path: Path) -> None:
    """Its exception reaches the caller, and no task is left behind."""
    path = tmp_path / "keyring"
    path.write_bytes(b"".join(CERTIFICATES))

    class Failing:
        async def judge(self, candidate: Candidate) -> Verdict:
            """Fails."""
            raise ZeroDivisionError

    async def body(server: Keyserver) -> None:
        with pytest.raises(ZeroDivisionError):
            await server.load([path], admission=Failing())
        assert (await server.statistics()).total == 0

    on_keyserver(body)


def test_debians_keyrings_load_packet_for_packet(on_keyserver: RunKeyserver) -> None:
    """Every certificate of Debian's people is taken, and what is dropped is counted by a documented rule."""
    before: dict[bytes, Counter[object]] = {}
    current = b""
    for path in debian_keyrings():
        for item in walk(path.read_bytes()):
            if item.tag == Tag.PUBLIC_KEY:
                current = item.body
            before.setdefault(current, Counter())[item] = 1

    async def body(server: Keyserver) -> None:
        report = await server.load(debian_keyrings())
        assert (report.rejected, report.failures) == (0, [])
        assert report.inserted == len(before) > 900
        lost: Counter[int] = Counter()
        async for record in server.store.iterate():
            packets = Counter[object](walk(record.data))
            primary = next(walk(record.data)).body
            assert not packets - before[primary]
            lost.update(item.tag for item in (before[primary] - packets) if hasattr(item, "tag"))
        assert report.drops.keys() <= {Rule.USER_ATTRIBUTE, Rule.STRUCTURAL_MARTIAN, Rule.IMPLAUSIBLE}
        assert lost.keys() <= {Tag.SIGNATURE, Tag.USER_ATTRIBUTE}
        assert lost.total() <= sum(report.drops.values())

    on_keyserver(body)


def test_certificates_too_long_to_hold_are_skipped(on_keyserver: RunKeyserver, tmp_path: Path) -> None:
    """One that is longer than the policy reads is rejected by size, and the next is found."""
    path = tmp_path / "keyring"
    path.write_bytes(CERTIFICATES[0] + packet(13, bytes(50_000)) + CERTIFICATES[1])
    codes: list[str] = []

    async def body(server: Keyserver) -> None:
        server.policy = Policy(max_incoming_bytes=10_000)
        report = await server.load(
            [path], reported=lambda where, part, refused: codes.extend(item.code for item in refused)
        )
        assert (report.inserted, report.rejected) == (1, 1)

    on_keyserver(body)
    assert codes == [RefusalCode.TOO_LARGE]
