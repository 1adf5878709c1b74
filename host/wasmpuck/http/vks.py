"""VKS, the interface of verifying keyservers such as keys.openpgp.org: keys by address, for addresses that were
confirmed."""

from __future__ import annotations

import base64
import binascii
import functools
import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiohttp import web

from wasmpuck.errors import BadRequest, ClientError, NotFound, PayloadTooLarge, Unprocessable, WasmpuckError
from wasmpuck.http.answers import Keeping, outcome_of, preflight
from wasmpuck.http.body import RequestTimeout, UnsupportedMediaType, expect_later, read_body
from wasmpuck.http.client import CLIENT, population_of
from wasmpuck.http.problems import RETRY_AFTER_SECONDS, route_of, status_of
from wasmpuck.keyserver.verification import Upload
from wasmpuck.mail import Mailbox
from wasmpuck.openpgp.armor import armor, dearmor, looks_armored
from wasmpuck.openpgp.facts import Origin
from wasmpuck.openpgp.packets import Tag, walk
from wasmpuck.openpgp.userids import display_text

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings
    from wasmpuck.keyserver import Admission, Keyserver
    from wasmpuck.keyserver.directory import Directory
    from wasmpuck.keyserver.verification import Verification
    from wasmpuck.metrics import Metrics
    from wasmpuck.storage import Record

__all__ = ["VKS"]

_log = logging.getLogger("wasmpuck.http")

_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}")
_KEY_ID = re.compile(r"[0-9A-Fa-f]{16}")
_MOST_LOCALES = 16
_LONGEST_WISH = 64 * 1024  # bytes: a token that names dozens of addresses, and these addresses

_Handler = Callable[["VKS", web.Request], Awaitable[web.StreamResponse]]


def _with_json_errors(handler: _Handler) -> _Handler:
    """A failed POST is answered with JSON that has one attribute, `error` (VKS, "Error handling")."""

    @functools.wraps(handler)
    async def guarded(self: VKS, request: web.Request) -> web.StreamResponse:
        try:
            return await handler(self, request)
        except (WasmpuckError, TimeoutError) as error:
            return _failure(request, error)

    return guarded


def _failure(request: web.Request, error: WasmpuckError | TimeoutError) -> web.Response:
    status = status_of(error)
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, ClientError):
        text = f"{error.message.removesuffix('.')}. {error.hint}" if error.hint else error.message
        retry = getattr(error, "retry_after", None)
    else:
        reference = secrets.token_hex(4)
        text, retry = f"the server failed; reference for its operator: {reference}", None
        _log.error("%s failed (%s): %s", route_of(request), reference, error)
    if status == 503:
        retry = RETRY_AFTER_SECONDS
    if retry is not None:
        headers["Retry-After"] = str(retry)
    response = web.json_response({"error": text}, status=status, headers=headers)
    if isinstance(error, RequestTimeout) or status == 413:
        response.force_close()
    return response


class VKS:
    """The handlers below `/vks/v1/`. Lives as long as the application."""

    def __init__(
        self,
        keyserver: Keyserver,
        directory: Directory,
        verification: Verification,
        settings: HTTPSettings,
        metrics: Metrics,
        admission: Admission | None,
    ) -> None:
        self._keyserver = keyserver
        self._directory = directory
        self._verification = verification
        self._settings = settings
        self._metrics = metrics
        self._admission = admission
        self._keeping = Keeping(settings, cut=directory.disclosure.verified_only)

    def routes(self) -> list[web.RouteDef]:
        """Every route."""
        lookups = {
            "by-fingerprint/{fingerprint:[^/]+}": self.by_fingerprint,
            "by-keyid/{key_id:[^/]+}": self.by_key_id,
            "by-email/{address:(?s:.+)}": self.by_email,
        }
        routes = [web.get(f"/vks/v1/{path}", handler) for path, handler in lookups.items()]
        routes += [web.options(f"/vks/v1/{path}", preflight("GET", "HEAD")) for path in lookups]
        for path, handler in (("upload", self.upload), ("request-verify", self.request_verify)):
            routes += [
                web.post(f"/vks/v1/{path}", handler, expect_handler=expect_later),
                web.options(f"/vks/v1/{path}", preflight("POST", accept="application/json")),
            ]
        return routes

    # --- look up -------------------------------------------------------------------------------

    async def by_fingerprint(self, request: web.Request) -> web.StreamResponse:
        """The certificate with this fingerprint, of its primary key or of a subkey."""
        fingerprint = request.match_info["fingerprint"]
        if not _FINGERPRINT.fullmatch(fingerprint):
            raise BadRequest("this is no fingerprint", hint="40 or 64 hexadecimal digits, without 0x.")
        return await self._answer(request, await self._keyserver.store.fetch([fingerprint.lower()]), stable=True)

    async def by_key_id(self, request: web.Request) -> web.StreamResponse:
        """The certificate with this key id; all of them, should several have it."""
        key_id = request.match_info["key_id"]
        if not _KEY_ID.fullmatch(key_id):
            raise BadRequest("this is no key id", hint="16 hexadecimal digits, without 0x.")
        limit = self._settings.max_results
        return await self._answer(request, await self._keyserver.store.fetch_by_key_id(key_id.lower(), limit=limit))

    async def by_email(self, request: web.Request) -> web.StreamResponse:
        """The certificate that was confirmed last for this address; what nobody confirmed is not found."""
        mailbox = Mailbox.parse(request.match_info["address"].strip())
        record = await self._directory.published(mailbox)
        return await self._answer(request, [] if record is None else [record])

    async def _answer(
        self, request: web.Request, found: Sequence[Record], *, stable: bool = False
    ) -> web.StreamResponse:
        records = await self._directory.disclosure.records(found)
        if not records:
            raise NotFound("no key found")
        headers = {
            "Content-Type": "application/pgp-keys",
            "Content-Disposition": f'attachment; filename="{records[0].fingerprint.upper()}.asc"',
            "Vary": "Accept-Encoding",
        }
        return self._keeping.answer(
            request,
            records,
            "k",
            lambda: armor(b"".join([record.data for record in records])).encode("ascii"),
            headers,
            stable=stable,
        )

    # --- take in -------------------------------------------------------------------------------

    @_with_json_errors
    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Takes one certificate; says which of its addresses are published, and gives the token to have more be so.

        202 without a token when it is in quarantine, with the reason in `comment`.
        """
        data = await self._keyserver.workers.read(_key_text, await self._body(request))
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
        taken = [*report.inserted, *report.updated, *report.ignored]
        if report.rejected:
            refused = _Refused(report.rejected[0].comment)
            refused.status = 422 if taken else outcome_of(report)
            raise refused
        if report.quarantined:
            return _reply(Upload(report.quarantined[0].fingerprint, {}, ""), 202, report.quarantined[0].comment)
        if len(taken) != 1:
            raise Unprocessable("several certificates were stored, but addresses are confirmed for one at a time")
        user_ids = await self._keyserver.workers.read(_user_ids, data)
        return _reply(await self._verification.uploaded(taken[0].fingerprint, user_ids), comment=taken[0].comment)

    @_with_json_errors
    async def request_verify(self, request: web.Request) -> web.StreamResponse:
        """Sends letters to addresses of an uploaded certificate."""
        body = await self._body(request)
        if len(body) > _LONGEST_WISH:
            raise PayloadTooLarge(f"the body is longer than {_LONGEST_WISH:,} bytes", hint="Name fewer addresses.")
        fields = await self._keyserver.workers.read(_fields, body)
        token = fields.get("token")
        if not isinstance(token, str):
            raise BadRequest("the field token is missing", hint="It comes with the answer to an upload.")
        addresses = _texts(fields, "addresses")
        locales = _texts(fields, "locale")[:_MOST_LOCALES]
        client = population_of(request.get(CLIENT, ""))
        return _reply(await self._verification.request(token, addresses, locales, client=client))

    async def _body(self, request: web.Request) -> bytes:
        if request.content_type != "application/json":
            raise UnsupportedMediaType(f"a body of type {request.content_type} is not taken", hint="Send JSON.")
        body = await read_body(request, self._settings)
        self._metrics.received(len(body))
        return body


class _Refused(ClientError):
    """A certificate that was not taken; the status depends on who refused it."""


def _fields(body: bytes) -> Mapping[str, Any]:
    """The attributes of the JSON object in a request. Raises `BadRequest`. Takes up to 0.5 s for each MiB."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON", hint="Send a JSON object, in UTF-8.") from None
    if not isinstance(fields, dict):
        raise BadRequest("the body is JSON, but no object", hint="Put the fields into an object.")
    return fields


def _key_text(body: bytes) -> bytes:
    """The bytes of `keytext` in a request: armor, or base64 of the packets. Raises `BadRequest`."""
    text = _fields(body).get("keytext")
    if not isinstance(text, str) or not text.strip():
        raise BadRequest("the field keytext is missing", hint="Put an armored certificate into it.")
    if "-----BEGIN" in text:
        return text.encode("utf-8", "replace")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("keytext is neither armor nor base64", hint="Send what gpg --export --armor wrote.") from None


def _user_ids(data: bytes) -> list[str]:
    """The texts of the user ids in an upload that was taken."""
    packets = walk(dearmor(data) if looks_armored(data) else data)
    return [display_text(packet.body) for packet in packets if packet.tag == Tag.USER_ID]


def _texts(fields: Mapping[str, Any], name: str) -> list[str]:
    values = fields.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise BadRequest(f"the field {name} is no list of strings")
    return values


def _reply(upload: Upload, status: int = 200, comment: str = "") -> web.Response:
    """`comment` says why a plugin keeps the certificate back, or changed it."""
    states = {address: state.value for address, state in upload.status.items()}
    fields = {"key_fpr": upload.fingerprint.upper(), "status": states, "token": upload.token}
    if comment:
        fields["comment"] = comment
    return web.json_response(fields, status=status, headers={"Cache-Control": "no-store"})
