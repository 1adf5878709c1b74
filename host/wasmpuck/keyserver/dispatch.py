"""Letters on their way to the post: written alike, and not too many."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from wasmpuck.errors import ClientError
from wasmpuck.mail import Letter, Mailbox, MailUnavailable, Post

from .pace import Pace

__all__ = ["Dispatch", "NotSent", "Sending", "utc"]


_log = logging.getLogger("wasmpuck.mail")


class NotSent(ClientError):
    """The post takes no letters now; the client can only come again."""

    status = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How letters are written. `base` is the server's public URL without a trailing slash; times are in seconds.

    An address gets at most `per_address` letters in `window`, a client causes at most `per_client`.
    """

    base: str
    server: str
    lifetime: float = 86_400.0
    window: float = 3_600.0
    per_address: int = 3
    per_client: int = 20


def utc(seconds: float) -> str:
    """A time in UTC, to the second (RFC 3339 §5.6)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Dispatch:
    """Gives letters to the post while address and client are within their pace. Lives as long as the server."""

    def __init__(self, post: Post, sending: Sending) -> None:
        self.sending = sending
        self._post = post
        self._addresses = Pace(sending.per_address, sending.window)
        self._clients = Pace(sending.per_client, sending.window)

    def check(self, mailboxes: Sequence[Mailbox], client: str) -> None:
        """Raises `TooOften` when one of these may get no letter now, or the client may not cause so many."""
        if mailboxes:
            self._clients.check(client, "you asked for many letters lately", len(mailboxes))
        for mailbox in mailboxes:
            self._addresses.check(mailbox.key, "this address got several letters lately")

    def send(self, letter: Letter, *, client: str) -> None:
        """Notes the letter and gives it away. Raises `TooOften`, or `NotSent` when the post takes none."""
        self.check([letter.to], client)
        try:
            self._post.send(letter)
        except MailUnavailable as error:
            _log.error("%s (%s)", error.message, error.hint)
            raise NotSent("no mail can be sent now", hint="Please try again later.") from None
        self._addresses.note(letter.to.key)
        self._clients.note(client)
