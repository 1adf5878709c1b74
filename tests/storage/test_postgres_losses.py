from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

from contracts.entries import entry, fingerprint_of
from postgres import PASSWORD, PostgresServer
from storage.cutting import Cutter, proxied
from wasmpuck.errors import StorageUnavailable
from wasmpuck.storage import Act, Burial, PostgresKeyStore, Written

ANN = fingerprint_of("ann")


@asynccontextmanager
async def store_behind(
    server: PostgresServer, cutter: Cutter, key: object, isolation: str = "read committed"
) -> AsyncIterator[PostgresKeyStore]:
    """A store whose connections pass the cutter."""
    name = await server.database(key)
    async with proxied(cutter, server.port) as port:
        url = server.url(name, tcp=True).replace(f":{server.port}/", f":{port}/")
        store = PostgresKeyStore(url, isolation=isolation, retry_for=120, pool_size=8)
        await store.open()
        try:
            yield store
        finally:
            await store.close()


async def write(store: PostgresKeyStore) -> None:
    """A certificate."""
    assert await store.write(entry("ann"), expected=None) is Written.STORED


async def update(store: PostgresKeyStore) -> None:
    """A certificate's next state."""
    answers = await store.write_many([(entry("old", state="2"), entry("old").md5), (entry("ben"), None)])
    assert answers == [Written.STORED, Written.STORED]


async def erase(store: PostgresKeyStore) -> None:
    """A certificate, with a tombstone, a record and a one-time value."""
    old, burial = entry("old"), Burial("asked")
    act = Act("delete", old.fingerprint, "owner", 1.0)
    once = ("nonce", 5_000_000_000.0)
    assert await store.erase(old.fingerprint, expected=old.md5, burial=burial, act=act, once=once) is True
    assert len(await store.acts(limit=9)) == 1
    assert list(await store.tombstones([old.fingerprint])) == [old.fingerprint]


async def replace(store: PostgresKeyStore) -> None:
    """A certificate, with a one-time value that only this may have used."""
    once = ("nonce", 5_000_000_000.0)
    answer = await store.replace(entry("old", state="2"), expected=entry("old").md5, once=once)
    assert answer is Written.STORED
    assert await store.claim(*once) is False


async def claim(store: PostgresKeyStore) -> None:
    """A one-time value."""
    assert await store.claim("token", 5_000_000_000.0) is True
    assert await store.claim("token", 5_000_000_000.0) is False


async def audit(store: PostgresKeyStore) -> None:
    """A line of the record."""
    await store.audit(Act("note", ANN, "admin", 1.0))
    assert len(await store.acts(limit=9)) == 1


async def unverify(store: PostgresKeyStore) -> None:
    """An address."""
    assert await store.verify_address(fingerprint_of("old"), "a@a.org", 1.0) is True
    assert await store.unverify_address(fingerprint_of("old"), "a@a.org") is True


@pytest.mark.parametrize("early", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("operation", [write, update, erase, replace, claim, audit, unverify])
def test_a_commit_whose_answer_is_lost_is_done_once(
    postgres: PostgresServer, tmp_path: Path, operation: Callable[[PostgresKeyStore], Awaitable[None]], early: bool
) -> None:
    """Whether it was lost before or after the server got it, the caller hears what happened, and it happened once."""

    async def run() -> None:
        cutter = Cutter()
        async with store_behind(postgres, cutter, tmp_path) as store:
            await store.write(entry("old"), expected=None)
            before = len(await store.changes(limit=99))
            cutter.planned = [early, early] if early else [early]
            await operation(store)
            assert cutter.planned == []
            changed = await store.changes(after=before, limit=99)
            assert len({(change.fingerprint, change.before, change.after) for change in changed}) == len(changed)
            statistics = await store.statistics()
            assert statistics.total == len([record async for record in store.iterate()])
            (hour,) = statistics.hourly
            assert hour.inserted + hour.updated + hour.deleted == before + len(changed)

    asyncio.run(run())


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
def test_many_writers_on_two_servers_lose_nothing(postgres: PostgresServer, tmp_path: Path, isolation: str) -> None:
    """Certificates are fought over while connections are cut and ended: each change is there once, in one chain."""

    async def run() -> None:
        cutter = Cutter(anywhere=0.01, at_commit=0.05)
        async with (
            store_behind(postgres, cutter, tmp_path, isolation) as first,
            store_behind(postgres, cutter, tmp_path, isolation) as second,
        ):
            chances = random.Random(2)
            answers: list[tuple[str, str | None, str]] = []

            async def writer(number: int) -> None:
                store = (first, second)[number % 2]
                for step in range(8):
                    name = f"name {chances.randrange(3)}"
                    while True:
                        found = await store.fetch([fingerprint_of(name)])
                        expected = found[0].md5 if found else None
                        given = entry(name, state=f"{number} {step}", words=(f"w{number}", f"s{step}"))
                        if await store.write(given, expected=expected) is Written.STORED:
                            answers.append((given.fingerprint, expected, given.md5))
                            break

            async def administrator() -> None:
                while True:
                    await asyncio.sleep(0.3)
                    await postgres.terminate(await postgres.database(tmp_path))

            ending = asyncio.create_task(administrator())
            await asyncio.gather(*(writer(number) for number in range(10)))
            ending.cancel()
            with suppress(asyncio.CancelledError):
                await ending
            changes = [(change.fingerprint, change.before, change.after) for change in await first.changes(limit=999)]
            assert sorted(changes, key=repr) == sorted(answers, key=repr)
            for fingerprint in {change[0] for change in changes}:
                chain = [change for change in changes if change[0] == fingerprint]
                assert [change[1] for change in chain] == [None, *(change[2] for change in chain[:-1])]
                (record,) = await second.fetch([fingerprint])
                assert record.md5 == chain[-1][2]
            statistics = await second.statistics()
            assert (statistics.total, sum(item.updated for item in statistics.hourly)) == (3, len(answers) - 3)
            assert first.retries + second.retries > 0
            assert cutter.before + cutter.after > 0

    asyncio.run(run())


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
def test_a_burial_and_a_write_at_once_leave_no_certificate(
    postgres: PostgresServer, tmp_path: Path, isolation: str
) -> None:
    """Whichever comes first, what is buried is not stored."""

    async def run() -> None:
        async with store_behind(postgres, Cutter(), tmp_path, isolation) as store:
            for number in range(40):
                given = entry(f"name {number}")
                await asyncio.gather(
                    store.write(given, expected=None),
                    store.erase(given.fingerprint, burial=Burial("asked")),
                    store.write_many([(given, None), (entry(f"other {number}"), None)]),
                )
                assert await store.fetch([given.fingerprint]) == []
            assert await store.count() == 40

    asyncio.run(run())


def test_several_servers_may_start_on_an_empty_database(postgres: PostgresServer, tmp_path: Path) -> None:
    """One makes the tables, the others wait for it."""

    async def run() -> None:
        url = postgres.url(await postgres.database(tmp_path))
        stores = [PostgresKeyStore(url, isolation="serializable") for _ in range(6)]
        await asyncio.gather(*(store.open() for store in stores))
        answers = await asyncio.gather(*(store.write(entry("ann"), expected=None) for store in stores))
        assert answers.count(Written.STORED) == 1
        await asyncio.gather(*(store.close() for store in stores))

    asyncio.run(run())


@pytest.fixture
def durable() -> Iterator[PostgresServer]:
    """A server that may be killed."""
    server = PostgresServer(durable=True)
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.remove()


def test_what_was_acknowledged_survives_a_killed_database(durable: PostgresServer) -> None:
    """The server dies in the midst of writes and comes back: operations go on, and all that was stored is there."""

    async def run() -> None:
        url = durable.url(await durable.database("durable"))
        store = PostgresKeyStore(url, retry_for=120)
        await store.open()
        acknowledged: list[int] = []
        half, killed = asyncio.Event(), asyncio.Event()

        async def writer(start: int) -> None:
            for number in range(start, start + 20):
                if await store.write(entry(f"name {number}"), expected=None) is Written.STORED:
                    acknowledged.append(number)
                if len(acknowledged) == 30:
                    half.set()
                    await killed.wait()

        async def kill() -> None:
            await half.wait()
            await asyncio.to_thread(durable.stop, signal.SIGKILL)
            killed.set()
            await asyncio.to_thread(durable.start)

        await asyncio.gather(kill(), *(writer(start) for start in range(0, 80, 20)))
        assert sorted(acknowledged) == list(range(80))
        assert await store.count() == 80
        assert len(await store.changes(limit=999)) == 80
        await store.close()

    asyncio.run(run())


# --- what the operator is told -----------------------------------------------------------------


def refusal(url: str, password: str | None = None) -> StorageUnavailable:
    """Why this database cannot be opened."""

    async def run() -> None:
        store = PostgresKeyStore(url, password=password, retry_for=0.5)
        try:
            await store.open()
            await store.count()
        finally:
            await store.close()

    with pytest.raises(StorageUnavailable) as caught:
        asyncio.run(run())
    return caught.value


def test_a_database_that_cannot_be_reached_is_named(postgres: PostgresServer) -> None:
    """Without the password, and with a hint: no server, a wrong password, no such database."""
    nobody = refusal("postgresql://ann:secret@127.0.0.1:1/keys")
    assert "postgresql://ann@127.0.0.1:1/keys" in nobody.message
    assert "Is the database server running" in nobody.hint
    wrong = refusal(postgres.url("postgres", tcp=True, password=False), "secret")
    assert "Check user and password" in wrong.hint
    missing = refusal(postgres.url("nothing", tcp=True))
    assert "Make the database first" in missing.hint
    for error in (nobody, wrong, missing):
        assert "secret" not in error.message + error.hint


def test_the_password_may_come_apart_from_the_url(postgres: PostgresServer, tmp_path: Path) -> None:
    """As from `storage.passwordFile`."""

    async def run() -> None:
        name = await postgres.database(tmp_path)
        store = PostgresKeyStore(postgres.url(name, tcp=True, password=False), password=PASSWORD)
        await store.open()
        assert await store.count() == 0
        await store.close()

    asyncio.run(run())


def test_a_database_of_a_newer_version_is_left_alone(postgres: PostgresServer, tmp_path: Path) -> None:
    """An older server does not touch a schema that it does not know."""

    async def prepare() -> str:
        url = postgres.url(await postgres.database(tmp_path))
        store = PostgresKeyStore(url)
        await store.open()
        await store.close()
        connection = await asyncpg.connect(url)
        await connection.execute("INSERT INTO migrations VALUES ('certificates', 99)")
        await connection.close()
        return url

    assert "newer version" in refusal(asyncio.run(prepare())).message


def test_a_user_without_rights_is_told_so(postgres: PostgresServer, tmp_path: Path) -> None:
    """The hint names what is missing, at once and not after the time for trying again."""

    async def prepare() -> str:
        name = await postgres.database(tmp_path)
        connection = await asyncpg.connect(postgres.url("postgres"))
        await connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        await connection.close()
        return f"postgresql://guest:guest@127.0.0.1:{postgres.port}/{name}"

    assert "right to make and use tables" in refusal(asyncio.run(prepare())).hint


def test_a_closed_store_says_so(postgres: PostgresServer, tmp_path: Path) -> None:
    """Reading and writing after closing, or before opening, are errors with words."""

    async def run() -> None:
        store = PostgresKeyStore(postgres.url(await postgres.database(tmp_path)))
        with pytest.raises(StorageUnavailable, match="not open"):
            await store.write(entry("ann"), expected=None)
        await store.open()
        await store.close()
        await store.close()
        with pytest.raises(StorageUnavailable, match="not open"):
            await store.count()

    asyncio.run(run())
