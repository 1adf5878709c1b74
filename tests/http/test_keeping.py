"""Look-ups that are answered from memory as long as nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from vectors.owner import Owner, subpacket
from wasmpuck.config import HTTPSettings
from wasmpuck.errors import NotFound
from wasmpuck.http.hkp import HKP
from wasmpuck.keyserver import Keyserver
from wasmpuck.metrics import Metrics
from wasmpuck.storage import SQLiteKeyStore

ANN = Owner("ann")
ADDRESS = "ann@example.org"
FIRST = ANN.certificate(ANN.user_id(f"Ann <{ADDRESS}>"))
SECOND = ANN.certificate(ANN.user_id(f"Ann <{ADDRESS}>"), ANN.user_id("Ann <ann@example.net>"))
GET, LISTING = f"op=get&search=0x{ANN.fingerprint}", f"op=index&options=mr&search={ADDRESS}"


class Asked(Keyserver):
    """Counts what is looked for."""

    count = 0

    async def page(self, *args: object, **options: object) -> object:  # type: ignore[override]
        self.count += 1
        return await super().page(*args, **options)  # type: ignore[arg-type]


Ask = Callable[..., Awaitable[web.Response]]


def with_keyserver(folder: Path, body: Callable[[Asked, Ask], Awaitable[None]]) -> None:
    """Runs a body on a keyserver that has the first certificate."""

    async def run() -> None:
        store = SQLiteKeyStore(folder / "keys.sqlite")
        await store.open()
        keyserver = Asked(store)
        hkp = HKP(keyserver, HTTPSettings(), Metrics(process=False), None)

        async def ask(query: str, **headers: str) -> web.Response:
            fields = {name.replace("_", "-"): value for name, value in headers.items()}
            return await hkp.lookup(make_mocked_request("GET", f"/pks/lookup?{query}", headers=fields))

        try:
            await keyserver.submit(FIRST)
            await body(keyserver, ask)
        finally:
            await keyserver.close()
            await store.close()

    asyncio.run(run())


@pytest.mark.parametrize("query", [GET, LISTING, f"op=index&options=json&search={ADDRESS}", f"{GET}&options=bin"])
def test_the_same_question_is_looked_up_once(query: str, tmp_path: Path) -> None:
    """With the same body and header fields, and 304 for who has them; any write ends that."""

    async def body(keyserver: Asked, ask: Ask) -> None:
        first, again = await ask(query), await ask(query)
        assert keyserver.count == 1
        assert (again.status, again.body) == (200, first.body)
        assert dict(again.headers) == dict(first.headers)
        known = await ask(query, If_None_Match=first.headers["ETag"])
        assert (known.status, known.body, keyserver.count) == (304, None, 1)
        assert known.headers["ETag"] == first.headers["ETag"]
        assert "Content-Type" not in known.headers
        await keyserver.submit(SECOND)
        other = await ask(query)
        assert keyserver.count == 2
        assert other.body != first.body
        assert other.headers["ETag"] != first.headers["ETag"]

    with_keyserver(tmp_path, body)


def test_what_was_erased_is_not_found(tmp_path: Path) -> None:
    """Not even a moment later."""

    async def body(keyserver: Asked, ask: Ask) -> None:
        assert (await ask(GET)).status == (await ask(LISTING)).status == 200
        assert await keyserver.store.erase(ANN.fingerprint)
        for query in (GET, LISTING):
            with pytest.raises(NotFound):
                await ask(query)

    with_keyserver(tmp_path, body)


def test_questions_are_told_apart_as_they_were_sent(tmp_path: Path) -> None:
    """Escaped delimiters are part of what is searched for."""

    async def body(keyserver: Asked, ask: Ask) -> None:
        assert (await ask(f"{LISTING}&x=1")).status == 200
        with pytest.raises(NotFound):
            await ask(f"{LISTING}%26x=1")

    with_keyserver(tmp_path, body)


def test_what_depends_on_the_client_is_not_kept(tmp_path: Path) -> None:
    """Without an option the form of a listing is the client's choice."""

    async def body(keyserver: Asked, ask: Ask) -> None:
        query = f"op=index&search={ADDRESS}"
        assert (await ask(query, Accept="application/json")).content_type == "application/json"
        assert (await ask(query, Accept="text/html")).content_type == "text/html"
        assert (await ask(query, Accept="application/json")).content_type == "application/json"

    with_keyserver(tmp_path, body)


def test_a_listing_is_kept_until_a_part_of_it_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it says so."""
    dora = Owner("dora")
    limited = dora.certificate(dora.user_id("Dora <dora@example.org>", hashed=subpacket(9, (10**9).to_bytes(4, "big"))))

    async def body(keyserver: Asked, ask: Ask) -> None:
        await keyserver.submit(limited)
        query = "op=index&options=mr&search=dora@example.org"
        (record,) = await keyserver.find("dora@example.org")
        end = record.summary["user_ids"][0]["expires"]
        bodies = []
        for now in (end - 1, end - 1, end, end + 1):
            monkeypatch.setattr("wasmpuck.http.hkp.time", lambda now=now: now)
            bodies.append((await ask(query)).body)
        assert bodies[0] == bodies[1] != bodies[2] == bodies[3]
        assert keyserver.count == 3

    with_keyserver(tmp_path, body)
