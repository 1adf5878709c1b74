"""Other plugins, simulated: `messaging` goes through the host's quotas and then to a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["Message", "Neighbour", "Neighbours"]

_SERVICE: Final = "service:"
_WITH_WORDS: Final = frozenset({"refused", "failed", "other"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A plugin beside the one that is tried.

    name: under which it is asked.
    services: kinds that it offers.
    answers: payloads by topic.
    errors: by topic, a case of WIT `messaging.error` that is answered instead, such as `timed-out`.
    """

    name: str
    services: tuple[str, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Neighbour:
        """From an object with the same names."""
        return cls(**{**given, "services": tuple(given.get("services", ()))})


class Message(NamedTuple):
    """What a plugin asked."""

    peer: str
    topic: str
    payload: str


class Neighbours:
    """The plugins of a table (`Exchange`). `asked` is what was asked of them."""

    def __init__(self, table: tuple[Neighbour, ...]) -> None:
        self._table = {one.name: one for one in table}
        self.asked: list[Message] = []

    async def ask(self, caller: str, peers: frozenset[str], peer: str, topic: str, payload: str) -> Ok | Err:
        """WIT `messaging.call`."""
        if peer.startswith(_SERVICE):
            peer = next(iter(self.find(caller, peers, peer.removeprefix(_SERVICE))), "")
        elif peer not in peers:
            return Err(Case("not-allowed"))
        found = self._table.get(peer)
        if found is None:
            return Err(Case("no-such-peer"))
        self.asked.append(Message(peer, topic, payload))
        error = found.errors.get(topic)
        if error is not None:
            return Err(Case(error, "as the table of neighbours says") if error in _WITH_WORDS else Case(error))
        return Ok(found.answers[topic]) if topic in found.answers else Err(Case("unknown-topic"))

    def find(self, caller: str, peers: frozenset[str], kind: str) -> list[str]:
        """WIT `messaging.find`."""
        return [name for name, one in self._table.items() if name in peers and kind in one.services]
