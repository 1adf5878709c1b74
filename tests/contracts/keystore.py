"""What every backend of certificates does. Subclass, and say how to open one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from contracts.entries import digest_of, entry, fingerprint_of
from contracts.feed import FeedContract
from contracts.model import ModelContract
from contracts.quarantine import QuarantineContract
from contracts.rights import RightsContract
from contracts.running import Clock, names, on_store
from contracts.searching import SearchContract
from wasmpuck.storage import KeyStore, Written

__all__ = ["Clock", "KeyStoreContract", "on_store"]

HOUR, DAY = 3_600, 86_400


class KeyStoreContract(SearchContract, RightsContract, QuarantineContract, FeedContract, ModelContract):
    """A class of tests, with those that it inherits."""

    @on_store
    async def test_what_is_written_is_read(self, store: KeyStore, clock: Clock) -> None:
        """Bytes, digest, summary and times come back as they were given."""
        given = entry("ann")
        assert await store.write(given, expected=None) is Written.STORED
        (record,) = await store.fetch([given.fingerprint])
        assert (record.fingerprint, record.md5, record.data) == (given.fingerprint, given.md5, given.data)
        assert record.summary == given.summary
        assert (record.created, record.modified) == (clock.now, clock.now)

    @on_store
    async def test_every_write_makes_another_state(self, store: KeyStore, clock: Clock) -> None:
        """Reading does not. Where states are told at all."""
        if store.state() is None:
            return
        ann = entry("ann", identities=("ann@example.org",))
        seen = [store.state()]
        await store.write(ann, expected=None)
        seen.append(store.state())
        await store.verify_address(ann.fingerprint, "ann@example.org", clock.now)
        seen.append(store.state())
        await store.write(entry("ann", state="second"), expected=ann.md5)
        seen.append(store.state())
        await store.erase(ann.fingerprint)
        seen.append(store.state())
        assert None not in seen
        assert len(set(seen)) == len(seen)
        assert await store.fetch_by_identity("ann@example.org", limit=1) == []
        await store.count()
        assert store.state() == seen[-1]

    @on_store
    async def test_nothing_is_found_in_an_empty_store(self, store: KeyStore, clock: Clock) -> None:
        """Every way of looking answers with nothing, and counts are zero."""
        assert await store.fetch([fingerprint_of("ann")]) == []
        assert await store.fetch([]) == []
        assert await store.fetch_by_key_id("0" * 16, limit=10) == []
        assert await store.fetch_by_key_id("0" * 8, limit=10) == []
        assert await store.fetch_by_md5("0" * 32) == []
        assert await store.fetch_by_identity("ann@example.org", limit=10) == []
        assert [record async for record in store.iterate()] == []
        assert await store.count() == 0
        statistics = await store.statistics()
        assert (statistics.total, statistics.hourly, statistics.daily) == (0, (), ())
        assert await store.delete(fingerprint_of("ann")) is False

    @on_store
    async def test_subkeys_find_their_certificate(self, store: KeyStore, clock: Clock) -> None:
        """By fingerprint and by both lengths of key id; once, although several keys match."""
        await store.write(entry("ann", subkeys=("one", "two")), expected=None)
        for name in ("ann", "one", "two"):
            fingerprint = fingerprint_of(name)
            assert names(await store.fetch([fingerprint])) == ["ann"]
            assert names(await store.fetch_by_key_id(fingerprint[-16:], limit=10)) == ["ann"]
            assert names(await store.fetch_by_key_id(fingerprint[-8:], limit=10)) == ["ann"]
        assert names(await store.fetch([fingerprint_of("one"), fingerprint_of("ann")])) == ["ann"]

    @on_store
    async def test_all_certificates_with_a_key_id_are_found(self, store: KeyStore, clock: Clock) -> None:
        """Key ids collide, by chance or by malice: none may hide another, also with the highest bit set."""
        key_id = "ffeeddccbbaa9988"
        for name in ("ann", "ben", "eve"):
            given = entry(name)
            await store.write(replace(given, keys=(*given.keys, (fingerprint_of(f"{name}'s"), key_id))), expected=None)
        assert names(await store.fetch_by_key_id(key_id, limit=10)) == ["ann", "ben", "eve"]
        assert names(await store.fetch_by_key_id(key_id[-8:], limit=10)) == ["ann", "ben", "eve"]
        assert names(await store.fetch_by_key_id(key_id, limit=2)) == ["ann", "ben"]

    @on_store
    async def test_one_subkey_may_be_in_several_certificates(self, store: KeyStore, clock: Clock) -> None:
        """The certificate that came first does not keep the others from being found by it."""
        await store.write(entry("ann", subkeys=("shared",)), expected=None)
        await store.write(entry("ben", subkeys=("shared",)), expected=None)
        assert names(await store.fetch([fingerprint_of("shared")])) == ["ann", "ben"]

    @on_store
    async def test_identities_match_whole_and_in_any_case(self, store: KeyStore, clock: Clock) -> None:
        """No part of an address finds it, and no wildcard of the database's does."""
        await store.write(entry("ann", identities=("ann@example.org", "ann äöü")), expected=None)
        await store.write(entry("ben", identities=("ben@example.org", "ANN@example.org")), expected=None)
        assert names(await store.fetch_by_identity("Ann@Example.ORG", limit=10)) == ["ann", "ben"]
        assert names(await store.fetch_by_identity("ANN ÄÖÜ", limit=10)) == ["ann"]
        assert names(await store.fetch_by_identity("Ann@Example.ORG", limit=1)) == ["ann"]
        for part in ("ann", "example.org", "%", "ann@example.or_", "*", "' OR 1=1 --"):
            assert await store.fetch_by_identity(part, limit=10) == []

    @on_store
    async def test_a_digest_finds_all_that_have_it(self, store: KeyStore, clock: Clock) -> None:
        """Two certificates whose digests collide can both be stored."""
        await store.write(replace(entry("ann"), md5="ab" * 16), expected=None)
        await store.write(replace(entry("ben"), md5="ab" * 16), expected=None)
        assert names(await store.fetch_by_md5("ab" * 16)) == ["ann", "ben"]

    @on_store
    async def test_many_fingerprints_are_asked_at_once(self, store: KeyStore, clock: Clock) -> None:
        """More than a database takes as parameters of one statement, and in the order in which they were stored."""
        wanted = [f"name {number}" for number in range(1200)]
        await store.write_many([(entry(name), None) for name in wanted])
        found = await store.fetch([fingerprint_of(name) for name in reversed(wanted)])
        assert names(found) == wanted

    @on_store
    async def test_a_write_needs_the_expected_state(self, store: KeyStore, clock: Clock) -> None:
        """A second insert, an update of another state and an update of nothing change nothing."""
        first, second, third = (entry("ann", state=state) for state in ("first", "second", "third"))
        assert await store.write(second, expected=first.md5) is Written.CONFLICT
        assert await store.write(first, expected=None) is Written.STORED
        assert await store.write(second, expected=None) is Written.CONFLICT
        assert await store.write(third, expected=second.md5) is Written.CONFLICT
        assert (await store.fetch([first.fingerprint]))[0].data == first.data
        assert await store.write(second, expected=first.md5) is Written.STORED
        assert (await store.fetch([first.fingerprint]))[0].data == second.data
        assert await store.count() == 1

    @on_store
    async def test_an_update_replaces_what_is_indexed(self, store: KeyStore, clock: Clock) -> None:
        """A subkey, address or digest that is gone finds nothing any more; the first time stays."""
        old = entry("ann", subkeys=("old",), identities=("old@example.org",))
        new = entry("ann", state="second", subkeys=("new",), identities=("new@example.org",))
        await store.write(old, expected=None)
        began = clock.now
        clock.now += 10
        await store.write(new, expected=old.md5)
        assert await store.fetch([fingerprint_of("old")]) == []
        assert await store.fetch_by_identity("old@example.org", limit=10) == []
        assert await store.fetch_by_md5(old.md5) == []
        assert names(await store.fetch([fingerprint_of("new")])) == ["ann"]
        (record,) = await store.fetch_by_identity("new@example.org", limit=10)
        assert (record.created, record.modified) == (began, began + 10)

    @on_store
    async def test_of_many_writers_each_step_has_one_winner(self, store: KeyStore, clock: Clock) -> None:
        """Of twenty that expect the same state one succeeds, and the others are told."""
        first = entry("ann")
        inserts = await asyncio.gather(*(store.write(first, expected=None) for _ in range(20)))
        assert inserts.count(Written.STORED) == 1
        others = [entry("ann", state=f"other {number}") for number in range(20)]
        updates = await asyncio.gather(*(store.write(other, expected=first.md5) for other in others))
        assert updates.count(Written.STORED) == 1
        (record,) = await store.fetch([first.fingerprint])
        assert record.data == others[updates.index(Written.STORED)].data

    @on_store
    async def test_many_writes_are_answered_one_by_one(self, store: KeyStore, clock: Clock) -> None:
        """A conflict among them does not stop the others, and a later one sees an earlier one."""
        ann, again = entry("ann"), entry("ann", state="second")
        answers = await store.write_many(
            [(ann, None), (entry("ben"), None), (ann, None), (again, ann.md5), (entry("eve"), "0" * 32)]
        )
        stored, conflict = Written.STORED, Written.CONFLICT
        assert answers == [stored, stored, conflict, stored, conflict]
        assert await store.write_many([]) == []
        assert await store.count() == 2

    @on_store
    async def test_what_was_deleted_is_gone(self, store: KeyStore, clock: Clock) -> None:
        """With all that finds it; a deletion can ask for a state."""
        given = entry("ann", subkeys=("one",), identities=("ann@example.org",))
        await store.write(given, expected=None)
        assert await store.delete(given.fingerprint, expected="0" * 32) is False
        assert await store.delete(given.fingerprint, expected=given.md5) is True
        assert await store.fetch([given.fingerprint, fingerprint_of("one")]) == []
        assert await store.fetch_by_identity("ann@example.org", limit=10) == []
        assert await store.count() == 0
        assert await store.write(given, expected=None) is Written.STORED

    @on_store
    async def test_iterating_gives_each_certificate_once(self, store: KeyStore, clock: Clock) -> None:
        """By ascending fingerprint over several pages, from any place, with writes going on."""
        wanted = sorted(fingerprint_of(f"name {number}") for number in range(130))
        await store.write_many([(entry(f"name {number}"), None) for number in range(130)])
        assert [record.fingerprint async for record in store.iterate()] == wanted
        assert [record.fingerprint async for record in store.iterate(after=wanted[99])] == wanted[100:]
        seen = []
        async for record in store.iterate():
            seen.append(record.fingerprint)
            if len(seen) == 60:
                await store.delete(wanted[-1])
        assert seen == wanted[:-1]

    @on_store
    async def test_statistics_count_by_hour_and_day(self, store: KeyStore, clock: Clock) -> None:
        """Newest first, without empty hours, and nothing older than a day or a week."""
        noon = int(clock.now)
        midnight = noon - noon % DAY
        clock.now = noon - 8 * DAY
        await store.write(entry("long ago"), expected=None)
        clock.now = noon - 2 * DAY
        await store.write(entry("ann"), expected=None)
        clock.now = noon - HOUR
        await store.write(entry("ann", state="second"), expected=entry("ann").md5)
        clock.now = noon + 59
        await store.write(entry("ben"), expected=None)
        await store.write(entry("eve"), expected=None)
        await store.delete(fingerprint_of("eve"))
        statistics = await store.statistics()
        assert statistics.total == await store.count() == 3
        assert [(item.start, item.inserted, item.updated, item.deleted) for item in statistics.hourly] == [
            (noon, 2, 0, 1),
            (noon - HOUR, 0, 1, 0),
        ]
        assert [(item.start, item.inserted, item.updated, item.deleted) for item in statistics.daily] == [
            (midnight, 2, 1, 1),
            (midnight - 2 * DAY, 1, 0, 0),
        ]

    @on_store
    async def test_a_cancelled_write_is_whole_or_absent(self, store: KeyStore, clock: Clock) -> None:
        """However the caller goes away, certificate, index and count agree."""
        for number in range(30):
            given = entry(f"name {number}", identities=(f"{number}@example.org",))
            task = asyncio.create_task(store.write(given, expected=None))
            for _ in range(number % 5):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await store.write(entry("last"), expected=None)
        found = [record async for record in store.iterate()]
        assert await store.count() == len(found)
        for record in found:
            number = record.summary["name"].removeprefix("name ")
            if number != "last":
                assert len(await store.fetch_by_identity(f"{number}@example.org", limit=10)) == 1

    def test_everything_is_there_after_opening_again(self, tmp_path: Path) -> None:
        """Certificates, index and statistics live longer than the connection."""

        async def run() -> None:
            clock = Clock()
            given = entry("ann", identities=("ann@example.org",))
            async with self.opened(tmp_path, clock) as store:
                await store.write(given, expected=None)
            async with self.opened(tmp_path, clock) as store:
                assert names(await store.fetch_by_identity("ann@example.org", limit=1)) == ["ann"]
                assert (await store.statistics()).total == 1
                assert digest_of(given.data) == given.md5
                await store.close()
                await store.close()

        asyncio.run(run())
