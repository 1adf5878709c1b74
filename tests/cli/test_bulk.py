"""`wasmpuck dump`, `verify` and `reindex`, and what long commands say meanwhile."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Command
from wasmpuck import demo
from wasmpuck.cli.progress import Meter
from wasmpuck.cli.refusals import ReportFile
from wasmpuck.keyserver import Refusal
from wasmpuck.openpgp.splitter import pieces_of_packets

OPTIONS = ("--config", "w.toml")


@pytest.fixture
def loaded(wasmpuck: Command) -> Command:
    """The command line with a configuration `w.toml` and the demonstration certificates in the store."""
    (wasmpuck.folder / "w.toml").write_text('[server]\ndataDir = "data"\n[plugins]\nenabled = false\n')
    wasmpuck.ok("load", *OPTIONS, str(demo.CERTIFICATES))
    return wasmpuck


def damage(folder: Path, statement: str) -> None:
    """Changes the database behind the store's back."""
    with sqlite3.connect(folder / "data" / "keys.sqlite") as database:
        database.execute(statement)
    database.close()


def test_a_dump_says_how_many_and_where(loaded: Command) -> None:
    """Files with their list; a time of the last change in the future selects none of them."""
    assert "12 certificates in 3 files" in loaded.ok("dump", *OPTIONS, "--count", "5", "out")
    listed = json.loads((loaded.folder / "out" / "dump.json").read_text())
    data = b"".join((loaded.folder / "out" / file["name"]).read_bytes() for file in listed["files"])
    assert len(list(pieces_of_packets([data], 1 << 20))) == 12
    assert "0 certificates in 0 files" in loaded.ok("dump", *OPTIONS, "--since", "2190-01-01", "none")
    assert "12 certificates in 1 files" in loaded.ok("dump", *OPTIONS, "--until", "2190-01-01T12:00:00", "all")


def test_verify_tells_what_it_finds_by_its_exit_code(loaded: Command) -> None:
    """0 for a store that is whole or was repaired, 1 with each finding and what to do otherwise."""
    loaded.ok("verify", *OPTIONS)
    damage(loaded.folder, "UPDATE totals SET value = 3 WHERE name = 'certificates'")
    damage(loaded.folder, "UPDATE certificates SET md5 = zeroblob(16) WHERE id = 1")
    result = loaded("verify", *OPTIONS, "--report", "found.jsonl")
    assert result.exit_code == 1
    assert "2 findings are left" in result.stderr
    assert "--repair" in result.stderr
    found = [json.loads(line) for line in (loaded.folder / "found.jsonl").read_text().splitlines()]
    assert [line["defect"] for line in found] == ["digest", "counter"]
    assert found[0]["fingerprint"] in result.stdout
    repaired = loaded.ok("verify", *OPTIONS, "--repair")
    assert repaired.count("(repaired)") == 2
    assert "found" not in loaded.ok("verify", *OPTIONS)


def test_reindex_says_how_many_it_wrote(loaded: Command) -> None:
    """What is right is not written, and nothing is left of the journal."""
    damage(loaded.folder, "UPDATE certificates SET keys = x'00' WHERE id <= 4")
    lines = [line.split() for line in loaded.ok("reindex", *OPTIONS).splitlines()]
    assert ["written", "anew", "4"] in lines
    assert not list((loaded.folder / "data" / "loading").iterdir())
    damage(loaded.folder, "UPDATE certificates SET data = x'55' WHERE id = 1")
    result = loaded("reindex", *OPTIONS)
    assert result.exit_code == 1
    assert "wasmpuck verify" in result.stderr


@pytest.fixture
def clock() -> Callable[[], float]:
    """Seconds; four more at each look."""
    times = iter(range(0, 10_000, 4))
    return lambda: float(next(times))


def test_a_line_now_and_then_off_a_terminal(capsys: pytest.CaptureFixture[str], clock: Callable[[], float]) -> None:
    """At most one in ten seconds, with the rate, the part that is done and the time that is left."""
    with Meter("loading", 3_000_000, in_bytes=True, clock=clock) as meter:
        for step in range(1, 8):
            meter.show(step * 1_000, step * 400)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "loading: 1,200 certificates, 100/s, 0 %, 3 h 19 min left",
        "loading: 2,400 certificates, 100/s, 0 %, 3 h 19 min left",
    ]


def test_nothing_is_promised_where_the_total_is_not_known(
    capsys: pytest.CaptureFixture[str], clock: Callable[[], float]
) -> None:
    """A stream has no remaining time."""
    with Meter("loading", 0, in_bytes=True, clock=clock) as meter:
        for _ in range(3):
            meter.show(500, 1_200)
    assert capsys.readouterr().err == "loading: 1,200 certificates, 100/s\n"


@pytest.mark.parametrize("name", ["report.jsonl", "report.csv"])
def test_a_report_goes_on_where_the_loading_does(tmp_path: Path, name: str) -> None:
    """Lines of an earlier part stay when it is resumed, and a new loading begins a new report."""
    path = tmp_path / name
    refusal = Refusal(7, "ab", 4, "code", "It is, so to say, refused.")

    def write(*, resumed: bool) -> list[str]:
        with ReportFile(path) as report:
            report.begin(resumed=resumed)
            report.add("source", [refusal])
        return path.read_text().splitlines()

    heading = 1 if name.endswith("csv") else 0
    assert len(write(resumed=False)) == heading + 1
    assert len(write(resumed=True)) == heading + 2
    assert len(write(resumed=False)) == heading + 1
    assert "It is, so to say, refused." in path.read_text()
