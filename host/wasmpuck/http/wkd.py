"""A Web Key Directory for the operator's own domains (draft-koch-openpgp-webkey-service §3), by both methods.

Advanced: the domain is in the path, and the host is `openpgpkey.` and the domain. Direct: the host is the domain.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import web

from wasmpuck.errors import BadRequest, NotFound
from wasmpuck.http.answers import Keeping, preflight
from wasmpuck.keyserver.webkeys import HashedNames, hashed
from wasmpuck.mail import BadMailbox, Mailbox, domain_of_host

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings, WKDSettings
    from wasmpuck.keyserver.directory import Directory

__all__ = ["PROTOCOL_VERSION", "WKD"]

PROTOCOL_VERSION = 21
"""The draft's number, for the policy file (§4.5)."""

_HASH = re.compile(r"[ybndrfg8ejkmcpqxot1uwisza345h769]{32}")
_ROOT = "/.well-known/openpgpkey"


class WKD:
    """The handlers below `/.well-known/openpgpkey/`. Lives as long as the application."""

    def __init__(self, directory: Directory, names: HashedNames, wkd: WKDSettings, settings: HTTPSettings) -> None:
        self._directory = directory
        self._names = names
        self._settings = wkd
        self._domains = frozenset(wkd.domains)
        self._keeping = Keeping(settings, cut=True)

    def routes(self) -> list[web.RouteDef]:
        """Each route by both methods."""
        routes: list[web.RouteDef] = []
        for root in (_ROOT, _ROOT + "/{domain:[^/]+}"):
            for path, handler in (
                ("hu/{hash:[^/]+}", self.key),
                ("policy", self.policy),
                ("submission-address", self.submission_address),
            ):
                routes += [web.get(f"{root}/{path}", handler), web.options(f"{root}/{path}", preflight("GET", "HEAD"))]
        return routes

    def _domain(self, request: web.Request) -> str:
        domain = domain_of_host(request.match_info.get("domain", request.host))
        if domain is None or domain not in self._domains:
            raise NotFound("this server is no Web Key Directory for this domain")
        return domain

    async def key(self, request: web.Request) -> web.StreamResponse:
        """`hu/<hash>?l=<local part>` (§3.1): the certificate of a mailbox, not armored; 404 when there is none.

        Only with the user ids of this mailbox. A revoked certificate of it may follow.
        """
        domain = self._domain(request)
        digest = request.match_info["hash"]
        if not _HASH.fullmatch(digest):
            raise NotFound("this is no hash of a Web Key Directory")
        mailbox = await self._mailbox(domain, digest, request.query.get("l"))
        records = []
        if mailbox is not None:
            verified_only = self._settings.publish == "verified"
            records = await self._directory.for_mailbox(mailbox, verified_only=verified_only)
        if not records:
            raise NotFound("no key for this address")
        headers = {"Content-Type": "application/octet-stream"}
        return self._keeping.answer(request, records, "d", lambda: b"".join([each.data for each in records]), headers)

    async def _mailbox(self, domain: str, digest: str, local: str | None) -> Mailbox | None:
        if local is None:
            return await self._names.find(domain, digest)
        try:
            mailbox = Mailbox.parse(f"{local}@{domain}")
        except BadMailbox:
            return None
        if hashed(mailbox.local) != digest:
            raise BadRequest("the hash in the path is not that of l", hint="Leave l away, or give what precedes the @.")
        return mailbox

    async def policy(self, request: web.Request) -> web.StreamResponse:
        """`policy` (§4.5): keywords a line each; its presence alone says that the domain has a directory."""
        self._domain(request)
        lines = [f"protocol-version: {PROTOCOL_VERSION}", *self._settings.policy]
        if self._settings.submission_address:
            lines.append(f"submission-address: {self._settings.submission_address}")
        return web.Response(text="".join(f"{line}\n" for line in lines), content_type="text/plain", charset="utf-8")

    async def submission_address(self, request: web.Request) -> web.StreamResponse:
        """`submission-address` (§4.1): where the domain takes keys by mail; 404 where it does not."""
        self._domain(request)
        if not self._settings.submission_address:
            raise NotFound("this domain takes no keys by mail")
        return web.Response(text=f"{self._settings.submission_address}\n", content_type="text/plain", charset="utf-8")
