"""`files`: ranges of the operator's data files, by name, with quotas, and what is said when one is replaced."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.capabilities.stand import Surroundings
from wasmpuck.events import Event
from wasmpuck.runtime.capabilities import files as module
from wasmpuck.runtime.capabilities.files import Files
from wasmpuck.runtime.values import Case, Err, Ok

RATE = Case("rate-limited")


class Stand(Surroundings):
    """One data file, `data`."""

    def __init__(self, folder: Path, content: bytes = b"0123456789") -> None:
        super().__init__()
        self.path = folder / "data.bin"
        self.path.write_bytes(content)

    def files(self, **limits: Any) -> Files:
        context = self.context(**limits)
        context.files = (("data", self.path), ("gone", self.path.with_name("gone")), ("folder", self.path.parent))
        return Files(context)

    def open(self, **limits: Any) -> Any:
        answer = self.files(**limits).open("data")
        assert isinstance(answer, Ok)
        return answer.value


def test_files_are_named_and_described(tmp_path: Path) -> None:
    """Names in order; an open file knows its size and when it was written."""
    stand = Stand(tmp_path)
    os.utime(stand.path, (1_700_000_000, 1_700_000_000))
    file = stand.open()
    assert stand.files().names() == ["data", "folder", "gone"]
    assert (file.size(), file.modified(), file.replaced()) == (10.0, 1_700_000_000_000.0, False)
    file.close()


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 400))
def test_files_are_read_in_ranges(content: bytes, offset: int, length: int) -> None:
    """A range is the slice of the bytes, shorter at the end and empty behind it; text is the same decoded."""
    with tempfile.TemporaryDirectory() as folder:
        file = Stand(Path(folder), content).open()
        wanted = content[offset : offset + length]
        assert file.read(float(offset), length) == Case("data", wanted)
        assert file.read_text(float(offset), length) == Case("data", wanted.decode("utf-8", "replace"))
        file.close()


def test_files_are_read_in_bounded_pieces(tmp_path: Path) -> None:
    """However much is asked for, bytes come by 64 KiB and text by 1 MiB at most."""
    file = Stand(tmp_path, b"a" * 2_000_000).open()
    assert len(file.read(0.0, 2**32 - 1).value) == 65_536
    assert len(file.read_text(0.0, 2**32 - 1).value) == 1_048_576
    file.close()


@pytest.mark.parametrize("offset", [-1.0, 0.5, float("nan"), float("inf")])
def test_files_take_no_offset_that_is_no_place(tmp_path: Path, offset: float) -> None:
    """Negative, broken and endless offsets are errors and read nothing."""
    file = Stand(tmp_path).open()
    assert file.read(offset, 1) == Case("failed", Case("other", "an offset is a whole number, 0 or more"))
    file.close()


def test_files_that_are_not_named_or_not_there_cannot_be_opened(tmp_path: Path) -> None:
    """An unknown name, also a path, is no-such-file; a missing file or a folder is unreadable."""
    files = Stand(tmp_path).files()
    assert files.open("data.bin") == Err(Case("no-such-file"))
    assert files.open("../data.bin") == Err(Case("no-such-file"))
    assert files.open("gone") == Err(Case("unreadable", "No such file or directory"))
    assert files.open("folder") == Err(Case("unreadable", "not a regular file"))


def test_files_that_are_replaced_go_on_giving_the_old_bytes(tmp_path: Path) -> None:
    """Renamed over, an open file keeps its bytes and says so; a new opening gives the new ones."""
    stand = Stand(tmp_path)
    files = stand.files()
    first = files.open("data").value
    fresh = tmp_path / "fresh"
    fresh.write_bytes(b"new")
    fresh.replace(stand.path)
    assert first.replaced() is True
    assert first.read(0.0, 100) == Case("data", b"0123456789")
    second = files.open("data").value
    assert second.read(0.0, 100) == Case("data", b"new")
    first.close()
    second.close()


@pytest.mark.covers("files.error.changed")
def test_files_that_are_changed_in_place_say_that_they_were(tmp_path: Path) -> None:
    """Bytes of two states are never mixed: reading ends as changed."""
    stand = Stand(tmp_path)
    file = stand.open()
    with stand.path.open("ab") as other:
        other.write(b"more")
    assert file.read(0.0, 4) == Case("failed", Case("changed"))
    file.close()


def test_files_quota_of_bytes(tmp_path: Path) -> None:
    """More bytes a second than granted are rate-limited, until time has passed."""
    stand = Stand(tmp_path, b"x" * 1_000)
    file = stand.open(file_rate=10)
    assert file.read(0.0, 100).tag == "data"
    assert file.read(0.0, 100) == Case("failed", RATE)
    stand.now += 10
    assert file.read(0.0, 100).tag == "data"
    file.close()


@pytest.mark.covers("files.quota.fixed")
def test_files_quota_of_open_ones(tmp_path: Path) -> None:
    """Sixteen are open for each instance at most; a closed one makes room, once."""
    files = Stand(tmp_path).files(instances=1)
    opened = [files.open("data").value for _ in range(16)]
    assert files.open("data") == Err(RATE)
    opened[0].close()
    opened[0].close()
    again = files.open("data")
    assert isinstance(again, Ok)
    assert files.open("data") == Err(RATE)
    for file in (*opened, again.value):
        file.close()


def test_files_that_are_replaced_are_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a generation is in service, each replacement is told once, with plugin and name."""
    monkeypatch.setattr(module, "_INTERVAL", 0.005)
    stand = Stand(tmp_path)
    heard: list[Event] = []

    async def run() -> None:
        news = asyncio.Event()

        def hear(event: Event) -> None:
            heard.append(event)
            news.set()

        stand.bus.join(hear)
        files = stand.files()
        files.arm()
        await asyncio.sleep(0.05)
        assert heard == []
        fresh = tmp_path / "fresh"
        fresh.write_bytes(b"new")
        fresh.replace(stand.path)
        async with asyncio.timeout(10):
            await news.wait()
        files.close()
        await asyncio.sleep(0.02)

    asyncio.run(run())
    assert [event.topic for event in heard] == ["file.replaced"]
    assert json.loads(heard[0].payload) == {"plugin": "probe", "name": "data"}
