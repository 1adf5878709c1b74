"""News: publishing (import `events`) and listening (export `event-handler`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from . import _registry, _seam
from .errors import HostError

__all__ = ["Event", "EventsError", "on", "publish", "subscribe", "unsubscribe"]


class EventsError(HostError):
    """Why an event was not published, or a pattern not taken."""

    BadTopic: ClassVar[type[EventsError]]
    Reserved: ClassVar[type[EventsError]]
    TooLarge: ClassVar[type[EventsError]]
    RateLimited: ClassVar[type[EventsError]]
    TooMany: ClassVar[type[EventsError]]
    Other: ClassVar[type[EventsError]]

    cases: ClassVar = {
        "bad-topic": "A topic is words of a to z, 0 to 9 and -, joined by dots; a pattern may have * besides.",
        "reserved": "Topics under file., key., plugin. and server. are the server's.",
        "too-large": "The payload is longer than granted.",
        "rate-limited": "More events a second than granted.",
        "too-many": "As many patterns as granted exist already.",
        "other": "The event or pattern was not taken.",
    }


@dataclass(frozen=True)
class Event:
    """What happened: `source` is the plugin that published it, empty for the server."""

    topic: str
    source: str
    payload: str
    at: datetime

    def json(self) -> Any:
        """The payload as a value. Raises `ValueError` for what is no JSON."""
        return json.loads(self.payload)


_F = TypeVar("_F", bound=Callable[[Event], None])


def on(pattern: str) -> Callable[[_F], _F]:
    """Decorates a function that gets the events whose topic fits (`*` stands for any text). The subscription is made
    when the plugin goes into service.
    """

    def register(function: _F) -> _F:
        _registry.current().events.append((pattern, function))
        return function

    return register


def publish(topic: str, payload: str | dict[str, Any] | list[Any] = "") -> None:
    """Publishes an event; a payload that is no text is sent as JSON."""
    text = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))
    _seam.call(EventsError, "events.publish", topic, text)


def subscribe(pattern: str) -> None:
    """Asks for more events while in service; a function decorated with `on` that fits gets them."""
    _seam.call(EventsError, "events.subscribe", pattern)


def unsubscribe(pattern: str) -> bool:
    """Ends a subscription; false when there was none."""
    return bool(_seam.call(EventsError, "events.unsubscribe", pattern))
