"""HKP, version 2 (draft-ietf-openpgp-hkp §5): a category and an identifier in the path, certificates as they are."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from time import time
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler

from wasmpuck.errors import ClientError, NotFound, Unprocessable, UnsupportedOperation
from wasmpuck.http import formats2
from wasmpuck.http.answers import Keeping, lasting, preflight
from wasmpuck.http.caching import not_modified, tag_of_text
from wasmpuck.http.hkp2_submissions import BUNDLE, BUNDLE_BEFORE, PROVED, identity_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wasmpuck.config import HTTPSettings
    from wasmpuck.http.hkp2_submissions import Bundles, Submissions
    from wasmpuck.keyserver import Keyserver
    from wasmpuck.keyserver.directory import Directory
    from wasmpuck.storage import Record

__all__ = ["HKP2", "MissingIdentifier", "parse_key_id", "parse_vfingerprint"]

_DIGITS = {3: 32, 4: 40, 6: 64}
"""Hexadecimal digits of a fingerprint, by its version (RFC 9580 §5.5.4)."""

_HEX = re.compile(r"[0-9A-Fa-f]*")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NEWEST_BY_KEY_ID = 4
"""Certificates newer than this version are not given by key id (§5.1.3)."""

_CATEGORIES = ("certs/by-vfingerprint", "certs/by-keyid", "certs/by-identity", "index", "canonical", "prefixlog")


class MissingIdentifier(ClientError):
    """A category without what to look for in it (§5.1.7)."""

    status = 403


def parse_vfingerprint(version: str, digits: str) -> tuple[int, str]:
    """Version and fingerprint from two hexadecimal digits and the rest (§5.1.2). Raises `Unprocessable`."""
    if _HEX.fullmatch(version + digits) and len(version) == 2:
        number = int(version, 16)
        expected = _DIGITS.get(number)
        if expected == len(digits):
            return number, digits.lower()
    raise Unprocessable(
        "this is no versioned fingerprint",
        hint="Two digits of version (03, 04 or 06), then the whole fingerprint in hexadecimal digits, without 0x.",
    )


def parse_key_id(text: str) -> str:
    """16 hexadecimal digits in lower case (§5.1.3). Raises `Unprocessable`."""
    if len(text) != 16 or not _HEX.fullmatch(text):
        raise Unprocessable("this is no key id", hint="A key id has 16 hexadecimal digits, without 0x.")
    return text.lower()


class HKP2:
    """The handlers below `/pks/v2/`. Lives as long as the application.

    `bundles` is None on a server that sends no mail: nobody can prove there that a mailbox is theirs.
    """

    def __init__(
        self,
        keyserver: Keyserver,
        directory: Directory,
        settings: HTTPSettings,
        submissions: Submissions,
        bundles: Bundles | None,
    ) -> None:
        self._keyserver = keyserver
        self._directory = directory
        self._settings = settings
        self._submissions = submissions
        self._bundles = bundles
        self._keeping = Keeping(settings, cut=directory.disclosure.verified_only)

    def routes(self) -> list[web.RouteDef]:
        """Every route; the last one answers 501 for whatever this server does not know (§4.2)."""
        lookups: dict[str, Handler] = {
            "certs/by-vfingerprint/{version:[^/]+}/{fingerprint:[^/]+}": self.by_vfingerprint,
            "certs/by-vfingerprint/{vfingerprint:[^/]+}": self.by_vfingerprint,
            "certs/by-keyid/{key_id:[^/]+}": self.by_key_id,
            "certs/by-identity/{identity:(?s:.+)}": self.by_identity,
            "index/{identity:(?s:.+)}": self.index,
            "prefixlog/{day:[^/]+}": self.prefixlog,
        }
        routes = [web.get(f"/pks/v2/{path}", handler) for path, handler in lookups.items()]
        routes += [web.options(f"/pks/v2/{path}", preflight("GET", "HEAD")) for path in lookups]
        for category in _CATEGORIES:
            allowed = self._canonical_options() if category == "canonical" else preflight("GET", "HEAD")
            routes += [web.get(f"/pks/v2/{category}{end}", _without_identifier) for end in ("", "/")]
            routes += [web.options(f"/pks/v2/{category}{end}", allowed) for end in ("", "/")]
        routes += [
            web.get("/pks/v2/canonical/{identity:(?s:.+)}", self.canonical),
            web.options("/pks/v2/canonical/{identity:(?s:.+)}", self._canonical_options()),
            *(web.get(f"/pks/v2{path}", _without_identifier) for path in ("", "/", "/certs", "/certs/")),
            *self._submissions.routes(),
        ]
        if self._bundles is not None:
            routes += self._bundles.routes()
        return [*routes, web.route("*", "/pks/v2/{unknown:(?s:.*)}", _unsupported)]

    def _canonical_options(self) -> Handler:
        if self._bundles is None:
            return preflight("GET", "HEAD")
        return preflight("GET", "HEAD", "PUT", accept=PROVED, headers="Authentication, Authorization, Content-Type")

    # --- look up -------------------------------------------------------------------------------

    async def by_vfingerprint(self, request: web.Request) -> web.StreamResponse:
        """`certs/by-vfingerprint` (§5.1.2): of a primary key or subkey, in one part of the path or in two."""
        joined = request.match_info.get("vfingerprint")
        parts = (
            (joined[:2], joined[2:]) if joined else (request.match_info["version"], request.match_info["fingerprint"])
        )
        _, fingerprint = parse_vfingerprint(*parts)
        return await self._bundle(request, await self._keyserver.store.fetch([fingerprint]), stable=True)

    async def by_key_id(self, request: web.Request) -> web.StreamResponse:
        """`certs/by-keyid` (§5.1.3): every certificate up to version 4 with this key id."""
        key_id = parse_key_id(request.match_info["key_id"])
        found = await self._keyserver.store.fetch_by_key_id(key_id, limit=self._settings.max_results)
        return await self._bundle(
            request, [each for each in found if len(each.fingerprint) <= _DIGITS[_NEWEST_BY_KEY_ID]]
        )

    async def by_identity(self, request: web.Request) -> web.StreamResponse:
        """`certs/by-identity` (§5.1.1)."""
        shown = await self._directory.by_identity(identity_in(request, self._settings))
        return self._records(request, [each.record for each in shown])

    async def index(self, request: web.Request) -> web.StreamResponse:
        """`index` (§5.1.5): the same certificates as `certs/by-identity`, as JSON."""
        shown = await self._directory.by_identity(identity_in(request, self._settings))
        if not shown:
            raise NotFound("no key matches this identity")
        text = formats2.index_json(shown, time())
        return self._told(request, text, "application/json; charset=utf-8")

    async def canonical(self, request: web.Request) -> web.StreamResponse:
        """`canonical` (§5.1.4): the bundle that the owner of an identity chose."""
        return await self._bundle(request, await self._keyserver.store.canonical(identity_in(request, self._settings)))

    async def prefixlog(self, request: web.Request) -> web.StreamResponse:
        """`prefixlog` (§5.1.6): how the fingerprints begin of what came, changed or went on a day (UTC)."""
        text = request.match_info["day"]
        try:
            day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
        except ValueError:
            day = None
        if day is None:
            raise Unprocessable("this is no date", hint="Write it as 2026-01-31, for a day in UTC.")
        if day > datetime.now(UTC).date():
            raise NotFound("this day has not come yet")
        fingerprints = await self._keyserver.store.changed_on(day)
        return self._told(request, formats2.prefix_log(fingerprints), "text/plain; charset=us-ascii")

    def _told(self, request: web.Request, text: str, content_type: str) -> web.StreamResponse:
        """Text whose tag is made from itself: it depends on the clock, or on what is not there any more."""
        tag = tag_of_text(text)
        headers = {"Cache-Control": lasting(self._settings), "ETag": tag, "Vary": "Accept-Encoding"}
        known = not_modified(request, tag, None)
        if known is not None:
            return web.Response(status=304, headers=headers | {"ETag": known})
        return web.Response(body=text.encode(), headers=headers | {"Content-Type": content_type})

    async def _bundle(
        self, request: web.Request, found: Sequence[Record], *, stable: bool = False
    ) -> web.StreamResponse:
        return self._records(request, await self._directory.disclosure.records(found), stable=stable)

    def _records(self, request: web.Request, records: Sequence[Record], *, stable: bool = False) -> web.StreamResponse:
        if not records:
            raise NotFound("no key matches this request")
        records = self._at_most(records)
        kinds = [item.partition(";")[0].strip() for item in request.headers.get("Accept", "").split(",")]
        before = "application/pgp-keys" in kinds and BUNDLE not in kinds
        headers = {
            "Content-Type": BUNDLE_BEFORE if before else BUNDLE,
            "Content-Disposition": f'attachment; filename="{records[0].fingerprint}.pgp"',
            "Vary": "Accept",
        }
        form = "w" if before else "v"
        return self._keeping.answer(
            request, records, form, lambda: b"".join([record.data for record in records]), headers, stable=stable
        )

    def _at_most(self, records: Sequence[Record]) -> Sequence[Record]:
        """As many as an answer may hold, the first whatever its size: bundles SHOULD be limited (§5.1.1)."""
        left = self._settings.max_answer_bytes - len(records[0].data)
        count = 1
        while count < len(records) and len(records[count].data) <= left:
            left -= len(records[count].data)
            count += 1
        return records[:count]


async def _without_identifier(request: web.Request) -> web.StreamResponse:
    raise MissingIdentifier("the path names nothing to look for", hint="Put an identifier behind the category.")


async def _unsupported(request: web.Request) -> web.StreamResponse:
    raise UnsupportedOperation("this server has no such part of HKP version 2", hint="OPTIONS tells what it has.")
