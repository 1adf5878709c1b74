"""Taking certificates in by HKP version 2 (draft-ietf-openpgp-hkp §5.2): bundles, and bundles with a proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from wasmpuck.errors import ClientError, Unprocessable
from wasmpuck.http import formats2
from wasmpuck.http.answers import outcome_of, preflight
from wasmpuck.http.body import UnsupportedMediaType, expect_later, read_body
from wasmpuck.http.client import CLIENT, population_of
from wasmpuck.http.multipart import form_part
from wasmpuck.openpgp.facts import Origin

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings
    from wasmpuck.keyserver import Admission, Keyserver, SubmitReport
    from wasmpuck.keyserver.canonical import Canonical
    from wasmpuck.metrics import Metrics

__all__ = ["BUNDLE", "BUNDLE_BEFORE", "PROVED", "SUBMISSIONS", "Bundles", "Submissions", "Unauthorized", "identity_in"]

BUNDLE = "application/pgp"
"""Certificates one after the other, not armored (§7.1)."""

BUNDLE_BEFORE = "application/pgp-keys;armor=no"
"""The same by the name that it had in drafts before the working group's."""

SUBMISSIONS = f"{BUNDLE}, {BUNDLE_BEFORE}, multipart/form-data"
"""What a submission may be (§5.2.4, §5.2.5)."""

PROVED = f"{BUNDLE};proof=tokens, {BUNDLE_BEFORE};proof=tokens"
"""What a submission with a token may be (§5.2.6)."""


class Unauthorized(ClientError):
    """A request that needs a proof and has none."""

    status = 401


def identity_in(request: web.Request, settings: HTTPSettings) -> str:
    """The identity in the path. Raises `Unprocessable` for what cannot be one."""
    identity = request.match_info["identity"].strip()
    if not identity or len(identity) > settings.max_search_characters or not identity.isprintable():
        raise Unprocessable("this is no identity", hint="Give an e-mail address or the whole text of a user id.")
    return identity


class Submissions:
    """The handler of `POST certs`. Lives as long as the application."""

    def __init__(
        self, keyserver: Keyserver, settings: HTTPSettings, metrics: Metrics, admission: Admission | None
    ) -> None:
        self._keyserver = keyserver
        self._settings = settings
        self._metrics = metrics
        self._admission = admission

    def routes(self) -> list[web.RouteDef]:
        """Its own."""
        return [
            web.post("/pks/v2/certs", self.submit, expect_handler=expect_later),
            web.options("/pks/v2/certs", preflight("POST", accept=SUBMISSIONS)),
        ]

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """`POST certs` (§5.2.1): a bundle as it is, or a form with the part `keytext`. See `answers.outcome_of`."""
        report = await self.take(request)
        return web.Response(
            text=formats2.submission_json(report), status=outcome_of(report), content_type="application/json"
        )

    async def take(self, request: web.Request) -> SubmitReport:
        """Reads the bundle in a request and submits it.

        Raises `UnsupportedMediaType`; `Unprocessable` for a body that is no bundle (§4.2).
        """
        body = await read_body(request, self._settings)
        self._metrics.received(len(body))
        match request.content_type:
            case "multipart/form-data":
                body = form_part(request.headers.get("Content-Type", ""), body, "keytext")
            case "application/pgp" | "application/pgp-keys" | "application/octet-stream":
                pass
            case other:
                raise UnsupportedMediaType(f"a body of type {other} is not taken", hint=f"Send one of: {SUBMISSIONS}.")
        if not body:
            raise Unprocessable("there are no certificates in this request", hint="Send at least one.")
        try:
            report = await self._keyserver.submit(
                body, origin=Origin.UPLOAD, client=request.get(CLIENT, ""), admission=self._admission
            )
        except ClientError as error:
            if error.status == 400:  # §4.2: a body that is not understood is 422 here
                raise Unprocessable(error.message, hint=error.hint) from None
            raise
        self._metrics.submitted(
            Origin.UPLOAD,
            inserted=len(report.inserted),
            updated=len(report.updated),
            ignored=len(report.ignored),
            quarantined=len(report.quarantined),
            rejected=[refused.code for refused in report.rejected],
        )
        return report


class Bundles:
    """The handlers of `sendtoken` and `PUT canonical`. Lives as long as the application."""

    def __init__(self, canonical: Canonical, submissions: Submissions, settings: HTTPSettings) -> None:
        self._canonical = canonical
        self._submissions = submissions
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        """But for the `OPTIONS` of `canonical`, which is there without them too."""
        return [
            web.put("/pks/v2/canonical/{identity:(?s:.+)}", self.set_canonical, expect_handler=expect_later),
            web.post("/pks/v2/sendtoken", self.send_token, expect_handler=expect_later),
            web.options("/pks/v2/sendtoken", preflight("POST", accept="text/plain")),
        ]

    async def set_canonical(self, request: web.Request) -> web.StreamResponse:
        """`PUT canonical` (§5.2.3): what is given for an identity from now on, by who has a token for its mailbox.

        401 without a token that holds; 422 when a certificate was refused or does not have the identity, 202 when one
        is in quarantine, and the token can be used again then.
        """
        identity = identity_in(request, self._settings)
        proof = self._canonical.prove(_bearer(request), identity)
        report = await self._submissions.take(request)
        if not report.rejected and not report.quarantined:
            taken = [*report.inserted, *report.updated, *report.ignored]
            await self._canonical.choose(proof, [entry.fingerprint for entry in taken])
        status = 422 if report.rejected else 202 if report.quarantined else 200
        return web.Response(text=formats2.submission_json(report), status=status, content_type="application/json")

    async def send_token(self, request: web.Request) -> web.StreamResponse:
        """`POST sendtoken` (§5.2.2): mails a token for `PUT canonical` to the address in the body; says nothing."""
        if request.content_type not in ("text/plain", "application/octet-stream"):
            raise UnsupportedMediaType(f"a body of type {request.content_type} is not taken", hint="Send text/plain.")
        body = await read_body(request, self._settings)
        try:
            address = body.decode().strip()
        except UnicodeDecodeError:
            raise Unprocessable("the body is not UTF-8", hint="Send one e-mail address.") from None
        self._canonical.send_token(address, client=population_of(request.get(CLIENT, "")))
        return web.Response()


def _bearer(request: web.Request) -> str:
    """The token of a request: the draft calls the header `Authentication` (§5.2.4.1), HTTP calls it `Authorization`."""
    for name in ("Authentication", "Authorization"):
        scheme, _, token = request.headers.get(name, "").strip().partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip()
    raise Unauthorized("this needs a token", hint="Ask for one with POST /pks/v2/sendtoken; it comes by mail.")
