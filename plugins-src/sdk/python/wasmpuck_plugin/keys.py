"""Reading certificates, as anybody may who asks the keyserver (import `keys`).

Fingerprints are hexadecimal in any case; answers are in lower case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from . import _seam
from ._times import from_milliseconds
from .errors import HostError

__all__ = ["Key", "KeysError", "Page", "Statistics", "Summary", "UserID", "armored", "changes", "count", "search"]
__all__ += ["summarize"]

_PAGE = 1000


class KeysError(HostError):
    """Why there is no answer."""

    RateLimited: ClassVar[type[KeysError]]
    BadQuery: ClassVar[type[KeysError]]
    Unavailable: ClassVar[type[KeysError]]
    Other: ClassVar[type[KeysError]]

    cases: ClassVar = {
        "rate-limited": "More calls a second than granted.",
        "bad-query": "The search is too wide, too short, or of a kind that the operator has not switched on.",
        "unavailable": "The store does not answer.",
        "other": "The keys cannot be read.",
    }


@dataclass(frozen=True)
class Key:
    """A primary key or a subkey: packet version, number of the algorithm (RFC 9580 §9.1), size in bits."""

    fingerprint: str
    version: int
    algorithm: int
    bits: int
    created: datetime
    expires: datetime | None = None
    revoked: bool = False


@dataclass(frozen=True)
class UserID:
    """A user id: its text, the address in it (lower case; empty without)."""

    text: str
    email: str = ""
    revoked: bool = False


@dataclass(frozen=True)
class Summary:
    """What is known of a certificate: `size` in bytes, `updated` when it was last changed here."""

    primary: Key
    subkeys: tuple[Key, ...]
    user_ids: tuple[UserID, ...]
    size: int
    updated: datetime


@dataclass(frozen=True)
class Page:
    """Fingerprints of primary keys, and where the next page starts (empty at the end)."""

    fingerprints: tuple[str, ...]
    cursor: str


@dataclass(frozen=True)
class Statistics:
    """How many certificates there are, and came in or changed within the last hour and day."""

    total: int
    hour: int
    day: int


def search(
    *,
    fingerprint: str | None = None,
    key_id: str | None = None,
    email: str | None = None,
    text: str | None = None,
    domain: str | None = None,
) -> Iterator[str]:
    """Fingerprints of the certificates that fit exactly one of the arguments, fetched a thousand at a time."""
    kinds = {"fingerprint": fingerprint, "key-id": key_id, "email": email, "text": text, "domain": domain}
    given = [_seam.Case(tag, value) for tag, value in kinds.items() if value is not None]
    if len(given) != 1:
        raise TypeError("search needs exactly one of fingerprint=, key_id=, email=, text= and domain=")
    return _search(given[0])


def _search(query: _seam.Case) -> Iterator[str]:
    cursor = ""
    while True:
        page = _seam.call(KeysError, "keys.search", query, cursor, _PAGE)
        yield from page.fingerprints
        cursor = page.cursor
        if not cursor:
            return


def summarize(fingerprint: str) -> Summary | None:
    """What is known of a certificate, by any of its keys; `None` when there is none."""
    found = _seam.answer(KeysError, _seam.call(KeysError, "keys.summarize", fingerprint))
    if found is None or isinstance(found, Summary):
        return found
    return Summary(
        _key(found.primary),
        tuple(map(_key, found.subkeys)),
        tuple(UserID(one.text, one.email, one.revoked) for one in found.user_ids),
        found.size,
        from_milliseconds(found.updated),
    )


def armored(fingerprint: str) -> str | None:
    """A certificate in ASCII armor, by any of its keys; `None` when there is none."""
    found: str | None = _seam.answer(KeysError, _seam.call(KeysError, "keys.armored", fingerprint))
    return found


def changes(cursor: str = "", limit: int = _PAGE) -> Page:
    """Certificates that changed, oldest change first. The last cursor leads later to what has changed since."""
    page = _seam.call(KeysError, "keys.changes", cursor, limit)
    return Page(tuple(page.fingerprints), page.cursor)


def count() -> Statistics:
    """Numbers about the whole."""
    found = _seam.call(KeysError, "keys.count")
    return Statistics(int(found.total), int(found.hour), int(found.day))


def _key(found: Any) -> Key:
    return Key(
        found.fingerprint,
        found.version,
        found.algorithm,
        found.bits,
        from_milliseconds(found.created),
        None if found.expires is None else from_milliseconds(found.expires),
        found.revoked,
    )
