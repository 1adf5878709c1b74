"""The operator's acts on certificates, on the administration listener: tombstones, quarantine, the audit record."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from wasmpuck.errors import BadRequest
from wasmpuck.openpgp.armor import armor

if TYPE_CHECKING:
    from wasmpuck.keyserver.rights import Rights
    from wasmpuck.storage import Held

__all__ = ["held_fields", "rights_routes"]

_FINGERPRINT = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\Z")
_MOST_ACTS = 1_000
_LONGEST_REASON = 500
_LATEST = 253_402_300_799  # the end of the year 9999
_DEFAULT_REASON = "the operator decided so"


def rights_routes(rights: Rights) -> list[web.RouteDef]:
    """The routes, all under `/admin/keys/`; answers are JSON, times are seconds since 1970.

    POST …/{fingerprint}/delete with {"reason", "until"}, both optional: {"deleted": whether it was there}.
    POST …/{fingerprint}/exhume: {"exhumed": whether it was kept out}.
    GET …/tombstones: [{"fingerprint", "reason", "until"}]. GET …/audit?after=NUMBER&limit=NUMBER:
    [{"number", "when", "kind", "fingerprint", "actor", "detail"}].
    GET …/quarantine?after=FINGERPRINT&limit=NUMBER: [{"fingerprint", "source", "reason", "since", "size"}].
    GET …/{fingerprint}/quarantine: one of these, with "certificate", the armor.
    POST …/{fingerprint}/quarantine with {"reason"}: {"quarantined": true}; …/release: {"outcome": inserted, updated or
    unchanged}; …/discard: {"discarded": true}. 404 for what is not there, 422 for what may not be released.
    """
    custody = rights.custody

    async def delete(request: web.Request) -> web.Response:
        fingerprint, (reason, until) = _named(request), _burial(await request.read())
        return web.json_response({"deleted": await rights.bury(fingerprint, reason=reason, until=until)})

    async def exhume(request: web.Request) -> web.Response:
        return web.json_response({"exhumed": await rights.exhume(_named(request))})

    async def tombstones(request: web.Request) -> web.Response:
        return web.json_response(
            [{"fingerprint": fingerprint} | asdict(burial) for fingerprint, burial in await rights.tombstones()]
        )

    async def audit(request: web.Request) -> web.Response:
        after, limit = _number(request, "after", 0), _number(request, "limit", 100)
        return web.json_response([asdict(act) for act in await rights.acts(after=after, limit=min(limit, _MOST_ACTS))])

    async def quarantine(request: web.Request) -> web.Response:
        after, limit = request.query.get("after", ""), _number(request, "limit", 100)
        held = await custody.entries(after=_fingerprint(after) if after else "", limit=min(limit, _MOST_ACTS))
        return web.json_response(list(map(held_fields, held)))

    async def show(request: web.Request) -> web.Response:
        held = await custody.entry(_named(request))
        return web.json_response(held_fields(held) | {"certificate": armor(held.data)})

    async def confine(request: web.Request) -> web.Response:
        fingerprint, (reason, _) = _named(request), _burial(await request.read())
        await custody.confine(fingerprint, reason=reason)
        return web.json_response({"quarantined": True})

    async def release(request: web.Request) -> web.Response:
        return web.json_response({"outcome": await custody.release(_named(request))})

    async def discard(request: web.Request) -> web.Response:
        await custody.discard(_named(request))
        return web.json_response({"discarded": True})

    return [
        web.get("/admin/keys/tombstones", tombstones),
        web.get("/admin/keys/quarantine", quarantine),
        web.get("/admin/keys/{fingerprint}/quarantine", show),
        web.post("/admin/keys/{fingerprint}/quarantine", confine),
        web.post("/admin/keys/{fingerprint}/release", release),
        web.post("/admin/keys/{fingerprint}/discard", discard),
        web.get("/admin/keys/audit", audit),
        web.post("/admin/keys/{fingerprint}/delete", delete),
        web.post("/admin/keys/{fingerprint}/exhume", exhume),
    ]


def held_fields(held: Held) -> dict[str, Any]:
    """What is said of a certificate in quarantine; `source` is empty for the operator, `size` in bytes."""
    return {
        "fingerprint": held.fingerprint,
        "source": held.source,
        "reason": held.reason,
        "since": held.since,
        "size": len(held.data),
    }


def _named(request: web.Request) -> str:
    return _fingerprint(request.match_info["fingerprint"])


def _fingerprint(text: str) -> str:
    fingerprint = text.lower()
    if not _FINGERPRINT.match(fingerprint):
        raise BadRequest(
            f"{fingerprint[:80]!r} is not a fingerprint",
            hint="40 or 64 hexadecimal digits; gpg --fingerprint shows it.",
        )
    return fingerprint


def _burial(body: bytes) -> tuple[str, float | None]:
    try:
        given: Any = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None
    reason, until = (given.get("reason"), given.get("until")) if isinstance(given, dict) else (0, 0)
    if not isinstance(reason, str | None) or not isinstance(until, int | float | None) or isinstance(until, bool):
        raise BadRequest("reason has to be a text, until seconds since 1970; either may be left out")
    if until is not None and not 0 <= until <= _LATEST:
        raise BadRequest("until has to be a time in seconds since 1970")
    if reason is not None and (len(reason) > _LONGEST_REASON or not reason.isprintable()):
        raise BadRequest(f"the reason has to be one line of at most {_LONGEST_REASON} characters")
    return reason or _DEFAULT_REASON, until


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,15}", text, re.ASCII):
        raise BadRequest(f"{name} is not a number")
    return int(text)
