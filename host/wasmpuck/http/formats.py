"""What listings, reports and statistics look like for programs: pure functions over summaries.

A summary is what `wasmpuck.openpgp.summary` made when the certificate was stored. Field names in JSON are those that
Hockeypuck's users know; `revoked` is added, which they had to work out from signatures.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wasmpuck import __version__

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings
    from wasmpuck.keyserver import SearchRules, SubmitEntry, SubmitReport
    from wasmpuck.storage.protocol import Statistics, Tally

__all__ = ["ends", "key_json", "listing_json", "machine_readable", "report_json", "rfc3339", "statistics_json"]

_PLAIN = " !\"#$&'()*+,-./;<=>?@[\\]^_`{|}~"
"""Printable ASCII that is not escaped in a machine-readable user id: all but `%` and `:`."""

SECONDS_OF = {"hourly": 3600, "daily": 86_400}


def rfc3339(seconds: float) -> str:
    """A time in UTC, to the second (RFC 3339 §5.6)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def machine_readable(summaries: Sequence[Mapping[str, Any]], now: float) -> str:
    """The listing that gpg reads (draft-gallagher-openpgp-hkp §6.1.2): `info`, then `pub` and `uid` lines.

    Times are seconds since 1970, empty when not known. Flags: `r` revoked, `e` expired at `now`. In user ids only
    printable ASCII without `:` and `%` stands for itself (§6.1.2.3: UTF-8, percent-encoded).
    """
    lines = [f"info:1:{len(summaries)}"]
    for key in summaries:
        lines.append(
            f"pub:{key['fingerprint'].upper()}:{key['algorithm']}:{key['bits']}:{_number(key['created'])}"
            f":{_number(key['expires'])}:{_flags(key, now)}"
        )
        lines.extend(
            f"uid:{quote(user_id['text'], safe=_PLAIN)}:{_number(user_id['created'])}"
            f":{_number(user_id['expires'])}:{_flags(user_id, now)}"
            for user_id in key["user_ids"]
        )
    lines.append("")
    return "\n".join(lines)


def ends(summary: Mapping[str, Any]) -> list[int]:
    """When those parts of a machine-readable listing end that do: what its flags depend on beside the time."""
    parts = (summary, *summary["user_ids"])
    return [part["expires"] for part in parts if part["expires"] is not None]


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _flags(thing: Mapping[str, Any], now: float) -> str:
    expired = thing["expires"] is not None and thing["expires"] <= now
    return ("r" if thing["revoked"] else "") + ("e" if expired else "")


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def listing_json(summaries: Iterable[Mapping[str, Any]]) -> str:
    """The listing as a JSON array of keys, times in RFC 3339."""
    return _dumps([_primary(key) for key in summaries])


def key_json(summary: Mapping[str, Any]) -> str:
    """One key of such a listing."""
    return _dumps(_primary(summary))


def _validity(thing: Mapping[str, Any]) -> dict[str, Any]:
    end = {"neverExpires": True} if thing["expires"] is None else {"expiration": rfc3339(thing["expires"])}
    return end | {"revoked": thing["revoked"]}


def _key(key: Mapping[str, Any]) -> dict[str, Any]:
    algorithm = {"name": key["name"], "code": key["algorithm"], "bitLength": key["bits"]}
    if key["curve"]:
        algorithm["curve"] = key["curve"]
    return {
        "fingerprint": key["fingerprint"],
        "longKeyID": key["key_id"],
        "creation": rfc3339(key["created"]),
        **_validity(key),
        "version": key["version"],
        "algorithm": algorithm,
    }


def _primary(key: Mapping[str, Any]) -> dict[str, Any]:
    return _key(key) | {
        "md5": key["md5"],
        "length": key["size"],
        "subKeys": [_key(subkey) for subkey in key["subkeys"]],
        "userIDs": [
            {
                "keywords": user_id["text"],
                "validsince": "" if user_id["created"] is None else rfc3339(user_id["created"]),
                **_validity(user_id),
                "primary": user_id["primary"],
            }
            for user_id in key["user_ids"]
        ],
    }


def report_json(report: SubmitReport) -> str:
    """What became of an upload.

    Lists of `{version, fingerprint}` under `inserted`, `updated` and `ignored` (already known), with a `code` for
    programs and a `comment` for people where a plugin changed the certificate; under `invalid` those that were refused
    and under `quarantined` (left out if there are none) those that are kept and not published, both with `code` and
    `comment`; under `dropped` how many packets were left out of the certificates that were taken, by rule.
    """
    lists: dict[str, Any] = {
        "inserted": [_taken(entry) for entry in report.inserted],
        "updated": [_taken(entry) for entry in report.updated],
        "ignored": [_taken(entry) for entry in report.ignored],
        "invalid": [_taken(entry, explained=True) for entry in report.rejected],
    }
    if report.quarantined:
        lists["quarantined"] = [_taken(entry, explained=True) for entry in report.quarantined]
    return _dumps(lists | {"dropped": report.drops})


def _taken(entry: SubmitEntry, *, explained: bool = False) -> dict[str, Any]:
    fields: dict[str, Any] = {"version": entry.version, "fingerprint": entry.fingerprint}
    return fields | {"code": entry.code, "comment": entry.comment} if explained or entry.code else fields


def statistics_json(
    statistics: Statistics, settings: HTTPSettings, now: float, rules: SearchRules, *, self_signed_only: bool = False
) -> str:
    """Statistics in the shape that crawlers of keyservers read: Hockeypuck's fields, but for `reconAddr`.

    Tallies are ordered by time, oldest first. `self_signed_only`: others' signatures are not given out.
    """
    fields: dict[str, Any] = {
        "now": rfc3339(now),
        "version": __version__,
        "software": "Wasmpuck",
        "hostname": settings.hostname,
        "nodename": settings.hostname,
        "httpAddr": settings.address,
    }
    if settings.contact:
        fields["contact"] = settings.contact
    fields |= {
        "queryConfig": {
            "selfSignedOnly": self_signed_only,
            "keywordSearchDisabled": not (rules.words or rules.domains),
            "enableInexactMatching": rules.words,
        },
        "total": statistics.total,
        "peers": [],
        "pksTargets": [],
        "hourly": [_tally(tally) for tally in reversed(statistics.hourly)],
        "daily": [_tally(tally) for tally in reversed(statistics.daily)],
    }
    return _dumps(fields)


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "Time": rfc3339(tally.start),
        "Inserted": tally.inserted,
        "Updated": tally.updated,
        "Removed": tally.deleted,
        "InsertedJitter": 0,  # what reconciliation repeats; there is none
        "RemovedJitter": 0,
    }
