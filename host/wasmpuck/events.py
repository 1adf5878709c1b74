"""News inside the server: what happened to keys and plugins, and what plugins publish (WIT `events`)."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

__all__ = ["FORGET", "RESERVED", "Bus", "Event", "Receiver"]

_log = logging.getLogger(__name__)

#: First words of the topics that only the server publishes.
RESERVED: Final = frozenset({"file", "key", "plugin", "server"})

#: A middleware plugin's wish that its kept verdicts be dropped.
FORGET: Final = "verdicts.forget"


class Event(NamedTuple):
    """WIT `event-handler.event`: `source` is the plugin that published it, empty for the server; `at` is in
    milliseconds since 1970.
    """

    topic: str
    source: str
    payload: str
    at: float


Receiver: TypeAlias = Callable[[Event], None]
"""Called on the loop, for every event; must not block. What it raises is only logged."""


class Bus:
    """Hands each event to every receiver, in the order in which they joined, before `publish` returns."""

    def __init__(self, *, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._receivers: dict[object, Receiver] = {}

    def join(self, receiver: Receiver) -> Callable[[], None]:
        """Adds a receiver; the returned function removes it, and may be called again."""
        token = object()
        self._receivers[token] = receiver
        return lambda: (self._receivers.pop(token, None), None)[1]

    def publish(self, topic: str, payload: str = "", *, source: str = "") -> None:
        """Publishes an event; `source` is the plugin that does."""
        if not self._receivers:
            return
        event = Event(topic, source, payload, self._wall() * 1000)
        for receiver in tuple(self._receivers.values()):
            try:
                receiver(event)
            except Exception:
                _log.exception("a receiver of the event %s failed", topic)

    def tell(self, topic: str, **facts: object) -> None:
        """Publishes an event of the server's with these facts as a JSON object."""
        if self._receivers:
            self.publish(topic, json.dumps(facts, separators=(",", ":")))
