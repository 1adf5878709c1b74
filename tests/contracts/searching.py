"""Searching by words, domains and several identities: what every backend does."""

from __future__ import annotations

from contracts.entries import entry, fingerprint_of
from contracts.running import Clock, OpensStores, names, on_store
from wasmpuck.storage import KeyStore, Query

__all__ = ["SearchContract"]


class SearchContract(OpensStores):
    """A class of tests."""

    @on_store
    async def test_all_words_must_be_there(self, store: KeyStore, clock: Clock) -> None:
        """In any order and case; words that only resemble them do not count."""
        await store.write(entry("ann", words=("ann", "example", "größe")), expected=None)
        await store.write(entry("ben", words=("ben", "example")), expected=None)
        assert names(await store.search(Query("words", ("example",)), limit=9)) == ["ann", "ben"]
        assert names(await store.search(Query("words", ("Example", "ANN")), limit=9)) == ["ann"]
        assert names(await store.search(Query("words", ("GRÖSSE",)), limit=9)) == []
        assert names(await store.search(Query("words", ("GRÖßE", "ann", "ann")), limit=9)) == ["ann"]
        assert names(await store.search(Query("words", ("example", "eve")), limit=9)) == []
        for part in ("exam", "exampl%", "", "' OR 1=1 --"):
            assert await store.search(Query("words", (part,)), limit=9) == []

    @on_store
    async def test_kinds_are_kept_apart(self, store: KeyStore, clock: Clock) -> None:
        """A word is no domain and no identity, though it is the same text."""
        await store.write(entry("ann", words=("same.org",)), expected=None)
        await store.write(entry("ben", domains=("same.org",)), expected=None)
        await store.write(entry("eve", identities=("same.org", "eve@same.org")), expected=None)
        assert names(await store.search(Query("words", ("same.org",)), limit=9)) == ["ann"]
        assert names(await store.search(Query("domain", ("Same.Org",)), limit=9)) == ["ben"]
        assert names(await store.search(Query("identity", ("SAME.org",)), limit=9)) == ["eve"]
        assert names(await store.search(Query("identity", ("same.org", "eve@same.org")), limit=9)) == ["eve"]
        assert names(await store.fetch_by_identity("same.org", limit=9)) == ["eve"]

    @on_store
    async def test_a_search_for_nothing_finds_nothing(self, store: KeyStore, clock: Clock) -> None:
        """Of no values there is no answer, rather than everything."""
        await store.write(entry("ann", words=("ann",)), expected=None)
        assert await store.search(Query("words", ()), limit=9) == []
        assert await store.search(Query("words", ("ann",)), limit=0) == []

    @on_store
    async def test_answers_come_in_pages(self, store: KeyStore, clock: Clock) -> None:
        """Oldest stored first, whatever was changed since, and the pages together are the whole."""
        wanted = [f"name {number}" for number in range(25)]
        await store.write_many(
            [
                (entry(name, words=("all", f"is{number % 2}"), domains=("d.org",)), None)
                for number, name in enumerate(wanted)
            ]
        )
        changed = entry(wanted[3], state="second", words=("is1", "all", "new"), domains=("d.org",))
        await store.write(changed, expected=entry(wanted[3]).md5)
        for query in (Query("words", ("all",)), Query("domain", ("d.org",))):
            pages = [names(await store.search(query, limit=10, offset=offset)) for offset in (0, 10, 20, 30)]
            assert pages == [wanted[:10], wanted[10:20], wanted[20:], []]
        odd = Query("words", ("all", "is1"))
        assert names(await store.search(odd, limit=5, offset=5)) == wanted[1::2][5:10]
        assert names(await store.search(Query("words", ("new", "all")), limit=5)) == [wanted[3]]

    @on_store
    async def test_words_follow_updates_and_deletions(self, store: KeyStore, clock: Clock) -> None:
        """What an update leaves out finds nothing any more, and neither does a removed certificate."""
        old = entry("ann", words=("old", "both"), domains=("old.org",))
        await store.write(old, expected=None)
        new = entry("ann", state="second", words=("both", "new"), domains=("new.org",))
        await store.write(new, expected=old.md5)
        assert await store.search(Query("words", ("old",)), limit=9) == []
        assert await store.search(Query("domain", ("old.org",)), limit=9) == []
        assert names(await store.search(Query("words", ("both", "new")), limit=9)) == ["ann"]
        assert names(await store.search(Query("domain", ("new.org",)), limit=9)) == ["ann"]
        await store.delete(fingerprint_of("ann"))
        assert await store.search(Query("words", ("both",)), limit=9) == []

    @on_store
    async def test_strange_texts_are_only_texts(self, store: KeyStore, clock: Clock) -> None:
        """A NUL, half a surrogate pair and a very long text are stored and found like any other."""
        texts = ("a\0b", "\ud800", "x" * 5_000, "\N{GRINNING FACE}")
        await store.write(entry("ann", identities=texts, words=texts, domains=texts), expected=None)
        for text in texts:
            assert names(await store.fetch_by_identity(text, limit=9)) == ["ann"]
            assert names(await store.search(Query("words", (text,)), limit=9)) == ["ann"]
