from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from pathlib import Path

from keyserver.conftest import RunKeyserver
from vectors.owner import Owner
from wasmpuck.keyserver import KeyEvent, Keyserver
from wasmpuck.keyserver.administrators import RightsRules
from wasmpuck.keyserver.rights import Rights
from wasmpuck.keyserver.veil import veiled
from wasmpuck.openpgp.ingest import Prepared, examine
from wasmpuck.openpgp.policy import Policy
from wasmpuck.storage import KeyStore, Query, Record, SQLiteKeyStore

OWNERS = [Owner(f"owner {number}") for number in range(6)]
TEXT = "Same <same@example.org>"
BLOCKED = OWNERS[1].fingerprint, OWNERS[4].fingerprint
KEPT = [owner.fingerprint for owner in OWNERS if owner.fingerprint not in BLOCKED]
POLICY = Policy(blacklist=BLOCKED)


def fingerprints(records: list[Record]) -> list[str]:
    """Which they are, in their order."""
    return [record.fingerprint for record in records]


async def everything(records: AsyncIterator[Record]) -> list[Record]:
    """All that an iteration gives."""
    return [record async for record in records]


def test_blocked_certificates_are_not_seen_though_they_are_stored(on_keyserver: RunKeyserver) -> None:
    """Stored before they were put on the list: no way of reading finds them, and pages close up."""

    async def body(server: Keyserver) -> None:
        for owner in OWNERS:
            await server.submit(owner.certificate(owner.user_id(TEXT)))
        store = veiled(server.store, POLICY)
        blocked, kept = BLOCKED[0], KEPT[0]
        (hidden,) = await server.store.fetch([blocked])
        assert fingerprints(await store.fetch([blocked, kept])) == [kept]
        assert await store.fetch_by_key_id(blocked[-16:], limit=5) == []
        assert await store.fetch_by_md5(hidden.md5) == []
        assert fingerprints(await store.fetch_by_identity("same@example.org", limit=3)) == KEPT[:3]
        assert await store.canonical("same@example.org") == []
        assert await store.fetch_by_verified("same@example.org", limit=3) == []
        assert sorted(fingerprints(await everything(store.iterate()))) == sorted(KEPT)
        assert sorted(await store.changed_on(datetime.datetime.now(datetime.UTC).date())) == sorted(KEPT)
        query = Query("identity", ("same@example.org",))
        pages = [await store.search(query, limit=2, offset=offset) for offset in (0, 2, 4)]
        assert [fingerprints(page) for page in pages] == [KEPT[:2], KEPT[2:], []]
        assert await store.count() == len(OWNERS)

    on_keyserver(body)


def test_without_a_blacklist_there_is_no_veil(tmp_path: Path) -> None:
    """A store is itself where nothing is blocked."""
    store: KeyStore = SQLiteKeyStore(tmp_path / "keys.sqlite3")
    assert veiled(store, Policy()) is store


def test_a_keyserver_hides_what_its_policy_blocks_and_shows_it_again(tmp_path: Path) -> None:
    """The operator's list decides on every start; nothing is deleted by it, and nothing new comes in."""

    async def whole() -> None:
        store = SQLiteKeyStore(tmp_path / "keys.sqlite3")
        await store.open()
        (prepared,) = examine(OWNERS[1].certificate(OWNERS[1].user_id(TEXT)), Policy()).outcomes
        assert isinstance(prepared, Prepared)
        first, second, third = (Keyserver(store, policy) for policy in (Policy(), POLICY, Policy()))
        try:
            await first.submit(prepared.data)
            assert await second.find(f"0x{BLOCKED[0]}") == []
            assert [entry.code for entry in (await second.submit(prepared.data)).rejected] == ["blacklisted"]
            assert fingerprints(await third.find(f"0x{BLOCKED[0]}")) == [BLOCKED[0]]
        finally:
            for server in (first, second, third):
                await server.close()
            await store.close()

    asyncio.run(whole())


def test_the_operator_deletes_what_is_blocked(tmp_path: Path) -> None:
    """It is said to have been there, and observers hear of it like of any other."""

    async def whole() -> None:
        store = SQLiteKeyStore(tmp_path / "keys.sqlite3")
        await store.open()
        (prepared,) = examine(OWNERS[1].certificate(OWNERS[1].user_id(TEXT)), Policy()).outcomes
        assert isinstance(prepared, Prepared)
        first, second = Keyserver(store), Keyserver(store, POLICY)
        heard: list[KeyEvent] = []
        second.observe(heard.append)
        try:
            await first.submit(prepared.data)
            rights = Rights(second, RightsRules(server_names=("keys.example.org",)))
            assert await rights.bury(BLOCKED[0], reason="asked for")
            assert [(event.fingerprint, event.md5, event.previous) for event in heard] == [
                (BLOCKED[0], None, prepared.md5)
            ]
            assert await store.count() == 0
            assert not await rights.bury(BLOCKED[0], reason="asked for again")
        finally:
            for server in (first, second):
                await server.close()
            await store.close()

    asyncio.run(whole())
