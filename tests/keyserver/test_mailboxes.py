"""Whose mailbox a user id is, what an excerpt keeps, and how a directory finds names by hash."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectors.owner import CREATED, Owner
from wasmpuck.keyserver import Keyserver
from wasmpuck.keyserver.excerpt import excerpt, with_user_ids
from wasmpuck.keyserver.identity import addresses_of, mailbox_of, matches, spellings_of
from wasmpuck.keyserver.webkeys import HashedNames, hashed
from wasmpuck.openpgp.certificate import Certificate
from wasmpuck.openpgp.packets import Tag, walk
from wasmpuck.storage import SQLiteKeyStore


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Ann <Ann@Example.ORG>", "ann@example.org"),
        ("ann@example.org", "ann@example.org"),
        ("<ann@example.org>", "ann@example.org"),
        ("ann@example.org <ANN@example.org>", "ann@example.org"),
        ("Büro <info@bücher.example>", "info@xn--bcher-kva.example"),
        ("Ann (work) <ann@example.org>", "ann@example.org"),
        ("Ann", None),
        ("", None),
        ("boss@example.org <ann@example.org>", None),
        ("Ann (boss@example.org) <ann@example.org>", None),
        ("Ann <ann@example.org> <boss@example.org>", None),
        ("ann@example.org (work)", None),
        ("Ann <ann@>", None),
        ("Ann <ann@[127.0.0.1]>", None),
    ],
)
def test_a_user_id_speaks_of_one_mailbox(text: str, key: str | None) -> None:
    """Of its address, if that is the only one that it names."""
    assert mailbox_of(text) == key
    if key is not None:
        assert matches(text, key)
        assert matches(text, key.upper())
    assert not matches(text, "boss@example.org")


@given(st.text(max_size=60))
def test_any_text_matches_itself_or_its_mailbox(text: str) -> None:
    """A user id without an address is matched by its whole text; nothing makes it fail."""
    if "@" not in text and text.strip():
        assert matches(text, text)
        assert not matches(text, text + "x")
    mailbox_of(text)
    matches("Ann <ann@example.org>", text)


def test_a_mailbox_is_revoked_when_all_its_user_ids_are() -> None:
    """One that is left keeps it alive."""
    user_ids = [
        {"text": "A <a@example.org>", "revoked": True},
        {"text": "Ann <A@example.org>", "revoked": False},
        {"text": "B <b@example.org>", "revoked": True},
        {"text": "No address", "revoked": False},
    ]
    assert addresses_of(user_ids) == {"a@example.org": False, "b@example.org": True}


def test_spellings_are_what_the_store_knows() -> None:
    """The lower-case addresses as they stand in user ids, whatever form their domain has."""
    user_ids = [{"text": "A <Info@bücher.example>"}, {"text": "B <info@XN--bcher-kva.example>"}, {"text": "C <c@d.e>"}]
    expected = {"info@bücher.example", "info@xn--bcher-kva.example"}
    assert spellings_of(user_ids, "info@xn--bcher-kva.example") == expected


TEXTS = ("A <a@example.org>", "B <b@example.org>", "C")


@given(kept=st.sets(st.sampled_from(TEXTS)))
def test_an_excerpt_keeps_user_ids_with_their_signatures(kept: set[str]) -> None:
    """Those that are kept, byte for byte, and all that is not about a user id."""
    owner, other = Owner("excerpt"), Owner("other")
    data = Certificate.parse(
        owner.certificate(
            *([*owner.user_id(text), other.certify(owner, text)] for text in TEXTS),
            owner.subkey(Owner("subkey")),
            [owner.revocation(reason=1, at=CREATED + 9)],
        )
    ).bytes
    part = with_user_ids(data, lambda text: text in kept)
    whole, packets = list(walk(data)), list(walk(part))
    assert {packet.body.decode() for packet in packets if packet.tag == Tag.USER_ID} == kept
    assert [packet for packet in whole if packet in packets] == packets
    assert len(packets) == len(whole) - 3 * (len(TEXTS) - len(kept))
    assert Certificate.parse(part).bytes == part


def stored(folder: Path, work: Callable[[Keyserver], Awaitable[None]]) -> None:
    """Runs `work` with a keyserver of its own."""

    async def run() -> None:
        store = SQLiteKeyStore(folder / "keys.sqlite")
        await store.open()
        keyserver = Keyserver(store)
        try:
            await work(keyserver)
        finally:
            await keyserver.close()
            await store.close()

    asyncio.run(run())


def test_an_excerpt_of_a_record_agrees_with_its_summary(tmp_path: Path) -> None:
    """Bytes, size and listed user ids are those of the excerpt, the digest that of the whole."""

    async def work(keyserver: Keyserver) -> None:
        owner = Owner("record")
        await keyserver.submit(owner.certificate(*(owner.user_id(text) for text in TEXTS)))
        (record,) = await keyserver.store.fetch([owner.fingerprint])
        assert excerpt(record, lambda text: True) is record
        part = excerpt(record, lambda text: text == TEXTS[0])
        assert [user_id["text"] for user_id in part.summary["user_ids"]] == [TEXTS[0]]
        assert part.summary["size"] == len(part.data) < len(record.data)
        assert part.md5 == record.md5

    stored(tmp_path, work)


def test_names_are_found_by_hash_alone(tmp_path: Path) -> None:
    """From what is stored, read again when it is some minutes old, of the asked domain only."""
    now = [0.0]

    async def work(keyserver: Keyserver) -> None:
        names = HashedNames(keyserver.store, clock=lambda: now[0])
        for local in ("joe", "ann"):
            owner = Owner(local)
            await keyserver.submit(
                owner.certificate(
                    owner.user_id(f"X <{local}@example.org>"), owner.user_id(f"X <{local}.two@other.example>")
                )
            )
            found = await names.find("example.org", hashed(local))
            assert (found.key if found else None) == ("joe@example.org" if local == "joe" else None)
        assert await names.find("example.org", hashed("joe.two")) is None
        now[0] = 301
        found = await names.find("example.org", hashed("ANN"))
        assert found is not None
        assert found.key == "ann@example.org"

    stored(tmp_path, work)
