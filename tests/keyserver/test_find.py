from __future__ import annotations

import pytest
from pysequoia import Profile, Tsk

from keyserver.conftest import RunKeyserver
from vectors.owner import Owner
from wasmpuck.errors import BadRequest
from wasmpuck.keyserver import Keyserver, SearchRules
from wasmpuck.keyserver.disclosure import Disclosure
from wasmpuck.keyserver.finding import MOST_SKIPPED, Finder
from wasmpuck.storage import Record

ANN, BEN, SUB = Owner("ann"), Owner("ben"), Owner("sub")
DATA = ANN.certificate(ANN.user_id("Ann <Ann@Example.org>"), ANN.user_id("Just Ann"), ANN.subkey(SUB))
DATA += BEN.certificate(BEN.user_id("Ben <ben@example.org>"), BEN.subkey(SUB))


def owners(records: list[Record]) -> list[str]:
    """Whose certificates these are, in order."""
    names = {ANN.fingerprint: "ann", BEN.fingerprint: "ben"}
    return [names[record.fingerprint] for record in records]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (f"0x{ANN.fingerprint}", ["ann"]),
        (ANN.fingerprint.upper(), ["ann"]),
        (f"0X{ANN.fingerprint[-16:]}", ["ann"]),
        (ANN.fingerprint[-16:], ["ann"]),
        (f"0x{ANN.fingerprint[-8:]}", ["ann"]),
        (f"0x{SUB.fingerprint}", ["ann", "ben"]),
        (f"0x{SUB.fingerprint[-16:]}", ["ann", "ben"]),
        (f"0x{SUB.fingerprint[-8:]}", ["ann", "ben"]),
        ("ann@example.org", ["ann"]),
        ("<ANN@example.ORG>", ["ann"]),
        ("ann <ann@example.org>", ["ann"]),
        ("just ann", ["ann"]),
        ("ann", []),
        ("example.org", []),
        ("0x" + "0" * 40, []),
        ("0x" + "0" * 64, []),
    ],
)
def test_certificates_are_found_by_what_they_carry(on_keyserver: RunKeyserver, search: str, found: list[str]) -> None:
    """Fingerprints and key ids of primary keys and subkeys, with all that share them; whole addresses and texts."""

    async def body(server: Keyserver) -> None:
        server.finder = Finder(server.store, SearchRules(short_key_ids=True))
        await server.submit(DATA)
        assert owners(await server.find(search)) == found
        assert owners(await server.find(search, exact=True)) == found

    on_keyserver(body)


def test_short_key_ids_are_answered_where_the_operator_says_so(on_keyserver: RunKeyserver) -> None:
    """They are easily forged: a server answers that, or the certificates with a warning."""
    search = f"0x{ANN.fingerprint[-8:]}"

    async def body(server: Keyserver) -> None:
        await server.submit(DATA)
        with pytest.raises(BadRequest, match="8 digits"):
            await server.find(search)
        server.finder = Finder(server.store, SearchRules(short_key_ids=True))
        found = await server.page(search)
        assert owners(found.records) == ["ann"]
        assert "forged" in found.warning

    on_keyserver(body)


def test_words_are_answered_where_the_operator_says_so(on_keyserver: RunKeyserver) -> None:
    """Every word has to be there, in any order and case; `exact` asks for whole user ids all the same."""

    async def body(server: Keyserver) -> None:
        await server.submit(DATA)
        assert await server.find("ann example") == []
        server.finder = Finder(server.store, SearchRules(words=True))
        assert owners(await server.find("EXAMPLE Ann")) == ["ann"]
        assert owners(await server.find("org, example!")) == ["ann", "ben"]
        assert await server.find("ann ben") == []
        assert await server.find("ann example", exact=True) == []
        assert owners(await server.find("Just Ann", exact=True)) == ["ann"]
        assert owners(await server.find("ben@example.org")) == ["ben"]
        with pytest.raises(BadRequest, match="16 words"):
            await server.find(" ".join(str(number) for number in range(17)))

    on_keyserver(body)


@pytest.mark.parametrize("domains", [("example.org",), ("*",)], ids=["listed", "every"])
def test_domains_are_answered_where_the_operator_says_so(on_keyserver: RunKeyserver, domains: tuple[str, ...]) -> None:
    """A domain, with or without @, finds every certificate with an address in it, if it is one of those listed."""

    async def body(server: Keyserver) -> None:
        await server.submit(DATA)
        assert await server.find("@example.org") == []
        server.finder = Finder(server.store, SearchRules(domains=domains))
        for search in ("@example.org", "Example.ORG", "example.org."):
            assert owners(await server.find(search)) == ["ann", "ben"]
        assert await server.find("@example.com") == []
        assert await server.find("example.org", exact=True) == []

    on_keyserver(body)


@pytest.mark.parametrize("search", [f"0x{SUB.fingerprint}", f"0x{SUB.fingerprint[-16:]}", "@example.org"])
def test_pages_follow_each_other(on_keyserver: RunKeyserver, search: str) -> None:
    """A page says whether there is another one, and the pages together are the whole answer."""

    async def body(server: Keyserver) -> None:
        server.finder = Finder(server.store, SearchRules(domains=("*",)))
        await server.submit(DATA)
        first, second, third = [await server.page(search, limit=1, offset=offset) for offset in range(3)]
        assert (owners(first.records), first.more) == (["ann"], True)
        assert (owners(second.records), second.more) == (["ben"], False)
        assert (third.records, third.more) == ([], False)
        with pytest.raises(BadRequest, match="10,000"):
            await server.page(search, offset=MOST_SKIPPED + 1)

    on_keyserver(body)


@pytest.mark.parametrize("search", [f"0x{SUB.fingerprint}", f"0x{SUB.fingerprint[-16:]}", "@example.org"])
def test_answers_are_bounded(on_keyserver: RunKeyserver, search: str) -> None:
    """By the server's limits, in certificates and bytes, and by the caller's, whichever is smallest; never empty."""

    async def body(server: Keyserver) -> None:
        server.finder = Finder(server.store, SearchRules(domains=("*",)))
        await server.submit(DATA)
        assert owners(await server.find(search, limit=1)) == ["ann"]
        server.search_bytes = 1
        found = await server.page(search)
        assert (owners(found.records), found.more) == (["ann"], True)
        server.search_bytes, server.search_limit = 1_000_000, 1
        found = await server.page(search, limit=5)
        assert (owners(found.records), found.more) == (["ann"], True)

    on_keyserver(body)


def test_a_long_answer_is_whole(on_keyserver: RunKeyserver) -> None:
    """An answer that the store gives in several parts has every certificate once, in the order of arrival."""
    people = [Owner(f"person {number}") for number in range(20)]

    async def body(server: Keyserver) -> None:
        for person in people:
            await server.submit(person.certificate(person.user_id("Many <many@example.org>")))
        found = await server.page("many@example.org")
        assert [record.fingerprint for record in found.records] == [person.fingerprint for person in people]
        assert not found.more
        found = await server.page("many@example.org", limit=18, offset=1)
        assert [record.fingerprint for record in found.records] == [person.fingerprint for person in people[1:19]]
        assert found.more

    on_keyserver(body)


def test_a_digest_finds_its_certificate(on_keyserver: RunKeyserver) -> None:
    """In either case; what is no digest is refused in words."""

    async def body(server: Keyserver) -> None:
        await server.submit(DATA)
        (ann,) = await server.find(ANN.fingerprint)
        assert await server.by_digest(ann.md5.upper()) == [ann]
        assert await server.by_digest("0" * 32) == []
        for text in ("", "0x" + ann.md5, ann.md5[:-1], "g" * 32):
            with pytest.raises(BadRequest, match="32 hexadecimal digits"):
                await server.by_digest(text)

    on_keyserver(body)


def test_a_version_6_certificate_is_found_by_its_first_digits(on_keyserver: RunKeyserver) -> None:
    """A version 6 key id is the beginning of the fingerprint."""
    made = Tsk.generate(user_ids=["Six <six@example.org>"], profile=Profile.RFC9580).extract_certificate()

    async def body(server: Keyserver) -> None:
        await server.submit(bytes(made))
        (record,) = await server.find(f"0x{made.fingerprint}")
        assert await server.find(f"0x{made.fingerprint[:16]}") == [record]
        assert await server.find("six@example.org") == [record]

    on_keyserver(body)


def test_pages_of_which_nothing_may_be_shown_are_passed_over(on_keyserver: RunKeyserver) -> None:
    """In verified mode the page is the first that has something, and the next one begins behind it."""
    others = [Owner(f"other {number}") for number in range(3)]

    async def body(server: Keyserver) -> None:
        server.finder = Finder(server.store, SearchRules(words=True))
        for owner in (*others, ANN, BEN):
            await server.submit(owner.certificate(owner.user_id("Ann <ann@example.org>")))
        await server.store.verify_address(ANN.fingerprint, "ann@example.org", 1.0)
        disclosure = Disclosure(server.store, verified_only=True)
        found = await disclosure.page(server, "ann example", exact=False, limit=1, offset=0)
        assert (owners(found.records), found.size, found.more) == (["ann"], 4, True)
        behind = await disclosure.page(server, "ann example", exact=False, limit=1, offset=4)
        assert (behind.records, behind.more) == ([], False)
        found = await disclosure.page(server, "ann@example.org", exact=False, limit=1, offset=0)
        assert (owners(found.records), found.more) == (["ann"], False)
        everything = await Disclosure(server.store, verified_only=False).page(
            server, "ann example", exact=False, limit=2, offset=3
        )
        assert owners(everything.records) == ["ann", "ben"]

    on_keyserver(body)
