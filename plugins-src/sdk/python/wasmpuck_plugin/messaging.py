"""Asking other plugins, by name or by what they offer (import `messaging`)."""

from __future__ import annotations

from typing import ClassVar

from . import _seam
from .errors import HostError

__all__ = ["MessagingError", "call", "find"]


class MessagingError(HostError):
    """Why there is no answer."""

    NoSuchPeer: ClassVar[type[MessagingError]]
    NotAllowed: ClassVar[type[MessagingError]]
    Cycle: ClassVar[type[MessagingError]]
    TooLarge: ClassVar[type[MessagingError]]
    RateLimited: ClassVar[type[MessagingError]]
    TimedOut: ClassVar[type[MessagingError]]
    UnknownTopic: ClassVar[type[MessagingError]]
    Refused: ClassVar[type[MessagingError]]
    Failed: ClassVar[type[MessagingError]]
    Other: ClassVar[type[MessagingError]]

    cases: ClassVar = {
        "no-such-peer": "No plugin of this name is in service, or none offers such a service.",
        "not-allowed": "The operator has not named it among the plugin's peers.",
        "cycle": "The peer waits for this plugin, directly or through others.",
        "too-large": "The payload or the reply is longer than granted.",
        "rate-limited": "More calls a second than granted.",
        "timed-out": "The plugin's time is over.",
        "unknown-topic": "The peer does not know the topic.",
        "refused": "The peer says no.",
        "failed": "The peer broke down.",
        "other": "There is no answer.",
    }


def call(peer: str, topic: str, payload: str = "") -> str:
    """Asks a plugin, by name or as `service:KIND`, and waits for its reply."""
    found: str = _seam.call(MessagingError, "messaging.call", peer, topic, payload)
    return found


def find(kind: str) -> list[str]:
    """Names of the plugins in service that offer a kind of service and may be asked."""
    return list(_seam.call(MessagingError, "messaging.find", kind))
