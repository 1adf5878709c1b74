"""What a middleware plugin can say about a request (WIT `middleware.verdict`), checked and in the host's terms.

What a plugin says fits its type and may make no sense all the same: a status that HTTP does not have, a drip of
nothing. `judgement_of` finds that out once, so that whoever acts on a judgement need not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from wasmpuck.config import PluginLimits

__all__ = ["Challenge", "Delay", "Drip", "Header", "Judgement", "Response", "clean", "judgement_of", "problem_of"]

Header = tuple[str, str]

#: Headers that only the server sets; what a plugin says about them is dropped.
_RESERVED: Final = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "te", "trailer", "transfer-encoding", "upgrade"}
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_VALUE_BYTES: Final = 4096
_MOST_HEADERS: Final = 32
_TEXT: Final = 500
_HARDEST: Final = 24
_LONGEST_SOLUTION: Final = 86_400.0
_FASTEST: Final = 65_536


class Response(NamedTuple):
    """An answer that a plugin gave instead of the server."""

    status: int
    headers: Sequence[Header]
    body: str
    plugin: str


class Delay(NamedTuple):
    """Go on after so many seconds; these headers are added to the answer. `room`: how many may wait so at a time."""

    seconds: float
    headers: Sequence[Header]
    plugin: str
    room: int


class Drip(NamedTuple):
    """An answer of `seconds` at `rate` bytes a second. `most` and `each`: how many there may be, in all and for one
    client.
    """

    status: int
    headers: Sequence[Header]
    body: bytes
    rate: int
    seconds: float
    plugin: str
    most: int
    each: int


class Challenge(NamedTuple):
    """Go on only with the solution of a riddle of so many bits, which is good for so many seconds."""

    bits: int
    seconds: float
    text: str
    plugin: str


#: What follows from a verdict; a sequence of headers means: go on and add them to the answer.
Judgement: TypeAlias = Response | Drip | Delay | Challenge | Sequence[Header]


@lru_cache(maxsize=1024)
def _settable(name: str) -> str:
    """A header's name in lower case if a plugin may set it, else nothing."""
    lowered = name.lower()
    return lowered if _TOKEN.match(lowered) and lowered not in _RESERVED else ""


def clean(headers: Sequence[Header]) -> list[Header]:
    """What of a plugin's headers may go to a client: valid ones (RFC 9110 §5.5), and none that the server sets."""
    return [
        (settable, value)
        for name, value in headers[:_MOST_HEADERS]
        if (settable := _settable(name)) and len(value) <= _VALUE_BYTES and not _CONTROL.search(value)
    ]


def problem_of(status: int) -> str:
    """Why an answer cannot have this status; empty if it can."""
    return "" if 200 <= status <= 599 else f"the answer's status is {status}, not 200 to 599"


def judgement_of(verdict: Any, plugin: str, limits: PluginLimits) -> Judgement | str:
    """What follows from a verdict within the plugin's limits; text when it makes no sense, which says why."""
    said = verdict.value
    match verdict.tag:
        case "next":
            return clean(said) if said else ()
        case "respond":
            return problem_of(said.status) or Response(said.status, clean(said.headers), said.body, plugin)
        case "delay":
            seconds = min(said.milliseconds / 1000, limits.longest_delay)
            return Delay(seconds, clean(said.headers), plugin, limits.delays)
        case "drip":
            return problem_of(said.status) or _drip(said, plugin, limits)
        case _:
            return _challenge(said, plugin)


def _drip(said: Any, plugin: str, limits: PluginLimits) -> Drip | str:
    if not said.body or not said.rate:
        return "a drip needs a body and a rate of at least 1"
    return Drip(
        said.status,
        clean(said.headers),
        said.body.encode(),
        min(said.rate, _FASTEST),
        min(said.milliseconds / 1000, limits.longest_drip),
        plugin,
        limits.drips,
        limits.drips_per_client,
    )


def _challenge(said: Any, plugin: str) -> Challenge | str:
    if not 1 <= said.bits <= _HARDEST:
        return f"a riddle has 1 to {_HARDEST} bits, not {said.bits}"
    if not said.valid:
        return "the solution of a riddle must be good for some time"
    text = " ".join(_CONTROL.sub(" ", said.text[:_TEXT]).split())
    return Challenge(said.bits, min(said.valid / 1000, _LONGEST_SOLUTION), text, plugin)
