"""Changing certificates, in the plugin's name (import `key-admin`).

The operator grants each verb apart (`keyAdmin = ["submit"]`). `note` is recorded with the act, at most 200 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

from . import _seam
from ._times import from_milliseconds
from .errors import HostError

__all__ = ["Entry", "KeyAdminError", "Outcome", "delete", "quarantine", "quarantined", "release", "replace", "submit"]

Outcome: TypeAlias = Literal["inserted", "updated", "unchanged", "quarantined"]

_PAGE = 1000


class KeyAdminError(HostError):
    """Why nothing was done. The `detail` of `Refused` is the code and the text of the reason."""

    NotAllowed: ClassVar[type[KeyAdminError]]
    RateLimited: ClassVar[type[KeyAdminError]]
    Missing: ClassVar[type[KeyAdminError]]
    Unusable: ClassVar[type[KeyAdminError]]
    Refused: ClassVar[type[KeyAdminError]]
    Unavailable: ClassVar[type[KeyAdminError]]
    Other: ClassVar[type[KeyAdminError]]

    cases: ClassVar = {
        "not-allowed": "The operator has not granted this verb.",
        "rate-limited": "More calls a second than granted.",
        "missing": "There is no such certificate.",
        "unusable": "It is not a certificate, or one that cannot be taken.",
        "refused": "The certificate was not admitted.",
        "unavailable": "The store does not answer.",
        "other": "Nothing was done.",
    }


@dataclass(frozen=True)
class Entry:
    """A certificate in quarantine: `source` is the plugin that put it there, empty for the operator."""

    fingerprint: str
    source: str
    reason: str
    at: datetime


def submit(armored: str, note: str = "") -> Outcome:
    """Takes a certificate in ASCII armor and merges it with what is there."""
    found: Outcome = _seam.call(KeyAdminError, "key-admin.submit", armored, note)
    return found


def replace(armored: str, note: str = "") -> Outcome:
    """Puts a certificate in the place of the one with the same primary key, without merging."""
    found: Outcome = _seam.call(KeyAdminError, "key-admin.replace", armored, note)
    return found


def delete(fingerprint: str, note: str = "") -> None:
    """Removes a certificate by its primary key's fingerprint."""
    _seam.call(KeyAdminError, "key-admin.delete", fingerprint, note)


def quarantine(fingerprint: str, note: str = "") -> None:
    """Takes a certificate out of publication without forgetting it."""
    _seam.call(KeyAdminError, "key-admin.quarantine", fingerprint, note)


def release(fingerprint: str, note: str = "") -> Outcome:
    """Publishes a certificate that is in quarantine."""
    found: Outcome = _seam.call(KeyAdminError, "key-admin.release", fingerprint, note)
    return found


def quarantined() -> Iterator[Entry]:
    """What is in quarantine, in ascending order of fingerprints, fetched a thousand at a time."""
    cursor = ""
    while True:
        page = _seam.call(KeyAdminError, "key-admin.list-quarantine", cursor, _PAGE)
        for one in page.entries:
            yield Entry(one.fingerprint, one.source, one.reason, from_milliseconds(one.at))
        cursor = page.cursor
        if not cursor:
            return
