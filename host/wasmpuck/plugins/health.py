"""How plugins say they are: the answers to WIT `lifecycle.health`, asked before service and every now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from wasmpuck.plugins.plugin import Plugin

__all__ = ["UNKNOWN", "WORDS", "Checkups", "Condition", "condition_of"]

_log = logging.getLogger(__name__)

#: Characters of a plugin's words that are kept.
_LONGEST: Final = 500

WORDS: Final = ("healthy", "degraded", "failing", "unknown")
"""What a condition can be: the cases of WIT `lifecycle.condition`, and that the plugin did not say."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One of `WORDS`, and why, in the plugin's words; empty when all is well or nothing is known."""

    word: str
    why: str = ""

    @property
    def well(self) -> bool:
        """Whether there is nothing to say about it."""
        return self.word in ("healthy", "unknown")

    @property
    def failing(self) -> bool:
        """Whether the plugin says that it does not work."""
        return self.word == "failing"

    def __str__(self) -> str:
        return f"{self.word}: {self.why}" if self.why else self.word


UNKNOWN: Final = Condition("unknown")
"""Not asked yet, out of use, or it did not answer."""


def condition_of(value: Any) -> Condition:
    """The condition that a plugin answered: a `Case` of WIT `lifecycle.condition`."""
    why = " ".join(str(value.value or "")[:_LONGEST].split())
    return Condition(value.tag, why)


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
