"""Who is reading: the language of the request in progress, and what every page of this server says.

The first middleware notes the request; pages ask `current()` when they are made, so that an answer that is no page
costs nothing. Outside a request, and in tests, pages are in English.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from aiohttp import web

from wasmpuck.errors import OperatorError
from wasmpuck.http.catalogue import CATALOGUES, ORIGINAL, Catalogue, Value, negotiate
from wasmpuck.http.client import CLIENT
from wasmpuck.http.markup import Content, Markup, element

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings, WebSettings

__all__ = [
    "LANGUAGE",
    "SITE",
    "Site",
    "Visit",
    "begin_visit",
    "current",
    "describe_language",
    "end_visit",
    "in_original",
    "plain",
    "say",
    "site_of",
]

LANGUAGE = "lang"
"""The parameter of a query that chooses a language."""

_LONGEST_QUERY = 2048


@dataclass(frozen=True, slots=True)
class Site:
    """What pages say about this server.

    `title` is empty where the operator gave none. `plugins` returns the rows of `Lifecycle.report`; None where they are
    not to be shown. `addresses` says whether e-mail addresses are shown whole. `language` answers those who ask for
    none that there is.
    """

    title: str = ""
    hostname: str = "localhost"
    contact: str = ""
    language: str = ORIGINAL
    addresses: bool = True
    plugins: Callable[[], Sequence[Mapping[str, Any]]] | None = None


def site_of(settings: HTTPSettings, pages: WebSettings, plugins: Callable[[], Sequence[Mapping[str, Any]]]) -> Site:
    """What pages say, by the configuration. Raises OperatorError for a language that there is not."""
    if pages.language not in CATALOGUES:
        raise OperatorError(
            f"web.language: there are no pages in {pages.language!r}", hint=f"choose one of {', '.join(CATALOGUES)}"
        )
    return Site(
        title=pages.title,
        hostname=settings.hostname,
        contact=settings.contact,
        language=pages.language,
        addresses=pages.addresses == "shown",
        plugins=plugins if pages.plugins else None,
    )


SITE = web.AppKey("site", Site)
"""Where an application keeps it."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, as far as its page depends on it. `chosen` is the code of a language that the URL names, else empty.

    `path` and `query` are those of the page, None where it cannot be asked for again (the answer to a POST).
    """

    catalogue: Catalogue = CATALOGUES[ORIGINAL]
    site: Site = field(default_factory=Site)
    chosen: str = ""
    path: str = "/"
    query: tuple[tuple[str, str], ...] | None = ()
    origin: str = "http://localhost"

    def link(self, path: str, **query: str | int) -> str:
        """The URL of another page; a language that was chosen stays chosen. `path` may end in a fragment."""
        given = [*query.items(), *([(LANGUAGE, self.chosen)] if self.chosen else [])]
        path, mark, fragment = path.partition("#")
        return f"{path}?{urlencode(given)}{mark}{fragment}" if given else f"{path}{mark}{fragment}"

    def translated(self, code: str) -> str:
        """The URL of this page in another language; of the front page where this one cannot be asked for again."""
        path, query = ("/", ()) if self.query is None else (self.path, self.query)
        return f"{path}?{urlencode([*query, (LANGUAGE, code)])}"


_REQUEST: ContextVar[web.Request | None] = ContextVar("request", default=None)
_NOBODY = Visit()
_VISIT = web.RequestKey("visit", Visit)


def begin_visit(request: web.Request) -> Token[web.Request | None]:
    """Notes the request, until `end_visit` gets what this returns."""
    return _REQUEST.set(request)


end_visit = _REQUEST.reset
"""Ends what `begin_visit` began, in the same context."""


def current() -> Visit:
    """The visit of the request in progress; an English one where there is no request."""
    request = _REQUEST.get()
    if request is None:
        return _NOBODY
    visit = request.get(_VISIT)
    if visit is None:
        visit = request[_VISIT] = _visit(request)
    return visit


def _visit(request: web.Request) -> Visit:
    site = request.app.get(SITE, _NOBODY.site)
    chosen = request.query.get(LANGUAGE, "")
    if chosen not in CATALOGUES:
        chosen = ""
    accept = request.headers.get("Accept-Language", "")
    repeatable = request.method in ("GET", "HEAD") and len(request.query_string) <= _LONGEST_QUERY
    return Visit(
        catalogue=CATALOGUES[chosen] if chosen else negotiate(accept, site.language),
        site=site,
        chosen=chosen,
        path="/" + request.rel_url.raw_path.lstrip("/\\").replace("\\", "%5C"),  # `//host/` would lead elsewhere
        query=tuple((key, value) for key, value in request.query.items() if key != LANGUAGE) if repeatable else None,
        origin=_origin(request, site),
    )


def _origin(request: web.Request, site: Site) -> str:
    """Scheme and authority as the client sees them, as far as they can be known; nothing that could act in a shell."""
    host = request.headers.get("Host", "")
    plain = host.replace(".", "").replace("-", "").replace(":", "").replace("[", "").replace("]", "")
    if not (plain.isascii() and plain.isalnum() and len(host) <= 255 and not host.startswith("-")):
        host = site.hostname
    proxied = request.get(CLIENT, request.remote) != request.remote  # a trusted proxy says for whom it asks
    secure = request.secure or (proxied and request.headers.get("X-Forwarded-Proto") == "https")
    return f"{'https' if secure else 'http'}://{host}"


def say(key: str, **values: Value) -> Markup:
    """A message in the language of the request in progress."""
    return current().catalogue.say(key, **values)


def plain(key: str, **values: str | int) -> str:
    """The same as text, for attributes and titles."""
    return current().catalogue.plain(key, **values)


def in_original(name: str, /, *contents: Content, **attributes: str | int | bool | None) -> Markup:
    """An element whose text is in English whatever the page is in, and says so (WCAG 2.2 §3.1.2)."""
    foreign = None if current().catalogue.code == ORIGINAL else ORIGINAL
    return element(name, *contents, lang=foreign, **attributes)


def describe_language(request: web.Request, response: web.StreamResponse) -> None:
    """Says in which language a page is and that it depends on what was asked for (RFC 9110 §8.5, §12.5.5)."""
    if response.content_type != "text/html" or "Content-Language" in response.headers:
        return
    visit = request.get(_VISIT) or _NOBODY
    response.headers["Content-Language"] = visit.catalogue.code
    varies = response.headers.get("Vary", "")
    response.headers["Vary"] = f"{varies}, Accept-Language" if varies else "Accept-Language"
