"""The change feed: what every backend does."""

from __future__ import annotations

import asyncio
import datetime

from contracts.entries import entry, fingerprint_of
from contracts.running import Clock, OpensStores, on_store
from wasmpuck.storage import Change, KeyStore, Written

__all__ = ["FeedContract"]

ANN, BEN = fingerprint_of("ann"), fingerprint_of("ben")


def outline(changes: list[Change]) -> list[tuple[str, str | None, str | None]]:
    """What changed, of which numbers only ascend."""
    assert [change.number for change in changes] == sorted({change.number for change in changes})
    return [(change.fingerprint, change.before, change.after) for change in changes]


class FeedContract(OpensStores):
    """A class of tests."""

    @on_store
    async def test_every_change_is_fed(self, store: KeyStore, clock: Clock) -> None:
        """What came, changed and went, with the digests before and after; what did not happen is not there."""
        first, second, ben = entry("ann"), entry("ann", state="second"), entry("ben")
        await store.write(first, expected=None)
        await store.write_many([(second, first.md5), (first, None), (ben, None)])
        await store.replace(first, expected=second.md5)
        await store.delete(ANN)
        await store.delete(ANN)
        changes = await store.changes(limit=100)
        assert outline(changes) == [
            (ANN, None, first.md5),
            (ANN, first.md5, second.md5),
            (BEN, None, ben.md5),
            (ANN, second.md5, first.md5),
            (ANN, first.md5, None),
        ]
        assert {change.when for change in changes} == {clock.now}
        page = await store.changes(limit=2)
        assert page + await store.changes(after=page[-1].number, limit=100) == changes
        assert await store.changes(after=changes[-1].number, limit=100) == []

    @on_store
    async def test_a_day_has_its_fingerprints(self, store: KeyStore, clock: Clock) -> None:
        """Each once and ascending; a day ends at midnight UTC."""
        day = datetime.datetime.fromtimestamp(clock.now, datetime.UTC).date()
        midnight = datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp() + 86_400
        clock.now = midnight - 0.25
        await store.write_many([(entry("ben"), None), (entry("ann"), None)])
        await store.write(entry("ann", state="second"), expected=entry("ann").md5)
        clock.now = midnight
        await store.delete(BEN)
        assert await store.changed_on(day) == sorted((ANN, BEN))
        assert await store.changed_on(day + datetime.timedelta(days=1)) == [BEN]
        assert await store.changed_on(day - datetime.timedelta(days=1)) == []
        assert await store.changed_on(day + datetime.timedelta(days=2)) == []

    @on_store
    async def test_old_changes_are_forgotten_and_numbers_are_not_used_again(
        self, store: KeyStore, clock: Clock
    ) -> None:
        """Also when all of them were forgotten."""
        await store.write_many([(entry("ann"), None), (entry("ben"), None)])
        seen = (await store.changes(limit=10))[-1].number
        clock.now += 60
        await store.delete(ANN)
        assert await store.trim_changes(clock.now) == 2
        assert outline(await store.changes(limit=10)) == [(ANN, entry("ann").md5, None)]
        assert await store.trim_changes(clock.now + 1) == 1
        assert await store.trim_changes(clock.now + 1) == 0
        assert await store.changes(limit=10) == []
        await store.write(entry("ann"), expected=None)
        (change,) = await store.changes(after=seen, limit=10)
        assert change.number > seen + 1

    @on_store
    async def test_a_reader_that_keeps_up_misses_nothing(self, store: KeyStore, clock: Clock) -> None:
        """While many write at once, each change is read exactly once, and those of a certificate in their order."""
        seen: list[Change] = []
        done = asyncio.Event()

        async def follow() -> None:
            while True:
                last = done.is_set()
                page = await store.changes(after=seen[-1].number if seen else 0, limit=7)
                seen.extend(page)
                if last and not page:
                    return

        async def write(number: int) -> None:
            previous: str | None = None
            for state in ("first", "second", "third"):
                given = entry(f"name {number}", state=state)
                assert await store.write(given, expected=previous) is Written.STORED
                previous = given.md5

        reader = asyncio.create_task(follow())
        await asyncio.gather(*(write(number) for number in range(16)))
        done.set()
        await reader
        assert outline(seen) == outline(await store.changes(limit=100))
        assert len(seen) == 48
        for number in range(16):
            of_this = [change for change in seen if change.fingerprint == fingerprint_of(f"name {number}")]
            digests = [entry(f"name {number}", state=state).md5 for state in ("first", "second", "third")]
            assert [change.after for change in of_this] == digests
            assert [change.before for change in of_this] == [None, *digests[:-1]]
