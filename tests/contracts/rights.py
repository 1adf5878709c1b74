"""Erasing, tombstones, one-time values, the audit record and verified addresses: what every backend does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from contracts.entries import entry, fingerprint_of
from contracts.running import Clock, OpensStores, names, on_store
from wasmpuck.storage import Act, Burial, KeyStore, Query, Written

__all__ = ["RightsContract"]

ANN, BEN, EVE = (fingerprint_of(name) for name in ("ann", "ben", "eve"))
DELETED = Act("delete", ANN, "owner", 1_700_000_000.5, "asked on /pks/delete")


async def numbered(store: KeyStore) -> list[Act]:
    """The audit record, of which numbers only ascend."""
    acts = await store.acts(limit=100)
    assert [act.number for act in acts] == sorted({act.number for act in acts})
    assert all(act.number > 0 for act in acts)
    return [replace(act, number=0) for act in acts]


class RightsContract(OpensStores):
    """A class of tests."""

    # --- erasing and tombstones ----------------------------------------------------------------

    @on_store
    async def test_nothing_is_left_of_what_was_erased(self, store: KeyStore, clock: Clock) -> None:
        """No way of looking finds it, addresses and preference are forgotten, and the audit record has the act."""
        given = entry("ann", subkeys=("one",), identities=("ann@a.org",), words=("ann",), domains=("a.org",))
        await store.write(given, expected=None)
        await store.verify_address(ANN, "ann@a.org", clock.now)
        await store.set_canonical("ann@a.org", (ANN,))
        assert await store.erase(ANN, expected=given.md5, act=DELETED) is True
        assert await store.fetch([ANN, fingerprint_of("one")]) == []
        assert await store.fetch_by_identity("ann@a.org", limit=9) == []
        assert await store.search(Query("words", ("ann",)), limit=9) == []
        assert await store.search(Query("domain", ("a.org",)), limit=9) == []
        assert await store.fetch_by_verified("ann@a.org", limit=9) == []
        assert await store.canonical("ann@a.org") == []
        assert await store.verified_addresses(ANN) == {}
        assert await numbered(store) == [DELETED]
        assert await store.count() == 0
        assert await store.write(given, expected=None) is Written.STORED
        assert await store.verified_addresses(ANN) == {}
        assert await store.canonical("ann@a.org") == []

    @on_store
    async def test_an_erasure_needs_the_expected_state(self, store: KeyStore, clock: Clock) -> None:
        """Of another state nothing is removed, no tombstone is put up, and nothing is in the audit record."""
        burial = Burial("the owner's wish")
        assert await store.erase(ANN, expected="0" * 32, burial=burial, act=DELETED) is False
        assert await store.erase(ANN, act=DELETED) is False
        await store.write(entry("ann"), expected=None)
        assert await store.erase(ANN, expected="0" * 32, burial=burial, act=DELETED) is False
        assert await store.tombstones([ANN]) == {}
        assert await numbered(store) == []
        assert await store.count() == 1

    @on_store
    async def test_what_is_buried_does_not_come_back(self, store: KeyStore, clock: Clock) -> None:
        """Neither alone nor among many; the others of the batch are stored."""
        await store.write(entry("ann"), expected=None)
        assert await store.erase(ANN, burial=Burial("the owner's wish", None)) is True
        assert await store.write(entry("ann"), expected=None) is Written.BURIED
        assert await store.write(entry("ann"), expected=entry("ann").md5) is Written.BURIED
        assert await store.replace(entry("ann"), expected=entry("ann").md5) is Written.BURIED
        answers = await store.write_many([(entry("ben"), None), (entry("ann"), None), (entry("eve"), None)])
        assert answers == [Written.STORED, Written.BURIED, Written.STORED]
        assert await store.count() == 2
        assert await store.tombstones([ANN, BEN]) == {ANN: Burial("the owner's wish")}
        assert await store.erase(ANN) is False

    @on_store
    async def test_a_tombstone_can_be_put_up_beforehand(self, store: KeyStore, clock: Clock) -> None:
        """Without a certificate there, and a later one takes the place of an earlier one."""
        assert await store.erase(ANN, burial=Burial("first")) is True
        assert await store.erase(ANN, burial=Burial("second", clock.now + 10)) is True
        assert await store.tombstones([ANN]) == {ANN: Burial("second", clock.now + 10)}
        assert await store.write(entry("ann"), expected=None) is Written.BURIED
        assert await store.count() == 0

    @on_store
    async def test_a_tombstone_ends_at_its_time(self, store: KeyStore, clock: Clock) -> None:
        """From then on it forbids nothing and is not shown."""
        await store.erase(ANN, burial=Burial("a while", clock.now + 60))
        clock.now += 59
        assert await store.write(entry("ann"), expected=None) is Written.BURIED
        clock.now += 1
        assert await store.tombstones([ANN]) == {}
        assert [item async for item in store.iterate_tombstones()] == []
        assert await store.exhume(ANN) is False
        await store.erase(BEN, burial=Burial("a while", clock.now + 60))
        clock.now += 60
        assert await store.write_many([(entry("ann"), None), (entry("ben"), None)]) == [Written.STORED] * 2

    @on_store
    async def test_exhuming_is_an_act(self, store: KeyStore, clock: Clock) -> None:
        """The certificate may be written again; where there was no tombstone nothing is recorded."""
        act = Act("exhume", ANN, "admin", clock.now)
        assert await store.exhume(ANN, act=act) is False
        await store.erase(ANN, burial=Burial("a mistake"))
        assert await store.exhume(ANN, act=act) is True
        assert await numbered(store) == [act]
        assert await store.write(entry("ann"), expected=None) is Written.STORED

    @on_store
    async def test_tombstones_are_listed_in_order(self, store: KeyStore, clock: Clock) -> None:
        """By ascending fingerprint over several pages; any number may be asked for."""
        wanted = sorted(fingerprint_of(f"name {number}") for number in range(120))
        for number in range(120):
            await store.erase(fingerprint_of(f"name {number}"), burial=Burial(f"{number}", clock.now + 1))
        assert [fingerprint async for fingerprint, _ in store.iterate_tombstones()] == wanted
        assert sorted(await store.tombstones([*wanted, ANN] * 8)) == wanted
        assert await store.tombstones([]) == {}

    # --- replacing, one-time values and the audit record ---------------------------------------

    @on_store
    async def test_a_replacement_is_recorded_with_it(self, store: KeyStore, clock: Clock) -> None:
        """Only when it happens; the one-time value is used up with it, and not by a conflict."""
        old, new = entry("ann", identities=("old@a.org",)), entry("ann", state="second")
        act, once = Act("replace", ANN, "owner", clock.now, "x"), ("nonce", clock.now + 60)
        await store.write(old, expected=None)
        assert await store.replace(new, expected="0" * 32, act=act, once=once) is Written.CONFLICT
        assert await numbered(store) == []
        assert await store.replace(new, expected=old.md5, act=act, once=once) is Written.STORED
        assert await numbered(store) == [act]
        assert await store.fetch_by_identity("old@a.org", limit=9) == []
        assert await store.claim(*once) is False

    @on_store
    async def test_a_replay_changes_nothing(self, store: KeyStore, clock: Clock) -> None:
        """Of a replacement or an erasure whose one-time value was used or has expired."""
        first, second = entry("ann"), entry("ann", state="second")
        used, late = ("nonce", clock.now + 60), ("other", clock.now)
        await store.write(first, expected=None)
        assert await store.claim(*used) is True
        for once in (used, late):
            assert await store.replace(second, expected=first.md5, act=DELETED, once=once) is Written.REPLAYED
            assert await store.erase(ANN, burial=Burial("x"), act=DELETED, once=once) is False
            assert await store.erase(ANN, expected=first.md5, act=DELETED, once=once) is False
        assert await numbered(store) == []
        assert await store.tombstones([ANN]) == {}
        (record,) = await store.fetch([ANN])
        assert record.md5 == first.md5
        assert await store.erase(ANN, expected=first.md5, once=("third", clock.now + 1)) is True
        assert await store.claim("third", clock.now + 1) is False

    @on_store
    async def test_a_one_time_value_is_claimed_once(self, store: KeyStore, clock: Clock) -> None:
        """By one of many at the same time, and never again before it expires, nor then."""
        end = clock.now + 60
        claims = await asyncio.gather(*(store.claim("token", end) for _ in range(10)))
        assert sorted(claims) == [False] * 9 + [True]
        clock.now += 59
        assert await store.claim("token", end) is False
        assert await store.claim("another \ud800", end) is True
        clock.now += 1
        assert await store.claim("token", end) is False
        assert await store.claim("a third", end) is False

    @on_store
    async def test_the_audit_record_is_read_in_pages(self, store: KeyStore, clock: Clock) -> None:
        """In the order in which it was written, behind any number."""
        wanted = [Act("note", ANN, f"actor {number}", clock.now + number / 4, "ü" * number) for number in range(7)]
        for act in wanted:
            await store.audit(act)
        assert await numbered(store) == wanted
        page = await store.acts(limit=3)
        page += await store.acts(after=page[-1].number, limit=100)
        assert [replace(act, number=0) for act in page] == wanted
        assert await store.acts(after=page[-1].number, limit=5) == []

    # --- verified addresses and preferred certificates -----------------------------------------

    @on_store
    async def test_verified_addresses_find_their_certificates(self, store: KeyStore, clock: Clock) -> None:
        """In any case, the last verified first; an address that is only written in a user id does not."""
        for name in ("ann", "ben", "eve"):
            await store.write(entry(name, identities=("team@a.org", f"{name}@a.org")), expected=None)
        assert await store.verify_address(ANN, "Team@A.org", clock.now) is True
        assert await store.verify_address(BEN, "team@a.org", clock.now + 1) is True
        assert await store.verify_address(BEN, "ben@a.org", clock.now + 2.5) is True
        assert await store.verify_address(fingerprint_of("nobody"), "team@a.org", clock.now) is False
        assert names(await store.fetch_by_verified("TEAM@a.org", limit=9)) == ["ben", "ann"]
        assert names(await store.fetch_by_verified("team@a.org", limit=1)) == ["ben"]
        assert await store.fetch_by_verified("eve@a.org", limit=9) == []
        assert await store.verified_addresses(BEN) == {"ben@a.org": clock.now + 2.5, "team@a.org": clock.now + 1}
        await store.verify_address(ANN, "team@a.org", clock.now + 3)
        assert names(await store.fetch_by_verified("team@a.org", limit=9)) == ["ann", "ben"]
        assert await store.unverify_address(ANN, "TEAM@a.org") is True
        assert await store.unverify_address(ANN, "team@a.org") is False
        assert names(await store.fetch_by_verified("team@a.org", limit=9)) == ["ben"]

    @on_store
    async def test_an_address_that_left_the_certificate_is_not_verified(self, store: KeyStore, clock: Clock) -> None:
        """A write keeps the verified addresses that are still among its identities, and no others."""
        given = entry("ann", identities=("one@a.org", "two@a.org"))
        await store.write(given, expected=None)
        for address in ("one@a.org", "two@a.org"):
            await store.verify_address(ANN, address, clock.now)
        await store.write(entry("ann", state="second", identities=("Two@a.org",)), expected=given.md5)
        assert await store.verified_addresses(ANN) == {"two@a.org": clock.now}
        assert await store.fetch_by_verified("one@a.org", limit=9) == []

    @on_store
    async def test_preferred_certificates_keep_their_order(self, store: KeyStore, clock: Clock) -> None:
        """Each naming takes the place of the one before; certificates that are not stored are left out."""
        await store.write_many([(entry("ann"), None), (entry("ben"), None)])
        assert await store.canonical("a@a.org") == []
        await store.set_canonical("A@a.org", (BEN, EVE, ANN, BEN))
        assert names(await store.canonical("a@A.org")) == ["ben", "ann"]
        await store.set_canonical("a@a.org", (ANN,))
        assert names(await store.canonical("a@a.org")) == ["ann"]
        await store.set_canonical("b@a.org", (ANN, BEN))
        await store.set_canonical("a@a.org", ())
        assert await store.canonical("a@a.org") == []
        await store.erase(ANN)
        assert names(await store.canonical("b@a.org")) == ["ben"]
