"""Short reads on the loop's own thread, and the pauses that a slow disk brings."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wasmpuck.storage.prompt import PromptReader


class Clock:
    """Time that passes as told, and what a disk has given meanwhile."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.blocks = 0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(tmp_path: Path, clock: Clock) -> Iterator[PromptReader]:
    """On a database with a number in it."""
    path = tmp_path / "some.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE numbers (number)")
        database.execute("INSERT INTO numbers VALUES (7)")
    database.close()
    reader = PromptReader(path, clock=clock, blocks=lambda: clock.blocks)
    reader.open()
    yield reader
    reader.close()


def taking(clock: Clock, seconds: float, blocks: int = 8) -> Callable[[sqlite3.Connection], int]:
    """A read that takes so long, for so many blocks."""

    def work(database: sqlite3.Connection) -> int:
        clock.now += seconds
        clock.blocks += blocks
        found: list[tuple[int]] = database.execute("SELECT number FROM numbers").fetchall()
        return found[0][0]

    return work


def test_short_reads_are_done_at_once(reader: PromptReader, clock: Clock) -> None:
    """However many."""
    assert [reader.read(taking(clock, 0.001)) for _ in range(100)] == [7] * 100


def test_a_slow_read_now_and_then_changes_nothing(reader: PromptReader, clock: Clock) -> None:
    """A disk may stumble."""
    for _ in range(20):
        assert reader.read(taking(clock, 0.1)) == 7
        assert [reader.read(taking(clock, 0.0)) for _ in range(60)] == [7] * 60


def test_a_busy_machine_changes_nothing(reader: PromptReader, clock: Clock) -> None:
    """A read that other processes delayed fetched nothing from a disk: a thread would have had to wait as well."""
    assert reader.read(taking(clock, 0.1)) == 7
    assert [reader.read(taking(clock, 0.1, blocks=0)) for _ in range(100)] == [7] * 100


def test_a_slow_disk_brings_pauses_that_grow(reader: PromptReader, clock: Clock) -> None:
    """Three slow reads bring a second's pause, each slow one after that twice as long a pause, up to a minute."""
    assert [reader.read(taking(clock, 0.1)) for _ in range(4)] == [7, 7, 7, None]
    for pause in (1, 2, 4, 8, 16, 32, 64, 64):
        clock.now += pause - 0.5
        assert reader.read(taking(clock, 0.1)) is None
        clock.now += 0.5
        assert reader.read(taking(clock, 0.1)) == 7
        assert reader.read(taking(clock, 0.1)) is None


def test_a_disk_that_recovers_is_trusted_again(reader: PromptReader, clock: Clock) -> None:
    """After many short reads a pause is a short one again."""
    for _ in range(3):
        reader.read(taking(clock, 0.1))
    clock.now += 1
    assert [reader.read(taking(clock, 0.0)) for _ in range(200)] == [7] * 200
    assert [reader.read(taking(clock, 0.1)) for _ in range(4)] == [7, 7, 7, None]
    clock.now += 1
    assert reader.read(taking(clock, 0.0)) == 7


def test_what_fails_is_left_to_others(reader: PromptReader, clock: Clock, tmp_path: Path) -> None:
    """A failing database, one that is not there, and one that is closed are for readers that say what is wrong."""
    assert reader.read(lambda database: database.execute("SELECT * FROM nothing").fetchall()) is None
    assert reader.read(taking(clock, 0.0)) is None
    absent = PromptReader(tmp_path / "nowhere" / "some.sqlite", clock=clock)
    absent.open()
    assert absent.read(taking(clock, 0.0)) is None
    reader.close()
    reader.close()
    clock.now += 100
    assert reader.read(taking(clock, 0.0)) is None


def test_it_cannot_write(reader: PromptReader) -> None:
    """Whatever it is asked to do."""
    assert reader.read(lambda database: database.execute("DELETE FROM numbers").rowcount) is None
