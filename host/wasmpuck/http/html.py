"""The frame of every page: a whole document with the server's look and nothing from elsewhere."""

from __future__ import annotations

from functools import lru_cache

from wasmpuck.http.assets import ICON, SCRIPT, STYLE
from wasmpuck.http.catalogue import CATALOGUES
from wasmpuck.http.markup import Content, Markup, element, join, stranger, text
from wasmpuck.http.visit import LANGUAGE, Visit, current

__all__ = ["PAGE_HEADERS", "Content", "Markup", "element", "join", "language_field", "page", "stranger", "text"]

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
}
"""For every page: nothing but our own style sheet, script and forms, and no search term in a referrer."""

_NAVIGATION = (("search", "/"), ("submit", "/submit"), ("statistics", "/pks/stats"), ("help", "/help"))


def page(title: str, *body: Content, here: str = "") -> str:
    """A document. `title` is plain text; `body` should begin with its only `h1`.

    `here` is the entry of the navigation that the page belongs to (`search`, `submit`, `statistics`, `help`); empty for
    none. The language is that of the request in progress.
    """
    visit = current()
    words = visit.catalogue
    name = visit.site.title or words.plain("site.title")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="robots", content="noindex, nofollow"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title if title == name else f"{title} · {name}"),
        element("link", rel="icon", href=ICON.path, type="image/svg+xml"),
        element("link", rel="stylesheet", href=STYLE.path),
        element("script", src=SCRIPT.path, defer=True),
    )
    content = element(
        "body",
        element("a", words.say("site.skip"), href="#content", class_="skip"),
        _header(words.code, visit.chosen, name, here),
        element("main", *body, id="content", tabindex=-1),
        _footer(visit),
    )
    return "<!DOCTYPE html>\n" + element("html", head, content, lang=words.code, dir=words.direction) + "\n"


@lru_cache(maxsize=128)
def _header(code: str, chosen: str, name: str, here: str) -> Markup:
    """The same for all pages of a kind in one language."""
    words = CATALOGUES[code]
    visit = Visit(catalogue=words, chosen=chosen)
    entries = (
        element(
            "li",
            element(
                "a", words.say(f"site.{entry}"), href=visit.link(path), aria_current="true" if entry == here else None
            ),
        )
        for entry, path in _NAVIGATION
    )
    return element(
        "header",
        element(
            "div",
            element(
                "a", element("img", src=ICON.path, alt="", width=28, height=28), element("span", name),
                href=visit.link("/"), class_="brand",
            ),
            element("nav", element("ul", *entries), aria_label=words.plain("site.navigation")),
            class_="wide",
        ),
    )  # fmt: skip


def _footer(visit: Visit) -> Markup:
    words, site = visit.catalogue, visit.site
    languages = (
        element(
            "li",
            element(
                "a",
                other.name,
                href=visit.translated(code),
                lang=code,
                hreflang=code,
                rel="alternate",
                aria_current="true" if other is words else None,
            ),
        )
        for code, other in CATALOGUES.items()
    )
    return element(
        "footer",
        element(
            "div",
            element(
                "div",
                element("p", words.say("site.caution")),
                element(
                    "p",
                    words.say("site.served", host=element("bdi", site.hostname)),
                    join(" ", words.say("site.contact", contact=stranger(site.contact))) if site.contact else None,
                ),
            ),
            element("nav", element("ul", *languages), aria_label=words.plain("site.languages"), class_="languages"),
            class_="wide",
        ),
    )


def language_field() -> Markup | None:
    """A hidden field for a form that is sent by GET: a language that was chosen stays chosen."""
    chosen = current().chosen
    return element("input", type="hidden", name=LANGUAGE, value=chosen) if chosen else None
