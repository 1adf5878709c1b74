"""HKP, the legacy part of draft-gallagher-openpgp-hkp: looking certificates up and taking them in."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiMapping

from wasmpuck.errors import BadRequest, NotFound, UnsupportedOperation
from wasmpuck.http import formats, ui
from wasmpuck.http.body import UnsupportedMediaType, read_body
from wasmpuck.http.client import CLIENT
from wasmpuck.http.negotiation import Form, form_of
from wasmpuck.openpgp.armor import armor
from wasmpuck.openpgp.certificate import Certificate
from wasmpuck.openpgp.facts import Origin
from wasmpuck.openpgp.packets import Tag, read_header
from wasmpuck.openpgp.policy import RefusalCode
from wasmpuck.openpgp.signatures import SignatureType

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wasmpuck.config import HTTPSettings
    from wasmpuck.keyserver import Admission, Keyserver
    from wasmpuck.metrics import Metrics
    from wasmpuck.storage.protocol import Record

__all__ = ["HKP", "Lookup", "parse_lookup", "uploaded_certificates"]

KEYS_TYPE = "application/pgp-keys"
"""Armored certificates (RFC 3156 §7)."""

BINARY_TYPE = "application/pgp"
"""Certificates as they are (draft-gallagher-openpgp-hkp §5)."""

_POLICY_CODES = frozenset(RefusalCode)
_FORM_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 32
_LONGEST_LEGACY_FINGERPRINT = 40
"""Hexadecimal digits of a version 4 fingerprint (RFC 9580 §5.5.4.2); version 6 has 64."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """The parameters of `/pks/lookup`, first occurrence of each (§6.1)."""

    operation: str
    search: str
    options: frozenset[str]
    exact: bool


def parse_lookup(query: MultiMapping[str], longest: int) -> Lookup:
    """Reads the parameters; `longest` bounds the search's characters.

    `fingerprint` and unknown parameters and options are passed over (§6.1.3: fingerprints are always given). Raises
    `BadRequest` for a missing operation or search, or one that no key can match.
    """
    operation = query.get("op", "")
    if not operation:
        raise BadRequest("the parameter op is missing", hint="Known: get, hget, index, vindex, stats.")
    options = query.get("options")
    search = query.get("search", "").strip()
    if operation != "stats":
        if not search:
            raise BadRequest(
                "the parameter search is missing", hint="Give a fingerprint, a key id (0x…) or an e-mail address."
            )
        if len(search) > longest:
            raise BadRequest(f"the search is longer than {longest} characters")
        if "\x00" in search:
            raise BadRequest("the search contains a NUL character")
    return Lookup(
        operation,
        search,
        frozenset(option.strip() for option in options.split(",")) if options else frozenset(),
        query.get("exact", "").lower() in {"on", "1", "true", "yes"},
    )


def uploaded_certificates(content_type: str, body: bytes) -> tuple[bytes, frozenset[str]]:
    """The certificates in an upload's body, armored or not, and the form's options.

    `content_type` is the media type without parameters. A form's certificates are its field `keytext` (§6.2); bodies of
    the types of OpenPGP data hold nothing but certificates. Raises `UnsupportedMediaType` for another type,
    `BadRequest` for a form without `keytext` or an empty body.
    """
    options: frozenset[str] = frozenset()
    if content_type == _FORM_TYPE:
        try:
            # Latin-1 keeps every byte as it is: armor is ASCII, and binary data in a form is not lost either.
            fields = dict(
                reversed(parse_qsl(body.decode("latin-1"), True, encoding="latin-1", max_num_fields=_MOST_FIELDS))
            )
        except ValueError as error:
            raise BadRequest(f"the form has more than {_MOST_FIELDS} fields") from error
        if not fields.get("keytext", "").strip():
            raise BadRequest("the form has no field keytext", hint="Put the armored certificates into keytext.")
        body = fields["keytext"].encode("latin-1")
        options = frozenset(fields.get("options", "").split(","))
    elif content_type not in (BINARY_TYPE, KEYS_TYPE):
        raise UnsupportedMediaType(
            f"a body of type {content_type} is not taken", hint=f"Send {_FORM_TYPE}, {KEYS_TYPE} or {BINARY_TYPE}."
        )
    if not body:
        raise BadRequest("the request has no body", hint="Send certificates.")
    return body, options


class HKP:
    """The handlers of `/pks/lookup` and `/pks/add`. Lives as long as the application."""

    def __init__(
        self, keyserver: Keyserver, settings: HTTPSettings, metrics: Metrics, admission: Admission | None
    ) -> None:
        self._keyserver = keyserver
        self._settings = settings
        self._metrics = metrics
        self._admission = admission
        self._operations: dict[str, Callable[[web.Request, Lookup], Awaitable[web.Response]]] = {
            "get": self._get,
            "hget": self._get,
            "index": self._index,
            "vindex": self._index,
            "stats": self._stats,
        }

    async def lookup(self, request: web.Request) -> web.Response:
        """`GET /pks/lookup` (§6.1).

        404 when nothing matches, 400 when the query makes no sense, 501 for an operation that is not known.
        """
        lookup = parse_lookup(request.query, self._settings.max_search_characters)
        operation = self._operations.get(lookup.operation)
        if operation is None:
            raise UnsupportedOperation(
                f"the operation {lookup.operation!r} is not supported", hint="Known: get, hget, index, vindex, stats."
            )
        return await operation(request, lookup)

    async def stats(self, request: web.Request) -> web.Response:
        """`GET /pks/stats`: the same as `op=stats`."""
        options = frozenset(request.query.get("options", "").split(","))
        return await self._stats(request, Lookup("stats", "", options, False))

    async def _find(self, lookup: Lookup) -> list[Record]:
        if lookup.operation == "hget":
            record = await self._keyserver.by_digest(lookup.search)
            records = [] if record is None else [record]
        else:
            records = await self._keyserver.find(lookup.search, exact=lookup.exact, limit=self._settings.max_results)
        if not records:
            raise NotFound("no key matches this search")
        return records

    async def _get(self, request: web.Request, lookup: Lookup) -> web.Response:
        """The certificates themselves: armored, or binary with the option `bin`.

        Armored answers are for clients of the legacy protocol, which cannot read certificates beyond version 4.
        """
        records = await self._find(lookup)
        if "bin" in lookup.options:
            body, content_type, suffix = b"".join([record.data for record in records]), BINARY_TYPE, "pgp"
        else:
            records = _legacy(records)
            body = armor(served_to_legacy(records)).encode("ascii")
            content_type, suffix = KEYS_TYPE, "asc"
        return web.Response(
            body=body,
            headers={
                "Content-Type": content_type,
                "Content-Disposition": f'attachment; filename="{records[0].fingerprint}.{suffix}"',
            },
        )

    async def _index(self, request: web.Request, lookup: Lookup) -> web.Response:
        """A listing: machine readable, JSON, or a page."""
        records = _legacy(await self._find(lookup))
        summaries, now = [record.summary for record in records], time()
        if "json" in lookup.options:
            return _json(formats.listing_json(summaries))
        if "mr" in lookup.options:
            return web.Response(
                text=formats.machine_readable(summaries, now), content_type="text/plain", charset="utf-8"
            )
        if form_of(request.headers.get("Accept")) is Form.JSON:
            return _negotiated(_json(formats.listing_json(summaries)))
        page = ui.listing_page(lookup.search, summaries, now, detailed=lookup.operation == "vindex")
        return _negotiated(ui.page_response(page))

    async def _stats(self, request: web.Request, lookup: Lookup) -> web.Response:
        statistics = await self._keyserver.statistics()
        self._metrics.store_counted(statistics.total)
        wants_json = form_of(request.headers.get("Accept")) is Form.JSON
        if wants_json or not lookup.options.isdisjoint({"json", "mr"}):
            return _negotiated(_json(formats.statistics_json(statistics, self._settings, time())))
        return _negotiated(ui.page_response(ui.statistics_page(statistics, self._settings, time())))

    async def add(self, request: web.Request) -> web.Response:
        """`POST /pks/add` (§6.2): a form with `keytext`, or a body of OpenPGP data.

        200 with a report when at least one certificate was taken or was already known, even if others were refused.
        When every one was refused, 403 if a plugin's admission rule did so and 422 if the data did not hold; the report
        is the same. gpg only looks at the status, people see the reasons: a page for browsers, JSON for the rest.
        """
        body = await read_body(request, self._settings)
        self._metrics.received(len(body))
        data, options = uploaded_certificates(request.content_type, body)
        report = await self._keyserver.submit(
            data, origin=Origin.UPLOAD, client=request.get(CLIENT, ""), admission=self._admission
        )
        self._metrics.submitted(
            Origin.UPLOAD,
            inserted=len(report.inserted),
            updated=len(report.updated),
            ignored=len(report.ignored),
            rejected=[refused.code for refused in report.rejected],
        )
        status = HTTPStatus.OK
        if not (report.inserted or report.updated or report.ignored):
            judged = any(refused.code not in _POLICY_CODES for refused in report.rejected)
            status = HTTPStatus.FORBIDDEN if judged else HTTPStatus.UNPROCESSABLE_ENTITY
        asked = options | frozenset(request.query.get("options", "").split(","))
        browser = form_of(request.headers.get("Accept")) is Form.HTML and asked.isdisjoint({"json", "mr"})
        if browser:
            return _negotiated(ui.page_response(ui.report_page(report), status))
        return _negotiated(_json(formats.report_json(report), status))


def served_to_legacy(records: list[Record]) -> bytes:
    """The certificates' bytes; those that gpg could not import come first, as bare revocations.

    gpg discards a certificate without user ids, and with it the news that the key is revoked. The revocation signature
    alone (RFC 9580 §5.2.1.11) does reach a copy that it has.
    """
    bare = [record for record in records if _is_nameless(record.data) and record.summary["revoked"]]
    if not bare:
        return b"".join([record.data for record in records])
    revocations = [
        bytes(signature.packet)
        for record in bare
        for signature in Certificate.parse(record.data).direct
        if signature.type == SignatureType.KEY_REVOCATION
    ]
    return b"".join([*revocations, *(record.data for record in records if record not in bare)])


def _is_nameless(data: bytes) -> bool:
    """Whether a certificate in canonical order has no user id: those come before anything but direct signatures.

    Spares the common look-up the decoding of its summary.
    """
    offset = 0
    while header := read_header(data, offset):
        tag, start, size = header
        if tag not in (Tag.PUBLIC_KEY, Tag.SIGNATURE):
            return tag != Tag.USER_ID
        offset = start + size
    return True


def _legacy(records: list[Record]) -> list[Record]:
    kept = [record for record in records if len(record.fingerprint) <= _LONGEST_LEGACY_FINGERPRINT]
    if not kept:
        raise NotFound(
            "only keys newer than version 4 match this search",
            hint="Old clients cannot read them, so they are only given with options=bin.",
        )
    return kept


def _json(text: str, status: int = HTTPStatus.OK) -> web.Response:
    return web.Response(text=text, status=status, content_type="application/json", charset="utf-8")


def _negotiated(response: web.Response) -> web.Response:
    response.headers["Vary"] = "Accept"
    return response
