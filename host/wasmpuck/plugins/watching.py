"""The watch over the folder of artifacts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from wasmpuck.errors import OperatorError
from wasmpuck.plugins.catalog import Catalog, Mark

__all__ = ["watch"]

_log = logging.getLogger(__name__)


async def watch(
    interval: float,
    catalog: Callable[[], Catalog],
    known: Callable[[], Mapping[str, Mark | None]],
    change: Callable[[dict[str, Path], set[str]], Awaitable[object]],
) -> None:
    """Until cancelled, has files loaded that have changed and then stayed the same for one interval (half-written ones
    have not).

    Args:
        interval: seconds.
        catalog: the folder, which a new configuration may have moved.
        known: marks of what was looked at before; `None` for what has no file.
        change: takes the settled files and the names of these and of those that have gone.
    """
    seen: dict[str, Mark | None] = {}
    while True:
        await asyncio.sleep(interval)
        folder = catalog()
        files = folder.scan()
        if folder.trouble:
            continue  # a folder that cannot be read says nothing about the plugins that came from it
        before = known()
        marks = {name: folder.mark(path) for name, path in files.items()}
        settled = {
            name: path
            for name, path in files.items()
            if marks[name] == seen.get(name) and (name not in before or before[name] != marks[name])
        }
        gone = {name for name, mark in before.items() if mark is not None and name not in files}
        seen = marks
        if settled or gone:
            try:
                await change(settled, {*settled, *gone})
            except OperatorError as error:
                _log.error("the changed plugins were not loaded: %s", error.message)
            except Exception:  # a defect must not end the watch
                _log.exception("the changed plugins were not loaded")
