from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from keyserver.stores import Place
from postgres import PostgresServer, postgres
from vectors.population import keyring
from wasmpuck.keyserver import Keyserver, Workers
from wasmpuck.keyserver.upkeep import Defect, Finding, Upkeep, UpkeepReport
from wasmpuck.openpgp import Policy

__all__ = ["postgres"]

COUNT = 60
Work = Callable[[Upkeep], Awaitable[UpkeepReport]]


class Ward:
    """A store with some certificates, and what a walk through it found."""

    def __init__(self, place: Place, workers: Workers) -> None:
        self.place = place
        self.workers = workers
        self.findings: list[Finding] = []

    def fill(self) -> list[str]:
        """Stores the certificates; their fingerprints, ascending."""
        path = self.place.folder / "keyring"
        path.write_bytes(keyring(COUNT))

        async def run() -> list[str]:
            async with self.place.store() as store:
                await Keyserver(store, workers=self.workers).load([path])
                return [record.fingerprint async for record in store.iterate()]

        return asyncio.run(run())

    def damage(self, sqlite: str, postgres: str = "") -> None:
        """Changes something behind the store's back."""
        asyncio.run(self.place.execute(sqlite, postgres))

    def walk(self, work: Work, policy: Policy | None = None) -> UpkeepReport:
        """Runs a verification or the like."""
        self.findings.clear()

        async def run() -> UpkeepReport:
            async with self.place.store() as store:
                upkeep = Upkeep(
                    store, self.workers, policy or Policy(), self.findings.append, lambda number, fingerprint: None
                )
                return await work(upkeep)

        return asyncio.run(run())

    def verify(self, *, repair: bool = False, policy: Policy | None = None) -> UpkeepReport:
        """`wasmpuck verify`."""
        return self.walk(lambda upkeep: upkeep.verify(repair=repair), policy)

    def changes(self) -> tuple[int, list[float]]:
        """How long the change feed is, and when each certificate was last changed."""

        async def run() -> tuple[int, list[float]]:
            async with self.place.store() as store:
                feed = len(await store.changes(limit=1000))
                return feed, [record.modified async for record in store.iterate()]

        return asyncio.run(run())


@pytest.fixture(params=["sqlite", "postgres"])
def ward(request: pytest.FixtureRequest, tmp_path: Path, workers: Workers) -> Ward:
    """On either backend."""
    server: PostgresServer | None = request.getfixturevalue("postgres") if request.param == "postgres" else None
    return Ward(Place(tmp_path, server), workers)


def test_a_store_that_is_whole_has_no_findings(ward: Ward) -> None:
    """Every certificate is looked at and nothing is written."""
    ward.fill()
    report = ward.verify(repair=True)
    assert (report.certificates, report.rewritten, report.left, ward.findings) == (COUNT, 0, 0, [])


def test_what_follows_from_the_bytes_is_compared_and_repaired(ward: Ward) -> None:
    """Digests, summaries, index and counter; repaired, the certificates do not look changed, but for the digest."""
    fingerprints = ward.fill()
    before = ward.changes()
    place = "(SELECT id FROM certificates ORDER BY fingerprint LIMIT 1 OFFSET {})"
    nothing, blob = "X'00000000000000000000000000000000'", "'\\x00000000000000000000000000000000'::bytea"
    ward.damage(
        f"UPDATE certificates SET summary = X'00' WHERE id = {place.format(0)};"
        f"UPDATE certificates SET keys = X'00' WHERE id = {place.format(1)};"
        f"UPDATE certificates SET md5 = {nothing} WHERE id = {place.format(2)};"
        f"DELETE FROM terms WHERE certificate = {place.format(3)};"
        f"INSERT INTO terms VALUES (1, {place.format(4)}), (2, 1000000);"
        "UPDATE totals SET value = 7 WHERE name = 'certificates'",
        f"UPDATE certificates SET summary = '\\x00'::bytea WHERE id = {place.format(0)};"
        f"UPDATE certificates SET keys = '\\x00'::bytea WHERE id = {place.format(1)};"
        f"UPDATE certificates SET md5 = {blob} WHERE id = {place.format(2)};"
        f"UPDATE certificates SET terms = ARRAY[]::BIGINT[] WHERE id = {place.format(3)};"
        "UPDATE counters SET value = 7 WHERE name = 'certificates'",
    )
    wanted = [Defect.SUMMARY, Defect.INDEX, Defect.DIGEST, Defect.INDEX, Defect.COUNTER]
    stray = [Defect.STRAY] if ward.place.server is None else []
    for repair in (False, True):
        report = ward.verify(repair=repair)
        assert [finding.defect for finding in ward.findings] == wanted + stray
        assert [finding.fingerprint for finding in ward.findings[:4]] == fingerprints[:4]
        assert all(finding.repaired is repair and finding.text for finding in ward.findings)
        assert report.left == (0 if repair else len(ward.findings))
    assert ward.verify().found.total() == 0
    feed, modified = ward.changes()
    assert (feed, modified) == (before[0] + 1, before[1])


def test_reindexing_writes_only_what_is_not_as_it_should_be(ward: Ward) -> None:
    """From the beginning, or behind a fingerprint; times and feed stay."""
    fingerprints = ward.fill()
    before = ward.changes()
    ward.damage("UPDATE certificates SET summary = X'00'", "UPDATE certificates SET summary = '\\x00'::bytea")
    assert ward.walk(lambda upkeep: upkeep.reindex(after=fingerprints[9])).rewritten == COUNT - 10
    assert ward.walk(lambda upkeep: upkeep.reindex()).rewritten == 10
    assert ward.walk(lambda upkeep: upkeep.reindex()).rewritten == 0
    assert ward.changes() == before


def test_bytes_that_are_spoilt_are_reported_and_kept(ward: Ward) -> None:
    """Unreadable ones, those of another key, and those that the rules refuse; no repair removes them."""
    fingerprints = ward.fill()
    ward.damage(
        f"UPDATE certificates SET data = X'C60155' WHERE fingerprint = X'{fingerprints[0]}';"
        f"UPDATE certificates SET data = (SELECT data FROM certificates WHERE fingerprint = X'{fingerprints[2]}') "
        f"WHERE fingerprint = X'{fingerprints[1]}';"
        f"UPDATE certificates SET data = X'55' WHERE fingerprint = X'{fingerprints[3]}'",
        f"UPDATE certificates SET data = '\\xC60155' WHERE fingerprint = '\\x{fingerprints[0]}';"
        f"UPDATE certificates SET data = (SELECT data FROM certificates WHERE fingerprint = '\\x{fingerprints[2]}') "
        f"WHERE fingerprint = '\\x{fingerprints[1]}';"
        f"UPDATE certificates SET data = '\\x55' WHERE fingerprint = '\\x{fingerprints[3]}'",
    )
    for repair in (False, True):
        report = ward.verify(repair=repair)
        found = {finding.fingerprint: finding.defect for finding in ward.findings}
        assert set(found) == {fingerprints[0], fingerprints[1], fingerprints[3]}
        assert found[fingerprints[1]] is Defect.OTHER_KEY
        assert found[fingerprints[0]] in (Defect.REFUSED, Defect.UNREADABLE)
        assert (report.left, report.certificates) == (3, COUNT)


def test_certificates_that_the_rules_keep_less_of_are_stored_as_they_have_it(ward: Ward) -> None:
    """After the operator changed the rules: reported, and written anew by a repair as a change like any other."""
    ward.fill()
    stricter = Policy(max_foreign_signatures=0)
    before = ward.changes()[0]
    assert {finding.defect for finding in (ward.verify(policy=stricter), ward.findings)[1]} == {Defect.RULES}
    certified = len(ward.findings)
    assert certified == COUNT // 5
    assert ward.verify(policy=stricter, repair=True).left == 0
    assert ward.verify(policy=stricter).found.total() == 0
    assert ward.changes()[0] == before + certified
