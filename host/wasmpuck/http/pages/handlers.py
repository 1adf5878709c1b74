"""The handlers of the pages that only browsers ask for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from wasmpuck.config import OpenPGPSettings
from wasmpuck.config.fields import settings_of
from wasmpuck.errors import BadRequest, NotFound
from wasmpuck.http.caching import not_modified, tag_of_text
from wasmpuck.http.html import PAGE_HEADERS
from wasmpuck.http.pages.details import details_of
from wasmpuck.http.pages.front import front_page, submit_page
from wasmpuck.http.pages.help import Query, help_page
from wasmpuck.http.pages.key import key_page
from wasmpuck.http.visit import current
from wasmpuck.openpgp.certificate import Certificate
from wasmpuck.openpgp.policy import Policy
from wasmpuck.storage.protocol import Record

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings
    from wasmpuck.keyserver import Keyserver
    from wasmpuck.keyserver.disclosure import Disclosure

__all__ = ["Pages", "page_response", "pages_of", "robots"]

_FINGERPRINT = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})", re.IGNORECASE)
_LARGE = 65_536
"""Bytes of a certificate that are read in a thread, so that other requests need not wait."""

_SHORT = "public, max-age=300"
"""For pages that change with the configuration only."""

_ASK_AGAIN = "no-cache"
"""For pages that change with what is stored."""


def page_response(body: str, status: int = HTTPStatus.OK) -> web.Response:
    """A page with its headers."""
    return web.Response(text=body, status=status, content_type="text/html", charset="utf-8", headers=PAGE_HEADERS)


def pages_of(keyserver: Keyserver, settings: HTTPSettings, disclosure: Disclosure) -> Pages:
    """The handlers, for a keyserver, its listener's settings, and what of a key may be shown."""
    policy, rules = keyserver.policy, keyserver.finder.rules
    limits = OpenPGPSettings(**{each.field: getattr(policy, each.field) for each in settings_of(OpenPGPSettings)})

    async def find(fingerprint: str) -> Sequence[Record]:
        found = (await keyserver.page(f"0x{fingerprint}")).records
        return await disclosure.records([record for record in found if not policy.blocks(record.fingerprint)])

    return Pages(
        find,
        longest_search=settings.max_search_characters,
        most_bytes=settings.max_body_bytes,
        queries=(
            ("fingerprint", "EB85BB5FA33A75E15E944E63F231550C4F47E38E", True),
            ("key_id", "0xF231550C4F47E38E", True),
            ("short_key_id", "0x4F47E38E", rules.short_key_ids),
            ("email", "alice@example.org", True),
            ("user_id", "Alice Lovelace <alice@example.org>", True),
            ("words", "alice lovelace", rules.words),
            ("domain", f"@{rules.domains[0]}" if set(rules.domains) - {"*"} else "@example.org", bool(rules.domains)),
        ),
        limits=(("http", settings), ("openpgp", limits)),
        policy=policy,
    )


class Pages:
    """Lives as long as the application.

    `find` looks a fingerprint up and returns what may be shown. `queries`, `limits`
    and `policy` are what the help page says.
    """

    def __init__(
        self,
        find: Callable[[str], Awaitable[Sequence[Record]]],
        *,
        longest_search: int,
        most_bytes: int,
        queries: Sequence[Query],
        limits: Iterable[tuple[str, Any]],
        policy: Policy,
    ) -> None:
        self._find = find
        self._longest_search = longest_search
        self._most_bytes = most_bytes
        self._queries = queries
        self._limits = tuple(limits)
        self._policy = policy

    async def front(self, request: web.Request) -> web.Response:
        """`GET /`: search."""
        return _kept(request, front_page(self._longest_search), _SHORT)

    async def submit(self, request: web.Request) -> web.Response:
        """`GET /submit`: the forms for an upload."""
        return _kept(request, submit_page(self._most_bytes), _SHORT)

    async def help(self, request: web.Request) -> web.Response:
        """`GET /help`."""
        return _kept(request, help_page(self._queries, self._limits, self._policy), _SHORT)

    async def key(self, request: web.Request) -> web.Response:
        """`GET /key/{fingerprint}`: a key; that of a subkey leads to the key that has it.

        404 when nothing has this fingerprint, 400 when it is none.
        """
        asked = request.match_info["fingerprint"].removeprefix("0x").lower()
        if not _FINGERPRINT.fullmatch(asked):
            raise BadRequest("this is not a fingerprint", hint="It has 40 hexadecimal digits, or 64 for version 6.")
        found = await self._find(asked)
        if not found:
            raise NotFound("no key has this fingerprint")
        record = next((each for each in found if each.fingerprint == asked), None)
        if record is None:
            visit = current()
            if len(found) > 1:
                raise web.HTTPFound(visit.link("/pks/lookup", op="vindex", search=f"0x{asked}"))
            raise web.HTTPFound(visit.link(f"/key/{found[0].fingerprint}"))
        if len(record.data) > _LARGE:
            certificate = await asyncio.to_thread(Certificate.parse, record.data)
        else:
            certificate = Certificate.parse(record.data)
        stored = (record.created, record.modified)
        return _kept(request, key_page(record.summary, details_of(certificate), stored, time()), _ASK_AGAIN)


def _kept(request: web.Request, body: str, cache: str) -> web.Response:
    """The page, or the news that the browser has it already."""
    tag = tag_of_text(body)
    known = not_modified(request, tag, None)
    if known is not None:
        headers = {"ETag": known, "Cache-Control": cache, "Vary": "Accept-Encoding, Accept-Language"}
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    response = page_response(body)
    response.headers.update({"ETag": tag, "Cache-Control": cache})
    return response


async def robots(request: web.Request) -> web.Response:
    """`GET /robots.txt`: search engines are kept away from keys."""
    return web.Response(text="User-agent: *\nDisallow: /pks/\nDisallow: /key/\n")
