"""From a Hockeypuck with its database to a Wasmpuck, by the commands that `config import` names."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Iterator

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

from cli.conftest import Command
from postgres import PASSWORD, USER, PostgresServer, postgres
from vectors.hockeypuck import SCHEMA, document, insert
from vectors.population import people
from wasmpuck.openpgp.ingest import Prepared, prepare
from wasmpuck.openpgp.policy import Policy
from wasmpuck.openpgp.splitter import Piece

__all__ = ["postgres"]

COUNT = 40
NEW = "wasmpuck"
"""The name that the import gives the new database."""


@pytest.fixture
def conf(wasmpuck: Command, postgres: PostgresServer) -> Iterator[str]:
    """A Hockeypuck's configuration over TCP with a password, its database filled; the new database is dropped after."""
    made = [prepare(Piece(data, 0), Policy()) for data in people(COUNT)]

    async def fill() -> str:
        name = await postgres.database((wasmpuck.folder, "hockeypuck"))
        connection = await asyncpg.connect(postgres.url(name))
        await connection.execute(SCHEMA)
        good = [each for each in made if isinstance(each, Prepared)]
        await insert(connection, [(e.fingerprint, document(e.data, e.fingerprint, e.md5), e.md5) for e in good])
        await connection.close()
        return name

    database = asyncio.run(fill())
    dsn = f"database={database} host=127.0.0.1 port={postgres.port} user={USER} password='{{{{ .PASSWORD }}}}'"
    lines = ("[hockeypuck]", 'hostname = "keys.example.org"', "[hockeypuck.openpgp.db]", f'dsn = "{dsn}"', "")
    (wasmpuck.folder / "hockeypuck.conf").write_text("\n".join(lines))
    (wasmpuck.folder / ".env").write_text(f"PASSWORD={PASSWORD}\n")
    yield "hockeypuck.conf"
    asyncio.run(_execute(postgres, f"DROP DATABASE IF EXISTS {NEW} WITH (FORCE)"))


async def _execute(postgres: PostgresServer, statement: str) -> None:
    connection = await asyncpg.connect(postgres.url("postgres"))
    await connection.execute(statement)
    await connection.close()


def test_the_steps_that_the_import_names_lead_to_a_server_with_all_certificates(
    wasmpuck: Command, conf: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Import, check, make the database, migrate: the new database has every certificate of the old one."""
    said = json.loads(wasmpuck.ok("config", "import", conf, "--env-file", ".env", "--json"))
    assert PASSWORD not in json.dumps(said)
    check, create, migrate, _ = said["next"]
    assert "no mistakes" in wasmpuck.ok(*shlex.split(check.partition(": wasmpuck ")[2]))
    statement = create.partition(", or ")[2].rstrip(";")
    assert statement == f"CREATE DATABASE {NEW}"
    asyncio.run(_execute(postgres, statement))
    variable, _, command = migrate.partition(": ")[2].partition("… wasmpuck ")
    assert variable == "PGPASSWORD="
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    output = wasmpuck.ok(*shlex.split(command))
    assert f"new {COUNT}".split() in [line.split() for line in output.splitlines()]
    monkeypatch.delenv("PGPASSWORD")
    dumped = wasmpuck("dump", "--config", "wasmpuck.toml", "dumped")
    assert dumped.exit_code == 0, dumped.output
    assert f"{COUNT} certificates" in dumped.output
