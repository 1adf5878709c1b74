from __future__ import annotations

from pathlib import Path

import pytest

from keyserver.conftest import RunKeyserver
from vectors.owner import Owner
from wasmpuck.keyserver import KeyEvent, Keyserver, SubmitEntry, SubmitReport
from wasmpuck.openpgp import Origin
from wasmpuck.storage import Burial

ANN, BEN = Owner("ann"), Owner("ben")
RING = ANN.certificate(ANN.user_id("Ann")) + BEN.certificate(BEN.user_id("Ben"))


def refused(reason: str) -> SubmitEntry:
    """How the report names a certificate with a tombstone."""
    text = f"It was removed from this server and is not taken again: {reason}."
    return SubmitEntry(4, ANN.fingerprint, text, "deleted")


def test_an_upload_of_a_deleted_certificate_is_refused_with_the_reason(on_keyserver: RunKeyserver) -> None:
    """The others of the upload are stored, and no observer hears of the refused one."""

    async def body(server: Keyserver) -> None:
        heard: list[KeyEvent] = []
        server.observe(heard.append)
        await server.store.erase(ANN.fingerprint, burial=Burial("deleted by its owner"))
        report = await server.submit(RING)
        assert report.rejected == [refused("deleted by its owner")]
        assert [item.fingerprint for item in report.inserted] == [BEN.fingerprint]
        assert [item.fingerprint for item in heard] == [BEN.fingerprint]
        assert await server.store.fetch([ANN.fingerprint]) == []

    on_keyserver(body)


def test_loading_a_deleted_certificate_is_refused_with_the_reason(on_keyserver: RunKeyserver, tmp_path: Path) -> None:
    """A keyring file brings no certificate back that its owner had deleted."""
    path = tmp_path / "ring.gpg"
    path.write_bytes(RING)

    async def body(server: Keyserver) -> None:
        reports: list[SubmitReport] = []
        await server.store.erase(ANN.fingerprint, burial=Burial(""))

        def reported(_: Path, report: SubmitReport, *more: object) -> None:
            reports.append(report)

        total = await server.load([path], reported=reported)
        assert (total.inserted, total.rejected) == (1, 1)
        assert [item for report in reports for item in report.rejected] == [refused("no reason is noted")]

    on_keyserver(body)


@pytest.mark.parametrize("origin", [Origin.UPLOAD, Origin.BULK])
def test_a_deleted_certificate_may_come_again_once_it_is_exhumed(on_keyserver: RunKeyserver, origin: Origin) -> None:
    """Nothing of the refusal remains."""

    async def body(server: Keyserver) -> None:
        await server.store.erase(ANN.fingerprint, burial=Burial("a mistake"))
        assert len((await server.submit(RING, origin=origin)).rejected) == 1
        await server.store.exhume(ANN.fingerprint)
        assert [item.fingerprint for item in (await server.submit(RING, origin=origin)).inserted] == [ANN.fingerprint]

    on_keyserver(body)
