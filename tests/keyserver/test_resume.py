from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from vectors.population import keyring, people
from wasmpuck.keyserver import Journal, Keyserver, Mark, Refusal, SubmitReport, Workers
from wasmpuck.openpgp import armor
from wasmpuck.storage import SQLiteKeyStore

COUNT = 1_100  # some batches


class Stopped(Exception):
    """Ends a loading between two batches."""


class Bench:
    """A store and a journal that outlive the loadings; `batches` is how many a loading may settle."""

    def __init__(self, folder: Path, workers: Workers) -> None:
        self.folder = folder
        self.workers = workers
        self.journal = folder / "loading"

    def load(self, *paths: Path, batches: int = 1_000, fresh: bool = False, rules: str = "") -> tuple[int, int, int]:
        """Numbers of new and unchanged certificates and of resumed files, also of a loading that is stopped."""
        new = unchanged = settled = 0

        def reported(path: Path, report: SubmitReport, refused: Sequence[Refusal]) -> None:
            nonlocal new, unchanged, settled
            if settled == batches:
                raise Stopped
            settled += 1
            new += len(report.inserted)
            unchanged += len(report.ignored)

        async def run() -> int:
            store = SQLiteKeyStore(self.folder / "keys.sqlite")
            await store.open()
            try:
                journal = Journal(self.journal, rules, fresh=fresh)
                server = Keyserver(store, workers=self.workers)
                try:
                    return (await server.load(paths, journal=journal, reported=reported)).resumed
                except Stopped:
                    return -1
            finally:
                await store.close()

        resumed = asyncio.run(run())
        return new, unchanged, resumed


@pytest.fixture
def bench(tmp_path: Path, workers: Workers) -> Bench:
    """Nothing is stored yet."""
    return Bench(tmp_path, workers)


@pytest.mark.parametrize("form", ["binary", "gz", "armor"])
def test_a_loading_goes_on_behind_the_last_settled_batch(bench: Bench, form: str) -> None:
    """All certificates are there in the end, and only those of the batch at the end are met again."""
    data = keyring(COUNT)
    path = bench.folder / "keys"
    path.write_bytes({"gz": gzip.compress(data), "armor": armor(data).encode()}.get(form, data))
    first, _, _ = bench.load(path, batches=2)
    assert 0 < first < COUNT
    second, unchanged, resumed = bench.load(path)
    assert resumed == 1
    assert unchanged <= 500
    assert first + second + unchanged == COUNT
    assert not list(bench.journal.iterdir())
    assert bench.load(path) == (0, COUNT, 0)


def test_files_that_are_done_are_passed_over_until_all_are(bench: Bench) -> None:
    """A series of files that was ended goes on with the file at hand."""
    files = [bench.folder / f"dump-{number}.pgp" for number in range(3)]
    for number, path in enumerate(files):
        path.write_bytes(keyring(600, first=600 * number))
    bench.load(*files, batches=3)
    new, unchanged, resumed = bench.load(*files)
    assert resumed == 2
    assert new + unchanged <= 800
    assert bench.load(*files, fresh=True) == (0, 1800, 0)


def test_a_changed_file_or_rule_is_loaded_from_the_beginning(bench: Bench) -> None:
    """So is everything with `fresh`, and where the store is not the one that the mark was made for."""
    path = bench.folder / "keys"
    path.write_bytes(keyring(COUNT))

    def stop() -> None:
        bench.load(path, batches=1, fresh=True)

    stop()
    assert bench.load(path, rules="others")[2] == 0
    stop()
    assert bench.load(path, fresh=True)[2] == 0
    stop()
    path.write_bytes(keyring(COUNT + 1))
    assert bench.load(path)[2] == 0
    stop()
    for file in bench.folder.glob("keys.sqlite*"):
        file.unlink()
    assert bench.load(path) == (COUNT + 1, 0, 0)


def test_a_broken_end_is_told_each_time(bench: Bench) -> None:
    """A cut file is never taken for done; of what is whole only the end is met again."""
    path = bench.folder / "keys"
    whole = list(people(700))
    path.write_bytes(b"".join(whole)[:-5])
    assert bench.load(path)[:2] == (699, 0)
    for _ in range(2):
        assert bench.load(path) == (0, 1, 1)


def test_a_journal_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    """A file that a power failure emptied loads everything again; nothing breaks."""

    async def stored(fingerprint: str) -> bool:
        return True

    journal = Journal(tmp_path, "rules")
    journal.note("it", Mark(3, 500, witness="aa"))
    assert asyncio.run(journal.begin("it", stored)) == Mark(3, 500, witness="aa")
    for file in tmp_path.iterdir():
        file.write_bytes(b"\0\0\0")
    assert asyncio.run(journal.begin("it", stored)) == Mark()
