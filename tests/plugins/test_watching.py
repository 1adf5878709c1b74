"""The watched folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.house import FAILING, House, in_house
from runtime.guests import Guest, run
from wasmpuck.config import parse
from wasmpuck.errors import Refusal
from wasmpuck.plugins import Lifecycle


async def looked_at(condition: Callable[[], object]) -> None:
    """Waits for the watcher."""
    while not condition():  # noqa: ASYNC110 - the watcher sets no event
        await asyncio.sleep(0.005)


def watched(house: House) -> str:
    """The text of a configuration whose folder is watched."""
    return house.text().replace('watchInterval = "0s"', 'watchInterval = "20ms"')


@contextlib.asynccontextmanager
async def watching(house: House, *guests: Guest) -> AsyncIterator[Lifecycle]:
    for guest in guests:
        house.put(guest)
    async with house.open() as lifecycle:
        lifecycle.configuration = parse(watched(house))
        await lifecycle.start()
        yield lifecycle


@in_house
async def test_changed_files_are_noticed(house: House) -> None:
    """A new file is loaded, a changed one swapped, a removed one taken out of service, without being asked."""
    async with watching(house, Guest(name="a")):
        house.put(Guest(name="b"))
        await looked_at(lambda: "b" in house.serving)
        house.put(Guest(name="a", version="1.1.0"))
        await looked_at(lambda: house.serving["a"] == "1.1.0")
        (house.folder / "b.wasm").unlink()
        await looked_at(lambda: "b" not in house.serving)
        assert house["a"].generation == 2


@in_house
async def test_a_bad_file_is_looked_at_once(house: House) -> None:
    """What is refused is not tried again until it changes."""
    async with watching(house, Guest(name="a")) as lifecycle:
        house.put(Guest(name="a", version="1.1.0", results=FAILING.results))
        await looked_at(lambda: lifecycle.refusals[Refusal.SELF_TEST_FAILED])
        await asyncio.sleep(0.2)
        assert lifecycle.refusals[Refusal.SELF_TEST_FAILED] == 1
        assert house.serving == {"a": "1.0.0"}
        house.put(Guest(name="a", version="1.1.1"))
        await looked_at(lambda: house.serving["a"] == "1.1.1")


@in_house
async def test_a_half_written_file_is_not_loaded(house: House) -> None:
    """A file that grows is left alone until it has stayed the same for one interval."""
    data = Guest(name="slow").artifact()
    async with watching(house) as lifecycle:
        path = house.folder / "slow.wasm"
        step = len(data) // 40 + 1
        with path.open("wb") as file:
            for start in range(0, len(data), step):
                file.write(data[start : start + step])
                file.flush()
                os.utime(path, ns=(0, start))  # a file system with a coarse clock would not tell
                await asyncio.sleep(0.005)
        await looked_at(lambda: "slow" in house.serving)
        assert not lifecycle.refusals


@in_house
async def test_the_watch_outlives_a_defect(house: House) -> None:
    """An unexpected error in one round does not end the watching."""
    async with watching(house) as lifecycle:
        broken = True
        change = lifecycle._change

        async def failing(*given: Any, **how: Any) -> Any:
            if broken:
                raise ZeroDivisionError
            return await change(*given, **how)

        lifecycle._change = failing  # type: ignore[method-assign]  # the defect
        house.put(Guest(name="a"))
        await asyncio.sleep(0.1)
        assert house.serving == {}
        broken = False
        await looked_at(lambda: "a" in house.serving)


def test_a_folder_that_goes_away_takes_no_plugin_with_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While the folder cannot be read, which is said once, what serves goes on; when it is back, its changes count."""

    async def main() -> None:
        house = House(tmp_path)
        async with watching(house, Guest(name="a")):
            away = house.folder.with_name("elsewhere")
            house.folder.rename(away)
            await looked_at(lambda: "cannot be read" in caplog.text)
            await asyncio.sleep(0.2)
            assert house.serving == {"a": "1.0.0"}
            assert caplog.text.count("cannot be read") == 1
            away.rename(house.folder)
            house.put(Guest(name="a", version="1.1.0"))
            await looked_at(lambda: house.serving["a"] == "1.1.0")

    run(main())
