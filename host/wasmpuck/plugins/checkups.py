"""The rounds in which plugins in service are asked how they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from wasmpuck.plugins.plugin import Plugin

__all__ = ["Checkups"]

_log = logging.getLogger(__name__)


class Checkups:
    """Asks every plugin in service how it is, one after the other.

    Args:
        serving: the generations in service now.
        interval: seconds between two rounds; read before each, 0 for none.
    """

    #: Seconds after which it is looked again whether there is an interval now.
    IDLE: Final = 1.0

    def __init__(self, serving: Callable[[], Iterable[Plugin]], interval: Callable[[], float]) -> None:
        self._serving = serving
        self._interval = interval

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            interval = self._interval()
            await asyncio.sleep(interval or self.IDLE)
            if interval:
                await self.round()

    async def round(self) -> None:
        """Asks each plugin once."""
        for plugin in list(self._serving()):
            try:
                await plugin.examine()
            except Exception:  # a defect of the server must not end the rounds
                _log.exception("plugin %s could not be asked how it is", plugin.name, extra={"plugin": plugin.name})
