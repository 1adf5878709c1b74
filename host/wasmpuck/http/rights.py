"""`/pks/delete` and `/pks/replace`: what an owner or an administrator signed is done, once and here only."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from aiohttp import web

from wasmpuck.http.body import UnsupportedMediaType, expect_later, read_body
from wasmpuck.http.client import CLIENT
from wasmpuck.keyserver.owner_request import OwnerAct, request_text

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings
    from wasmpuck.keyserver.rights import Rights, RightsReport
    from wasmpuck.metrics import Metrics

__all__ = ["FORM_TYPE", "OwnerRoutes"]

FORM_TYPE = "application/x-www-form-urlencoded"
_HOUR = 3_600.0
_NO_STORE = {"Cache-Control": "no-store"}

_HELP = """\
{what}. Whoever owns the key signs a text and sends it:

  {make} | gpg --local-user FINGERPRINT --clearsign >request.asc
  curl --data-urlencode keytext@request.asc '{url}'

FINGERPRINT is that of the primary key, without blanks. The signed text names this server ({server}), a nonce and an
expiry, so that it can be used once, here, and not for long.
"""
_WHAT = {
    OwnerAct.DELETE: "Deletes a certificate from this server for good",
    OwnerAct.REPLACE: "Puts the certificate that you export in place of the one on this server, without merging",
}
_MAKE = {
    OwnerAct.DELETE: "curl '{url}?fingerprint=FINGERPRINT'",
    OwnerAct.REPLACE: "{{ curl '{url}?fingerprint=FINGERPRINT'; gpg --export --armor FINGERPRINT; }}",
}


class OwnerRoutes:
    """The handlers. Lives as long as the application."""

    paths = tuple(act.value for act in OwnerAct)

    def __init__(self, rights: Rights, settings: HTTPSettings, metrics: Metrics) -> None:
        self._rights = rights
        self._settings = settings
        self._metrics = metrics

    def routes(self) -> list[web.RouteDef]:
        """For the application's table, without `OPTIONS`."""
        return [
            route
            for act in OwnerAct
            for route in (web.get(act.value, self.text), web.post(act.value, self.obey, expect_handler=expect_later))
        ]

    async def text(self, request: web.Request) -> web.Response:
        """`GET`: a fresh text to sign for the parameter `fingerprint`; without it, how that is done."""
        act, rules = OwnerAct(request.path), self._rights.rules
        server = rules.server_names[0]
        fingerprint = "".join(request.query.get("fingerprint", "").split()).removeprefix("0x")
        if fingerprint:
            expires = time.time() + min(_HOUR, rules.longest_validity)
            text = request_text(act, server, fingerprint, expires=expires)
        else:
            url = request.url.with_query(None)
            text = _HELP.format(what=_WHAT[act], make=_MAKE[act].format(url=url), server=server, url=url)
        return web.Response(text=text, content_type="text/plain", charset="utf-8", headers=_NO_STORE)

    async def obey(self, request: web.Request) -> web.Response:
        """`POST`: 200 and a report in JSON when it is done.

        The form's field `keytext` is a cleartext-signed message; or a text whose armored detached signature is in the
        field `keysig`, as Hockeypuck's form has it.

        400 for what is not understood, 403 for what is not permitted, 404 for a deletion of what is not there, 409 for
        a request that was obeyed before, 413 and 415 for a body that is no such form, 422 for a replacement that does
        not hold.
        """
        body = await read_body(request, self._settings)
        self._metrics.received(len(body))
        if request.content_type != FORM_TYPE:
            raise UnsupportedMediaType(
                f"a body of type {request.content_type} is not taken",
                hint="Send a form: curl --data-urlencode keytext@request.asc URL",
            )
        report = await self._rights.receive(OwnerAct(request.path), body, request.get(CLIENT, ""))
        return web.Response(text=_json(report), content_type="application/json", charset="utf-8", headers=_NO_STORE)


def _json(report: RightsReport) -> str:
    """In the form of the report of `/pks/add`; lists that are empty are left out."""
    lists = {"inserted": report.inserted, "updated": report.updated, "deleted": report.deleted}
    shown = {
        name: [{"version": version, "fingerprint": fingerprint} for version, fingerprint in items]
        for name, items in lists.items()
        if items
    }
    return json.dumps(shown) + "\n"
