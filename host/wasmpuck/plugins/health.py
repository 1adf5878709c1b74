"""How plugins say they are: the answers to WIT `lifecycle.health`, asked before service and every now and then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

__all__ = ["UNKNOWN", "WORDS", "Condition", "condition_of"]

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
