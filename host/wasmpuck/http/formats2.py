"""What HKP version 2 says in JSON and in lines (draft-ietf-openpgp-hkp §7)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wasmpuck.http.formats import rfc3339
from wasmpuck.keyserver.directory import confidence

if TYPE_CHECKING:
    from wasmpuck.keyserver import SubmitEntry, SubmitReport
    from wasmpuck.keyserver.disclosure import Shown

__all__ = ["index_json", "prefix_log", "submission_json"]

_PREFIX_DIGITS = 8
"""Of a fingerprint in the prefix log: one in 2^32 others begins like it, so that asking for it tells little."""


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def index_json(found: Sequence[Shown], now: float) -> str:
    """Certificates as an array of objects (§7.1.1), in the given order; user ids by decreasing confidence.

    Times are RFC 3339 in UTC; what is not known is left out. `isExpired` is by the clock `now`.
    """
    return _dumps([_certificate(shown.record.summary, shown.verified, now) for shown in found])


def _certificate(summary: Mapping[str, Any], verified: frozenset[str], now: float) -> dict[str, Any]:
    user_ids = [_user_id(each, confidence(each, verified), now) for each in summary["user_ids"]]
    user_ids.sort(key=lambda each: each["confidence"], reverse=True)
    return _key(summary, now) | {
        "userIDs": user_ids,
        "subkeys": [_key(subkey, now) for subkey in summary["subkeys"]],
    }


def _key(key: Mapping[str, Any], now: float) -> dict[str, Any]:
    return {
        "version": key["version"],
        "fingerprint": key["fingerprint"],
        "creation": rfc3339(key["created"]),
        **_validity(key, now),
        "algorithm": {"code": key["algorithm"], "name": key["name"], "bitLength": key["bits"]},
    }


def _user_id(user_id: Mapping[str, Any], trust: int, now: float) -> dict[str, Any]:
    created = {} if user_id["created"] is None else {"creation": rfc3339(user_id["created"])}
    return {"uidString": user_id["text"], **created, **_validity(user_id, now), "confidence": trust}


def _validity(thing: Mapping[str, Any], now: float) -> dict[str, Any]:
    fields: dict[str, Any] = {"isRevoked": thing["revoked"], "isExpired": False}
    if thing["expires"] is not None:
        fields |= {"expiration": rfc3339(thing["expires"]), "isExpired": thing["expires"] <= now}
    return fields


def submission_json(report: SubmitReport) -> str:
    """What became of an upload (§7.2): every list is there, each entry with version and fingerprint.

    `ignored` were known already; `invalid` were refused, with a `comment` for people and a `code` for programs. Of our
    own is `quarantined`, left out if there are none: kept and not published, for the reason in `comment` and `code`.
    """
    lists: dict[str, Any] = {
        "inserted": [_entry(entry) for entry in report.inserted],
        "updated": [_entry(entry) for entry in report.updated],
        "deleted": [],
        "ignored": [_entry(entry) for entry in report.ignored],
        "invalid": [_entry(entry, explained=True) for entry in report.rejected],
    }
    if report.quarantined:
        lists["quarantined"] = [_entry(entry, explained=True) for entry in report.quarantined]
    return _dumps(lists)


def _entry(entry: SubmitEntry, *, explained: bool = False) -> dict[str, Any]:
    fields: dict[str, Any] = {"version": entry.version, "fingerprint": entry.fingerprint}
    return fields | {"comment": entry.comment, "code": entry.code} if explained or entry.code else fields


def prefix_log(fingerprints: Iterable[str]) -> str:
    """The beginnings of fingerprints, each once, in order, a line each ending with CR and LF (§5.1.6)."""
    prefixes = dict.fromkeys(fingerprint[:_PREFIX_DIGITS] for fingerprint in fingerprints)
    return "".join(f"{prefix}\r\n" for prefix in prefixes)
