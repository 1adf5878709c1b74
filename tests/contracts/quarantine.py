"""Certificates in quarantine: what every backend does with them."""

from __future__ import annotations

import asyncio
import datetime
from dataclasses import replace

from contracts.entries import digest_of, entry, fingerprint_of
from contracts.rights import numbered
from contracts.running import Clock, OpensStores, names, on_store
from wasmpuck.storage import Act, Burial, Held, KeyStore, Query, Written

__all__ = ["QuarantineContract"]

ANN, BEN, EVE = (fingerprint_of(name) for name in ("ann", "ben", "eve"))
ACT = Act("quarantine", ANN, "operator", 1_700_000_000.5, "somebody complained")


def held(name: str, state: str = "first", source: str = "guard", reason: str = "It is odd.") -> Held:
    """A certificate of `entries` in quarantine, with a name and a reason that no ASCII holds."""
    data = f"{name} {state}".encode()
    return Held(fingerprint_of(name), digest_of(data), data, f"{source} ü", reason, 1_700_000_000.25)


class QuarantineContract(OpensStores):
    """A class of tests."""

    @on_store
    async def test_what_is_held_is_kept_and_found_by_nobody(self, store: KeyStore, clock: Clock) -> None:
        """It is read back as it was given, and by no look-up, listing, counter or change."""
        await store.write(entry("ben"), expected=None)
        before = await store.changes(limit=9)
        assert await store.hold(held("ann"), expected=None, before=None, act=ACT) is Written.STORED
        assert await store.held([ANN, BEN]) == {ANN: held("ann")}
        assert await numbered(store) == [ACT]
        assert await store.fetch([ANN]) == []
        assert await store.fetch_by_key_id(ANN[-16:], limit=9) == []
        assert await store.fetch_by_md5(held("ann").md5) == []
        assert names([record async for record in store.iterate()]) == ["ben"]
        assert (await store.count(), (await store.statistics()).total) == (1, 1)
        assert await store.changes(limit=9) == before
        assert await store.changed_on(datetime.datetime.fromtimestamp(clock.now, datetime.UTC).date()) == [BEN]

    @on_store
    async def test_holding_needs_the_expected_states(self, store: KeyStore, clock: Clock) -> None:
        """Of what is stored and of what is in quarantine; else nothing is changed and nothing recorded."""
        assert await store.hold(held("ann"), expected="0" * 32, before=None, act=ACT) is Written.CONFLICT
        assert await store.hold(held("ann"), expected=None, before="0" * 32, act=ACT) is Written.CONFLICT
        first, second = held("ann"), held("ann", "second", "other", "It is longer.")
        assert await store.hold(first, expected=None, before=None) is Written.STORED
        assert await store.hold(second, expected=None, before=None, act=ACT) is Written.CONFLICT
        assert await store.hold(second, expected=None, before=first.md5) is Written.STORED
        assert await store.held([ANN]) == {ANN: second}
        assert await numbered(store) == []

    @on_store
    async def test_of_many_who_hold_one_wins(self, store: KeyStore, clock: Clock) -> None:
        """The others are told that the state is another one."""
        given = [held("ann", f"state {number}") for number in range(10)]
        answers = await asyncio.gather(*(store.hold(item, expected=None, before=None) for item in given))
        assert sorted(answers) == [Written.CONFLICT] * 9 + [Written.STORED]

    @on_store
    async def test_nothing_is_published_past_the_quarantine(self, store: KeyStore, clock: Clock) -> None:
        """Who would insert what is held is told so, alone or among others; a held update hinders nobody."""
        await store.hold(held("ann"), expected=None, before=None)
        assert await store.write(entry("ann"), expected=None) is Written.HELD
        answers = await store.write_many([(entry("ann"), None), (entry("ben"), None)])
        assert answers == [Written.HELD, Written.STORED]
        await store.hold(held("ben", "second"), expected=entry("ben").md5, before=None)
        assert await store.write(entry("ben", state="third"), expected=entry("ben").md5) is Written.STORED
        assert await store.fetch([ANN]) == []

    @on_store
    async def test_holding_and_writing_do_not_pass_each_other(self, store: KeyStore, clock: Clock) -> None:
        """Of one who publishes and one who holds at the same time, one learns of the other."""
        for number in range(10):
            name = f"name {number}"
            done = await asyncio.gather(
                store.write(entry(name), expected=None), store.hold(held(name), expected=None, before=None)
            )
            assert sorted(done) in ([Written.CONFLICT, Written.STORED], [Written.HELD, Written.STORED])

    @on_store
    async def test_a_published_certificate_is_withdrawn(self, store: KeyStore, clock: Clock) -> None:
        """No way of looking finds it any more, the feed tells that it went; release brings back its addresses."""
        given = entry(
            "ann", subkeys=("one",), identities=("ann@a.org", "two@a.org"), words=("ann",), domains=("a.org",)
        )
        await store.write(given, expected=None)
        for address in ("ann@a.org", "two@a.org"):
            await store.verify_address(ANN, address, clock.now)
        item = replace(held("ann"), md5=given.md5, data=given.data)
        assert await store.hold(item, expected=given.md5, before=None, withdraw=True, act=ACT) is Written.STORED
        assert await store.fetch([ANN, fingerprint_of("one")]) == []
        assert await store.fetch_by_identity("ann@a.org", limit=9) == []
        assert await store.search(Query("domain", ("a.org",)), limit=9) == []
        assert await store.fetch_by_verified("ann@a.org", limit=9) == []
        assert await store.count() == 0
        assert [(change.before, change.after) for change in await store.changes(limit=9)][-1] == (given.md5, None)
        # More came in meanwhile, and one of the addresses is not in it.
        longer = entry("ann", state="second", identities=("Ann@a.org",))
        later = replace(held("ann", "second"), md5=longer.md5)
        assert await store.hold(later, expected=None, before=given.md5) is Written.STORED
        clock.now += 5
        act = replace(ACT, kind="release")
        assert await store.release(longer, expected=None, before=longer.md5, act=act) is Written.STORED
        assert names(await store.fetch([ANN])) == ["ann"]
        assert await store.verified_addresses(ANN) == {"ann@a.org": clock.now - 5}
        assert await store.held([ANN]) == {}
        assert await numbered(store) == [ACT, act]

    @on_store
    async def test_release_needs_the_expected_states(self, store: KeyStore, clock: Clock) -> None:
        """What is published and what is held have to be what the caller saw; a tombstone forbids it."""
        assert await store.release(entry("ann"), expected=None, before="0" * 32, act=ACT) is Written.CONFLICT
        await store.hold(held("ann"), expected=None, before=None)
        assert await store.release(entry("ann"), expected="0" * 32, before=held("ann").md5) is Written.CONFLICT
        assert await store.release(entry("ann"), expected=None, before="0" * 32) is Written.CONFLICT
        assert await store.held([ANN]) == {ANN: held("ann")}
        assert await store.release(entry("ann"), expected=None, before=held("ann").md5) is Written.STORED
        second = entry("ann", state="second")
        await store.hold(held("ann", "second"), expected=entry("ann").md5, before=None)
        assert await store.release(second, expected=entry("ann").md5, before=second.md5) is Written.STORED
        (record,) = await store.fetch([ANN])
        assert record.md5 == second.md5
        assert await numbered(store) == []

    @on_store
    async def test_what_is_discarded_is_gone(self, store: KeyStore, clock: Clock) -> None:
        """In the state that was seen or in any; what is published stays."""
        await store.write(entry("ann"), expected=None)
        await store.hold(held("ann", "second"), expected=entry("ann").md5, before=None)
        assert await store.discard(ANN, before="0" * 32, act=ACT) is False
        assert await store.discard(ANN, before=held("ann", "second").md5, act=ACT) is True
        assert await store.discard(ANN, act=ACT) is False
        assert await store.held([ANN]) == {}
        assert names(await store.fetch([ANN])) == ["ann"]
        assert await numbered(store) == [ACT]

    @on_store
    async def test_erasing_takes_what_is_held_too(self, store: KeyStore, clock: Clock) -> None:
        """Whether something is published or not; with a tombstone nothing is held any more."""
        await store.write(entry("ann"), expected=None)
        await store.hold(held("ann", "second"), expected=entry("ann").md5, before=None)
        await store.hold(held("ben"), expected=None, before=None)
        assert await store.erase(ANN, expected="0" * 32) is False
        assert set(await store.held([ANN, BEN])) == {ANN, BEN}
        assert await store.erase(ANN) is True
        assert await store.delete(BEN) is True
        assert await store.delete(BEN) is False
        assert await store.held([ANN, BEN]) == {}
        await store.hold(held("eve"), expected=None, before=None)
        assert await store.erase(EVE, burial=Burial("asked for")) is True
        assert await store.held([EVE]) == {}
        assert await store.hold(held("eve"), expected=None, before=None, act=ACT) is Written.BURIED
        assert await numbered(store) == []

    @on_store
    async def test_what_is_held_is_listed_in_pages(self, store: KeyStore, clock: Clock) -> None:
        """By ascending fingerprint from any place, and counted."""
        assert (await store.holding(limit=9), await store.count_held()) == ([], 0)
        given = sorted((held(f"name {number}") for number in range(7)), key=lambda item: item.fingerprint)
        for item in given:
            await store.hold(item, expected=None, before=None)
        assert await store.holding(limit=3) == given[:3]
        assert await store.holding(after=given[2].fingerprint, limit=9) == given[3:]
        assert await store.held([item.fingerprint for item in given] * 100) == {
            item.fingerprint: item for item in given
        }
        assert await store.count_held() == 7
