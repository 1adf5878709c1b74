from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

from cli.conftest import Command
from postgres import PostgresServer, postgres
from vectors.hockeypuck import SCHEMA, document, insert
from vectors.owner import Owner
from vectors.population import people
from wasmpuck.app import open_keyserver
from wasmpuck.config import load
from wasmpuck.keyserver.hockeypuck import packets_of_document
from wasmpuck.openpgp.ingest import Prepared, prepare
from wasmpuck.openpgp.policy import Policy
from wasmpuck.openpgp.splitter import Piece

__all__ = ["postgres"]

COUNT = 700
CONFIGURATION = '[server]\ndataDir = "data"\n[plugins]\nenabled = false\n'


def prepared() -> list[Prepared]:
    """What is in the source."""
    made = [prepare(Piece(data, 0), Policy()) for data in people(COUNT)]
    return [item for item in made if isinstance(item, Prepared)]


SOURCE = prepared()


@pytest.fixture
def source(postgres: PostgresServer, tmp_path: Path) -> str:
    """The URL of a Hockeypuck database: good rows, one whose key is nobody's, and one that is spoilt."""
    nobody = Owner("nobody")

    async def fill() -> str:
        url = postgres.url(await postgres.database((tmp_path, "hockeypuck")))
        connection = await asyncpg.connect(url)
        await connection.execute(SCHEMA)
        rows = [(each.fingerprint, document(each.data, each.fingerprint, each.md5), each.md5) for each in SOURCE]
        bare = nobody.certificate((13, b"Nobody"))
        rows.append((nobody.fingerprint, document(bare, nobody.fingerprint, "0" * 32), "0" * 32))
        rows.append(("f" * 40, '{"packet": {"tag": 6}}', "1" * 32))
        await insert(connection, rows)
        await connection.close()
        return url

    return asyncio.run(fill())


@pytest.fixture
def configured(wasmpuck: Command) -> Command:
    """The command line with a configuration `w.toml`."""
    (wasmpuck.folder / "w.toml").write_text(CONFIGURATION)
    return wasmpuck


def stored(folder: Path) -> dict[str, bytes]:
    """The certificates in the store."""

    async def run() -> dict[str, bytes]:
        configuration = load(None, {"server.dataDir": str(folder)}, environment={})
        async with open_keyserver(configuration) as keyserver:
            return {record.fingerprint: record.data async for record in keyserver.store.iterate()}

    return asyncio.run(run())


def contents(url: str) -> list[Any]:
    """Everything in the source's table."""

    async def run() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch("SELECT * FROM keys ORDER BY rfingerprint")]
        finally:
            await connection.close()

    return asyncio.run(run())


def test_a_database_is_taken_over(configured: Command, source: str) -> None:
    """Every certificate byte for byte, what is refused with its reason, and nothing in the source is changed."""
    before = contents(source)
    report = configured.folder / "refused.jsonl"
    output = configured.ok("migrate", "hockeypuck", "--config", "w.toml", "--report", str(report), source)
    assert stored(configured.folder / "data") == {each.fingerprint: each.data for each in SOURCE}
    refused = {line["fingerprint"]: line["code"] for line in map(json.loads, report.read_text().splitlines())}
    assert refused == {Owner("nobody").fingerprint: "no-valid-self-signature", "f" * 40: "undecodable-document"}
    assert "undecodable-document" in output
    assert "noted: 1" in output
    assert contents(source) == before
    again = configured.ok("migrate", "hockeypuck", "--config", "w.toml", source)
    assert f"unchanged {COUNT}".split() in [line.split() for line in again.splitlines()]


def test_a_dsn_as_in_hockeypucks_configuration_works(
    configured: Command, source: str, postgres: PostgresServer
) -> None:
    """`name=value` pairs are understood; what is not is an error with advice."""
    database = source.partition("@/")[2].partition("?")[0]
    dsn = f"dbname={database} host={postgres.folder} port={postgres.port} user=wasmpuck"
    configured.ok("migrate", "hockeypuck", "--config", "w.toml", dsn)
    assert len(stored(configured.folder / "data")) == COUNT
    for bad in (
        f"{dsn} verbosity=1",
        "nonsense",
        f"{dsn} port=1",
        f"dbname=postgres host={postgres.folder} port={postgres.port} user=wasmpuck",
    ):
        result = configured("migrate", "hockeypuck", "--config", "w.toml", bad)
        assert result.exit_code == 1
        assert "hint: " in result.stderr


def test_a_folder_of_dumps_is_taken_over(configured: Command) -> None:
    """As `wasmpuck load` does."""
    (configured.folder / "dump").mkdir()
    (configured.folder / "dump" / "hkp-dump-0000.pgp").write_bytes(b"".join(each.data for each in SOURCE))
    configured.ok("migrate", "hockeypuck", "--config", "w.toml", "dump")
    assert len(stored(configured.folder / "data")) == COUNT


def test_packets_may_come_without_their_framing() -> None:
    """A document whose data are bodies alone is read as well."""
    each = SOURCE[0]
    doc = json.loads(document(each.data, each.fingerprint, each.md5))
    assert packets_of_document(doc) == each.data
    spoilt: list[object] = [None, [], {}, {"packet": {"tag": 6, "data": "*"}}, {"packet": {"tag": "6", "data": "AA=="}}]
    for bad in spoilt:
        with pytest.raises(ValueError, match="no document of Hockeypuck's"):
            packets_of_document(bad)
