"""HKP, the legacy part of draft-gallagher-openpgp-hkp: looking certificates up and taking them in."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING

from aiohttp import web

from wasmpuck.errors import NotFound, UnsupportedOperation
from wasmpuck.http import formats, ui
from wasmpuck.http.answers import outcome_of
from wasmpuck.http.armoring import Armory, commented
from wasmpuck.http.body import read_body
from wasmpuck.http.caching import entity_tag, http_date, not_modified, tag_of_text
from wasmpuck.http.client import CLIENT
from wasmpuck.http.legacy import legacy, served_to_legacy
from wasmpuck.http.listings import Listings, summaries_of
from wasmpuck.http.negotiation import Form as OwnForm
from wasmpuck.http.negotiation import form_of
from wasmpuck.http.plugin_formats import chosen_form, forms_in_service, rendered
from wasmpuck.http.query import Lookup, parse_lookup, parse_options
from wasmpuck.http.shelf import Kept, Shelf
from wasmpuck.http.uploads import BINARY_TYPE, KEYS_TYPE, uploaded_certificates
from wasmpuck.keyserver import Found
from wasmpuck.openpgp.facts import Origin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from wasmpuck.config import HTTPSettings
    from wasmpuck.keyserver import Admission, Keyserver
    from wasmpuck.keyserver.disclosure import Disclosure
    from wasmpuck.metrics import Metrics
    from wasmpuck.storage.protocol import Record
    from wasmpuck.worlds.formatter import Form

__all__ = ["HKP"]

_PROGRAMS = frozenset({"json", "mr"})
_JSON = "application/json; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
_ASK_AGAIN = "no-cache"
_IN_THREAD = 256 * 1024
"""Bytes of certificates: telling all of so much takes 4 ms, of the 8 MiB that an answer may hold 140 ms."""


class HKP:
    """The handlers of `/pks/lookup`, `/pks/stats` and `/pks/add`. Lives as long as the application.

    `disclosure` says what of a certificate may be shown; without it, everything.
    """

    def __init__(
        self,
        keyserver: Keyserver,
        settings: HTTPSettings,
        metrics: Metrics,
        admission: Admission | None,
        disclosure: Disclosure | None = None,
    ) -> None:
        self._keyserver = keyserver
        self._settings = settings
        self._metrics = metrics
        self._admission = admission
        self._disclosure = disclosure if disclosure is not None and disclosure.verified_only else None
        self._shelf = Shelf(settings.armor_cache_bytes)
        self._armory = Armory(self._shelf)
        self._listings = Listings(self._shelf, cut=self._disclosure is not None)
        self._lasting = f"public, max-age={settings.cache_max_age:.0f}" if settings.cache_max_age >= 1 else _ASK_AGAIN
        self._operations: dict[str, Callable[[web.Request, Lookup], Awaitable[web.Response | Kept]]] = {
            "get": self._get,
            "hget": self._get,
            "index": self._index,
            "vindex": self._index,
            "stats": self._stats,
        }

    async def lookup(self, request: web.Request) -> web.Response:
        """`GET /pks/lookup` (§6.1).

        404 when nothing matches, 400 when the query makes no sense, 501 for an operation that is not known, 304 when
        the client has the answer already.
        """
        question = request.rel_url.raw_query_string
        # With plugins' forms the client's headers have a say in everything.
        state = self._keyserver.store.state() if forms_in_service() is None else None
        if state is not None:
            kept = self._shelf.get(question)
            if isinstance(kept, Kept) and kept.state == state and kept.holds(time()):
                return kept.response(request)
        lookup = parse_lookup(request.query, self._settings.max_search_characters)
        operation = self._operations.get(lookup.operation)
        if operation is None:
            raise UnsupportedOperation(
                f"the operation {lookup.operation!r} is not supported", hint="Known: get, hget, index, vindex, stats."
            )
        answer = await operation(request, lookup)
        if isinstance(answer, web.Response):
            return answer
        if state is not None:
            self._shelf.put(question, replace(answer, state=state))
        return web.Response(body=answer.body, headers=answer.headers)

    async def stats(self, request: web.Request) -> web.Response:
        """`GET /pks/stats`: the same as `op=stats`."""
        return await self._stats(request, Lookup("stats", "", parse_options(request.query.get("options", ""))))

    async def _find(self, lookup: Lookup) -> Found:
        if lookup.operation == "hget":
            found = Found(await self._keyserver.by_digest(lookup.search))
            if self._disclosure is not None:
                found = replace(found, records=await self._disclosure.records(found.records))
        else:
            page = self._keyserver.page if self._disclosure is None else partial(self._disclosure.page, self._keyserver)
            found = await page(lookup.search, exact=lookup.exact, limit=lookup.limit, offset=lookup.offset)
        if not found.records:
            if lookup.offset or found.more:
                raise NotFound("no more keys match this search")
            raise NotFound(
                "no key matches this search",
                hint=""
                if found.query is None
                else "Addresses and user ids are found as a whole only."
                if found.query.kind == "identity"
                else "Every word has to be there.",
            )
        return found

    def _headers(self, request: web.Request, lookup: Lookup, found: Found) -> dict[str, str]:
        """What an answer says of itself besides its form: how long it holds, and what it leaves out."""
        headers = {"Cache-Control": self._lasting}
        if found.more:
            further = request.rel_url.update_query(offset=str(lookup.offset + found.size))
            headers["Link"] = f'<{further}>; rel="next"'
            headers["Access-Control-Expose-Headers"] = "Link"
        if found.warning:
            headers["Warning"] = f'299 - "{found.warning}"'
        return headers

    async def _get(self, request: web.Request, lookup: Lookup) -> web.Response | Kept:
        """The certificates themselves: armored, or binary with the option `bin`.

        Armored answers are for clients of the legacy protocol, which cannot read certificates beyond version 4.
        """
        found = await self._find(lookup)
        headers = self._headers(request, lookup, found)
        forms = forms_in_service()
        if forms is not None:
            form = chosen_form(forms, lookup, request.headers.get("Accept"))
            if form is not None:
                return await self._rendered(request, lookup, form, found, headers)
        binary = "bin" in lookup.options
        records = found.records if binary else legacy(found.records)
        tag = entity_tag(records, "b" if binary else "c" if found.warning else "a", cut=self._disclosure is not None)
        headers["ETag"] = tag
        modified = records[0].modified if found.stable else None
        if modified is not None:
            headers["Last-Modified"] = http_date(modified)
        if not binary:
            headers["Vary"] = "Accept-Encoding" if forms is None else "Accept, Accept-Encoding"
        known = not_modified(request, tag, modified)
        if known is not None:
            return _unchanged(known, headers)
        if binary:
            body, suffix = b"".join([record.data for record in records]), "pgp"
            headers["Content-Type"] = BINARY_TYPE
        else:
            body, suffix = self._armory.armored(tag, partial(served_to_legacy, records)), "asc"
            if found.warning:
                body = commented(body, found.warning)
            headers["Content-Type"] = KEYS_TYPE
        headers["Content-Disposition"] = f'attachment; filename="{records[0].fingerprint}.{suffix}"'
        return Kept(body, tag, headers=headers, modified=modified)

    async def _index(self, request: web.Request, lookup: Lookup) -> web.Response | Kept:
        """A listing: machine readable, JSON, or a page."""
        found = await self._find(lookup)
        headers = self._headers(request, lookup, found)
        forms = forms_in_service()
        theirs = chosen_form(forms, lookup, request.headers.get("Accept")) if forms is not None else None
        if theirs is not None:
            return await self._rendered(request, lookup, theirs, found, headers)
        records = legacy(found.records)
        modified = records[0].modified if found.stable else None
        as_json = "json" in lookup.options
        by_option = as_json or "mr" in lookup.options
        if by_option:
            headers["Vary"] = "Accept-Encoding"
        else:
            headers["Vary"] = "Accept, Accept-Encoding"
            as_json = form_of(request.headers.get("Accept")) is OwnForm.JSON
            if not as_json:
                return await self._page(request, lookup, found, records, headers)
        listing = self._listings.json(records) if as_json else self._listings.machine_readable(records, time())
        headers["ETag"] = listing.tag
        if modified is not None:
            modified = max(modified, listing.since)
            headers["Last-Modified"] = http_date(modified)
        known = not_modified(request, listing.tag, modified)
        if known is not None:
            return _unchanged(known, headers)
        headers["Content-Type"] = _JSON if as_json else _TEXT
        answer = Kept(listing.body, listing.tag, listing.since, listing.until, headers=headers, modified=modified)
        # Without an option the client's headers have a say too.
        return answer if by_option else web.Response(body=answer.body, headers=headers)

    async def _rendered(
        self, request: web.Request, lookup: Lookup, form: Form, found: Found, headers: dict[str, str]
    ) -> web.Response:
        """In a plugin's form: all that was found, whatever its version."""
        cut = self._disclosure is not None
        return await rendered(request, lookup, form, found.records, headers, cut=cut)

    async def _page(
        self, request: web.Request, lookup: Lookup, found: Found, records: Sequence[Record], headers: dict[str, str]
    ) -> web.Response:
        """A listing for people. What it says depends on the day and on the reader's language: only it tells itself."""
        most = self._keyserver.search_limit
        limit = found.size if found.more else min(lookup.limit or most, most)
        make = partial(
            ui.listing_page,
            lookup.search,
            summaries_of(records),
            time(),
            detailed=lookup.operation == "vindex",
            paging=ui.Paging(lookup.offset, limit, found.more, lookup.operation),
            warning=found.warning,
        )
        size = sum(len(record.data) for record in records)
        page = await asyncio.to_thread(make) if size > _IN_THREAD else make()
        tag = tag_of_text(page)
        headers |= {"ETag": tag, "Cache-Control": _ASK_AGAIN}
        known = not_modified(request, tag, None)
        if known is not None:
            return _unchanged(known, headers | {"Vary": f"{headers['Vary']}, Accept-Language"})
        response = ui.page_response(page)
        response.headers.update(headers)
        return response

    async def _stats(self, request: web.Request, lookup: Lookup) -> web.Response:
        statistics = await self._keyserver.statistics()
        self._metrics.store_counted(statistics.total)
        wants_json = form_of(request.headers.get("Accept")) is OwnForm.JSON
        if wants_json or not lookup.options.isdisjoint(_PROGRAMS):
            rules, policy = self._keyserver.finder.rules, self._keyserver.policy
            own = policy.third_party == "self-only"
            text = formats.statistics_json(statistics, self._settings, time(), rules, self_signed_only=own)
            response = _json(text)
        else:
            response = ui.page_response(ui.statistics_page(statistics, self._settings, time()))
        response.headers["Cache-Control"] = _ASK_AGAIN
        return _negotiated(response)

    async def add(self, request: web.Request) -> web.Response:
        """`POST /pks/add` (§6.2): a form with `keytext`, or a body of OpenPGP data.

        200 with a report when at least one certificate was taken or was already known, even if others were refused.
        202 when none was, and at least one is in quarantine. When every one was refused, 403 if a plugin's admission
        rule did so and 422 if the data did not hold; the report is the same. gpg only looks at the status, people see
        the reasons: a page for browsers, JSON for the rest.
        """
        body = await read_body(request, self._settings)
        self._metrics.received(len(body))
        opened = partial(uploaded_certificates, request.headers.get("Content-Type", ""))
        data, options = await self._keyserver.workers.read(opened, body)
        report = await self._keyserver.submit(
            data, origin=Origin.UPLOAD, client=request.get(CLIENT, ""), admission=self._admission
        )
        self._metrics.submitted(
            Origin.UPLOAD,
            inserted=len(report.inserted),
            updated=len(report.updated),
            ignored=len(report.ignored),
            quarantined=len(report.quarantined),
            rejected=[refused.code for refused in report.rejected],
        )
        status = outcome_of(report)
        asked = options | parse_options(request.query.get("options", ""))
        if form_of(request.headers.get("Accept")) is OwnForm.HTML and asked.isdisjoint(_PROGRAMS):
            return _negotiated(ui.page_response(ui.report_page(report), status))
        return _negotiated(_json(formats.report_json(report), status))


def _unchanged(tag: str, headers: dict[str, str]) -> web.Response:
    """304 with the fields that would have come with the answer and that may have changed (RFC 9110 §15.4.5)."""
    return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers | {"ETag": tag})


def _json(text: str, status: int = HTTPStatus.OK) -> web.Response:
    return web.Response(text=text, status=status, content_type="application/json", charset="utf-8")


def _negotiated(response: web.Response) -> web.Response:
    response.headers["Vary"] = "Accept"
    return response
