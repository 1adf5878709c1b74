"""Certificates by whom they are for: identities as HKP v2 understands them, mailboxes for WKD and VKS."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wasmpuck.mail import Mailbox

from .disclosure import Disclosure, Shown
from .excerpt import excerpt
from .identity import mailbox_of, matches

if TYPE_CHECKING:
    from wasmpuck.storage import KeyStore, Record

__all__ = ["COMPLETE", "UNKNOWN", "Directory", "confidence"]

COMPLETE = 120
"""Confidence in a user id whose address was confirmed (draft-ietf-openpgp-hkp §8): nothing is left to wish for."""

UNKNOWN = 0
"""Confidence in a user id about which this server knows nothing."""

_MOST_ALIKE = 50
"""Certificates that are looked at for one identity, and as many again that were confirmed for it."""

_MOST_REVOKED = 4
"""Revoked certificates that an answer of a Web Key Directory carries beside the one to use."""


def confidence(user_id: Mapping[str, Any], verified: frozenset[str]) -> int:
    """How sure this server is that a user id, as a summary has it, is right: `COMPLETE` or `UNKNOWN`."""
    return COMPLETE if not user_id["revoked"] and mailbox_of(user_id["text"]) in verified else UNKNOWN


class Directory:
    """Answers that depend on what was verified. Lives as long as the server."""

    def __init__(
        self, store: KeyStore, disclosure: Disclosure, *, limit: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._limit = min(limit, _MOST_ALIKE)
        self._clock = clock
        self.disclosure = disclosure

    async def by_identity(self, identity: str) -> list[Shown]:
        """Certificates with a matching user id (§5.1.9), most confidence first, then the newest key (§5.1.1)."""
        found = await self._candidates(identity)
        ranked: list[tuple[int, int, Shown]] = []
        for record in found:
            shown = await self.disclosure.show(record)
            summary = shown.record.summary
            alike = [each for each in summary["user_ids"] if matches(each["text"], identity)]
            if alike:
                best = UNKNOWN if summary["revoked"] else max(confidence(each, shown.verified) for each in alike)
                ranked.append((best, summary["created"], shown))
        ranked.sort(key=lambda item: item[:2], reverse=True)
        return [shown for _, _, shown in ranked]

    async def published(self, mailbox: Mailbox) -> Record | None:
        """The certificate that the reader of a mailbox confirmed last, a revoked one only if there is no other."""
        found: dict[str, Record] = {}
        for spelled in mailbox.spellings:
            for record in await self._store.fetch_by_verified(spelled, limit=self._limit):
                found.setdefault(record.fingerprint, record)
        usable = [record for record in found.values() if not self._revoked(record.summary, mailbox.key)]
        return next(iter([*usable, *found.values()]), None)

    async def for_mailbox(self, mailbox: Mailbox, *, verified_only: bool) -> list[Record]:
        """What a Web Key Directory says of a mailbox: one certificate to use, and revoked ones behind it.

        The one to use is neither revoked nor expired if there is such a one; a confirmed address counts more than one
        that is not, then the newer key. Each is cut down to the user ids of this mailbox (draft-koch-openpgp-webkey-
        service §3.1). `verified_only` leaves out what nobody confirmed.
        """
        ranked: list[tuple[bool, bool, bool, int, Record]] = []
        for record in await self._candidates(mailbox.key):
            summary = record.summary
            if not any(mailbox_of(each["text"]) == mailbox.key for each in summary["user_ids"]):
                continue
            confirmed = mailbox.key in await self.disclosure.verified(record)
            if confirmed or not verified_only:
                revoked = self._revoked(summary, mailbox.key)
                ranked.append((not revoked, not self._expired(summary), confirmed, summary["created"], record))
        ranked.sort(key=lambda item: item[:4], reverse=True)
        usable = [record for unrevoked, *_, record in ranked if unrevoked][:1]
        revoked_ones = [record for unrevoked, *_, record in ranked if not unrevoked][:_MOST_REVOKED]
        return [excerpt(each, lambda text: mailbox_of(text) == mailbox.key) for each in [*usable, *revoked_ones]]

    async def _candidates(self, identity: str) -> list[Record]:
        """Certificates that may have this identity, in any spelling of its domain.

        Those for which it was confirmed are always among them, however many others somebody stored under its name.
        """
        key = Mailbox.key_of(identity)
        spellings = (identity,) if key is None else Mailbox.parse(key).spellings
        found: dict[str, Record] = {}
        for spelled in spellings:
            for record in (
                *await self._store.fetch_by_verified(spelled, limit=self._limit),
                *await self._store.fetch_by_identity(spelled, limit=self._limit),
            ):
                found.setdefault(record.fingerprint, record)
        return list(found.values())

    def _expired(self, summary: Mapping[str, Any]) -> bool:
        return summary["expires"] is not None and summary["expires"] <= self._clock()

    @staticmethod
    def _revoked(summary: Mapping[str, Any], key: str) -> bool:
        """Whether the whole certificate is revoked, or every user id of this mailbox."""
        own = [each for each in summary["user_ids"] if mailbox_of(each["text"]) == key]
        return summary["revoked"] or all(each["revoked"] for each in own)
