"""Which mailbox a user id speaks of (draft-ietf-openpgp-hkp §5.1.9)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from wasmpuck.mail import Mailbox
from wasmpuck.openpgp.userids import email_of

__all__ = ["addresses_of", "mailbox_of", "matches", "spellings_of"]

_LIKE_AN_ADDRESS = re.compile(r"[^\s<>(),;:\"\[\]\\@]+@[^\s<>(),;:\"\[\]\\@]+")


@lru_cache(maxsize=8192)
def mailbox_of(text: str) -> str | None:
    """The `Mailbox.key` of a user id's address, as `email_of` finds it; None if it has none or names another one too.

    A user id that names two mailboxes would let the one who reads mail for the second pose as the first, so it speaks
    of neither; the same one twice is the same one.
    """
    address = email_of(text)
    key = None if address is None else Mailbox.key_of(address)
    if key is None:
        return None
    others = (found.strip(".'") for found in _LIKE_AN_ADDRESS.findall(text))
    return key if all((Mailbox.key_of(other) or other.lower()) == key for other in others) else None


def matches(text: str, identity: str) -> bool:
    """Whether a user id is what `identity` asks for: its one address, or its whole text when it has none."""
    wanted = Mailbox.key_of(identity)
    if wanted is not None:
        return mailbox_of(text) == wanted
    return not _LIKE_AN_ADDRESS.search(text) and text.strip().casefold() == identity.strip().casefold()


def spellings_of(user_ids: Iterable[Mapping[str, Any]], key: str) -> set[str]:
    """How a summary's `user_ids` spell the mailbox `key`, in lower case: what a store indexes and verifies."""
    return {(email_of(each["text"]) or "").lower() for each in user_ids if mailbox_of(each["text"]) == key}


def addresses_of(user_ids: Iterable[Mapping[str, Any]]) -> dict[str, bool]:
    """The mailboxes in a summary's `user_ids`, and whether each is revoked wherever it stands."""
    found: dict[str, bool] = {}
    for user_id in user_ids:
        key = mailbox_of(user_id["text"])
        if key is not None:
            found[key] = found.get(key, True) and user_id["revoked"]
    return found
