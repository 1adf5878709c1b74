"""What is not kept beside small certificates, and what is not indexed."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from contracts.entries import entry
from vectors.owner import Owner
from vectors.population import person
from wasmpuck.keyserver.intake import entry_of
from wasmpuck.openpgp import Policy
from wasmpuck.openpgp.ingest import Prepared, derive, prepare
from wasmpuck.openpgp.splitter import Piece
from wasmpuck.storage import Difference, Entry, Indexing, Query, SQLiteKeyStore
from wasmpuck.storage.derived import SMALL

LEAN = Indexing(words=False, domains=False)


def prepared(data: bytes) -> Prepared:
    made = prepare(Piece(data, 0), Policy())
    assert isinstance(made, Prepared)
    return made


SMALL_ONE = prepared(person(10))
ANN = Owner("ann")
LARGE_ONE = prepared(ANN.certificate(*(ANN.user_id(f"Ann {number} <ann{number}@example.org>") for number in range(12))))


def run(path: Path, indexing: Indexing, body: Callable[[SQLiteKeyStore], Awaitable[None]]) -> None:
    async def whole() -> None:
        store = SQLiteKeyStore(path, indexing=indexing)
        await store.open()
        try:
            await body(store)
        finally:
            await store.close()

    asyncio.run(whole())


def row(path: Path, fingerprint: str) -> tuple[bytes, bytes]:
    """What is kept of summary and terms."""
    with closing(sqlite3.connect(path)) as database:
        found = database.execute(
            "SELECT summary, terms FROM certificates WHERE fingerprint = ?", (bytes.fromhex(fingerprint),)
        ).fetchone()
    return found[0], found[1]


def terms_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("SELECT COUNT(*) FROM terms").fetchone()[0])


async def searched(store: SQLiteKeyStore, made: Prepared) -> tuple[bool, bool, bool]:
    """Whether it is found by an identity, by a word, and by a domain."""
    queries = (
        Query("identity", (made.identities[0],)),
        Query("words", (made.words[0],)),
        Query("domain", (made.domains[0],)),
    )
    found = [[each.fingerprint for each in await store.search(query, limit=9)] for query in queries]
    identity, word, domain = (made.fingerprint in each for each in found)
    return identity, word, domain


def test_sizes_of_the_examples() -> None:
    """One is on either side of the bound."""
    assert len(SMALL_ONE.data) <= SMALL < len(LARGE_ONE.data)


@pytest.mark.parametrize("number", range(0, 60, 7))
def test_what_is_derived_is_what_was_prepared(number: int) -> None:
    """From a certificate's stored bytes follows all that was known when it was vetted."""
    made = prepared(person(number))
    again = derive(made.data)
    assert entry_of(again) == entry_of(made)


def test_the_summary_of_a_small_certificate_is_not_kept(tmp_path: Path) -> None:
    """Its reader gets it all the same; a larger one's, and one that does not follow from the bytes, is kept."""
    path = tmp_path / "keys.sqlite"
    made_up = entry("ben", identities=("ben@example.org",))

    async def body(store: SQLiteKeyStore) -> None:
        entries = [entry_of(SMALL_ONE), entry_of(LARGE_ONE), made_up]
        await store.write_many([(each, None) for each in entries])
        for each in entries:
            (record,) = await store.fetch([each.fingerprint])
            assert record.summary == each.summary
        assert await store.differences(entries) == [frozenset()] * 3

    run(path, LEAN, body)
    assert row(path, SMALL_ONE.fingerprint) == (b"", b"")
    assert all(row(path, LARGE_ONE.fingerprint))
    assert all(row(path, made_up.fingerprint))


def test_damaged_bytes_have_no_summary(tmp_path: Path) -> None:
    """Reading it raises ValueError, as for a packed one that is damaged; its index goes when it is removed."""
    path = tmp_path / "keys.sqlite"

    async def body(store: SQLiteKeyStore) -> None:
        await store.write(entry_of(SMALL_ONE), expected=None)
        await store._writer.run(lambda database: database.execute("UPDATE certificates SET data = x'99'").fetchall())
        (record,) = await store.fetch([SMALL_ONE.fingerprint])
        with pytest.raises(ValueError, match="not a certificate"):
            _ = record.summary
        assert (await store.tally(repair=True)).stray == 0
        assert terms_in(path) > 0
        assert await store.erase(SMALL_ONE.fingerprint)

    run(path, LEAN, body)
    assert terms_in(path) == 0


@pytest.mark.parametrize("made", [SMALL_ONE, LARGE_ONE], ids=["small", "large"])
@pytest.mark.parametrize("before", [LEAN, Indexing()], ids=["lean", "whole"])
@pytest.mark.parametrize("after", [LEAN, Indexing(), Indexing(domains=False)], ids=["lean", "whole", "words"])
def test_rules_may_change(made: Prepared, before: Indexing, after: Indexing, tmp_path: Path) -> None:
    """What was indexed by other rules is seen as a difference, and refreshing it leaves the index that should be."""
    path = tmp_path / "keys.sqlite"

    async def fill(store: SQLiteKeyStore) -> None:
        await store.write(entry_of(made), expected=None)
        assert await searched(store, made) == (True, before.words, before.domains)

    async def refresh(store: SQLiteKeyStore) -> None:
        expected = frozenset() if before == after else frozenset({Difference.INDEX})
        assert await store.differences([entry_of(made)]) == [expected]
        assert await store.refresh([entry_of(made)]) == [True]
        assert await store.differences([entry_of(made)]) == [frozenset()]
        assert await searched(store, made) == (True, after.words, after.domains)
        assert (await store.tally()).stray == 0

    async def erase(store: SQLiteKeyStore) -> None:
        assert await store.erase(made.fingerprint)

    run(path, before, fill)
    run(path, after, refresh)
    run(path, before, erase)
    assert terms_in(path) == 0


def test_nothing_of_an_older_state_stays_in_the_index(tmp_path: Path) -> None:
    """A small certificate that gains and loses user ids is found by those that it has."""
    path = tmp_path / "keys.sqlite"
    cat = Owner("cat")
    first, second = "Cat <cat@example.org>", "Cat <cat@example.net>"
    both = prepared(cat.certificate(cat.user_id(first), cat.user_id(second)))
    one = prepared(cat.certificate(cat.user_id(second)))
    assert len(both.data) <= SMALL

    async def body(store: SQLiteKeyStore) -> None:
        for made, former in ((one, None), (both, one.md5), (one, both.md5)):
            await store.write(entry_of(made), expected=former)
            assert bool(await store.fetch_by_identity("cat@example.org", limit=1)) is (made is both)
            assert len(await store.fetch_by_identity("cat@example.net", limit=1)) == 1
            assert (await store.tally()).stray == 0

    run(path, LEAN, body)


def test_a_row_of_before_is_read_and_mended(tmp_path: Path) -> None:
    """A small certificate that was stored with summary and terms is served, and `refresh` makes it small."""
    path = tmp_path / "keys.sqlite"
    kept: Entry = entry_of(SMALL_ONE)

    async def fill(store: SQLiteKeyStore) -> None:
        old = Entry(**{name: getattr(kept, name) for name in Entry.__slots__ if name != "derivable"})
        await store.write(old, expected=None)

    async def refresh(store: SQLiteKeyStore) -> None:
        (record,) = await store.fetch([kept.fingerprint])
        assert record.packed
        assert record.summary == kept.summary
        assert await store.differences([kept]) == [frozenset({Difference.SUMMARY, Difference.INDEX})]
        assert await store.refresh([kept]) == [True]
        assert await store.differences([kept]) == [frozenset()]

    run(path, Indexing(), fill)
    assert all(row(path, kept.fingerprint))
    run(path, LEAN, refresh)
    assert row(path, kept.fingerprint) == (b"", b"")


def test_the_operator_is_told_what_is_not_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Turning words on warns, until everything was indexed anew; an empty database has nothing to warn of."""
    path = tmp_path / "keys.sqlite"

    async def nothing(store: SQLiteKeyStore) -> None:
        assert await store.count() <= 1

    async def fill(store: SQLiteKeyStore) -> None:
        await store.write(entry_of(SMALL_ONE), expected=None)

    async def mend(store: SQLiteKeyStore) -> None:
        await store.refresh([entry_of(SMALL_ONE)])
        await store.reindexed()

    def warned(indexing: Indexing, body: Callable[[SQLiteKeyStore], Awaitable[None]]) -> int:
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            run(path, indexing, body)
        return len([each for each in caplog.records if "reindex" in each.getMessage()])

    words = Indexing(domains=False)
    assert [warned(LEAN, nothing), warned(words, nothing)] == [0, 0]
    assert [warned(LEAN, fill), warned(words, nothing), warned(Indexing(), nothing)] == [0, 1, 2]
    assert [warned(words, mend), warned(words, nothing), warned(Indexing(), nothing)] == [1, 0, 1]
