"""`wasmpuck load`: real keyrings into a real store."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cli.conftest import Command
from wasmpuck import demo
from wasmpuck.app import open_keyserver
from wasmpuck.config import load


def stored(folder: Path) -> int:
    """How many certificates the store in a data folder holds."""

    async def count() -> int:
        async with open_keyserver(load(None, {"server.dataDir": str(folder)}, environment={})) as keyserver:
            return await keyserver.store.count()

    return asyncio.run(count())


def rows(output: str) -> dict[str, str]:
    """The first words of a report's lines, with the last."""
    return {line.split()[0]: line.split()[-1] for line in output.splitlines() if line.split()}


@pytest.fixture
def configured(wasmpuck: Command) -> Command:
    """The command line with a configuration `w.toml`."""
    (wasmpuck.folder / "w.toml").write_text('[server]\ndataDir = "data"\n')
    return wasmpuck


def test_a_keyring_is_loaded_and_reported(configured: Command) -> None:
    """The demonstration certificates are all taken once; loading them again changes nothing."""
    first = rows(configured.ok("load", "--config", "w.toml", str(demo.CERTIFICATES)))
    assert (first["new"], first["unchanged"], first["refused"]) == ("12", "0", "0")
    again = rows(configured.ok("load", "--config", "w.toml", str(demo.CERTIFICATES)))
    assert (again["new"], again["unchanged"]) == ("0", "12")
    assert stored(configured.folder / "data") == 12


def test_refused_certificates_are_reported_by_reason(configured: Command) -> None:
    """What policy refuses is counted with its code, its sentence and fingerprints; the run succeeds."""
    (configured.folder / "w.toml").write_text('[server]\ndataDir = "data"\n[openpgp]\nmaxCertificateBytes = 1024\n')
    output = configured.ok("load", "--config", "w.toml", str(demo.CERTIFICATES))
    (line,) = [line for line in output.splitlines() if "too-large" in line]
    refused = int(line.split()[1])
    assert 0 < refused < 12
    assert "It is larger than this server takes." in line
    assert f", and {refused - 3} more" in line
    assert stored(configured.folder / "data") == 12 - refused


def test_files_that_cannot_be_read_are_named_after_the_report(configured: Command) -> None:
    """A missing file and one that is no keyring end with exit code 1; the good file between them is loaded."""
    (configured.folder / "text.asc").write_text("-----BEGIN PGP PUBLIC KEY BLOCK-----\nnot a keyring\n")
    files = ["absent.asc", str(demo.CERTIFICATES), "text.asc"]
    result = configured("load", "--config", "w.toml", *files)
    assert result.exit_code == 1
    assert rows(result.stdout)["new"] == "12"
    assert "2 files could not be read to the end" in result.stderr
    assert "absent.asc cannot be read" in result.stderr
    assert "  text.asc: " in result.stderr
    assert "hint: " in result.stderr
    assert stored(configured.folder / "data") == 12


def test_a_data_folder_that_cannot_be_made_is_an_error(configured: Command) -> None:
    """A data folder whose place is taken by a file ends with a message."""
    (configured.folder / "data").write_text("a file")
    result = configured("load", "--config", "w.toml", str(demo.CERTIFICATES))
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("wasmpuck: ")
