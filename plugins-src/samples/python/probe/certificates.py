"""Certificates: keys and key-admin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from wasmpuck_plugin import key_admin, keys


def milliseconds(when: datetime | None) -> float | None:
    """Since 1970."""
    return None if when is None else when.timestamp() * 1000


def one(key: keys.Key) -> dict[str, Any]:
    """A primary key or a subkey."""
    return {
        "fingerprint": key.fingerprint,
        "version": key.version,
        "algorithm": key.algorithm,
        "bits": key.bits,
        "created": milliseconds(key.created),
        "expires": milliseconds(key.expires),
        "revoked": key.revoked,
    }


def summarize(fingerprint: str) -> dict[str, Any] | None:
    """A whole certificate."""
    found = keys.summarize(fingerprint)
    if found is None:
        return None
    return {
        "primary": one(found.primary),
        "subkeys": [one(key) for key in found.subkeys],
        "user-ids": [[user_id.text, user_id.email, user_id.revoked] for user_id in found.user_ids],
        "size": found.size,
        "updated": milliseconds(found.updated),
    }


def count() -> dict[str, int]:
    """Numbers about the whole."""
    found = keys.count()
    return {"total": found.total, "hour": found.hour, "day": found.day}


def quarantined() -> list[list[Any]]:
    """What is in quarantine."""
    return [[each.fingerprint, each.source, each.reason, milliseconds(each.at)] for each in key_admin.quarantined()]


FUNCTIONS: dict[str, dict[str, Callable[..., Any]]] = {
    "keys": {
        "search": lambda kind, text: list(keys.search(**{kind.replace("-", "_"): text})),
        "summarize": summarize,
        "armored": keys.armored,
        "changes": lambda cursor, limit: list(keys.changes(cursor, limit).fingerprints),
        "count": count,
    },
    "key-admin": {
        "submit": key_admin.submit,
        "replace": key_admin.replace,
        "delete": key_admin.delete,
        "quarantine": key_admin.quarantine,
        "release": key_admin.release,
        "list-quarantine": quarantined,
    },
}
