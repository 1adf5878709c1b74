"""Building HTML so that nothing unescaped can slip in: text becomes markup only through `element` and `page`."""

from __future__ import annotations

import re
from html import escape
from typing import TypeAlias

__all__ = ["PAGE_HEADERS", "Content", "Markup", "element", "join", "page", "text"]

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
"""For every page: nothing but our own style sheet and forms, and no search term in a referrer."""


class Markup(str):
    """HTML that is safe as it stands: made by this module, or a literal in the source."""

    __slots__ = ()


Content: TypeAlias = str | Markup | None
"""What an element may hold: text (escaped), markup (taken as it is), nothing."""

_FOOTER = "Served by Wasmpuck. Anyone can make a key with any name on it: compare the fingerprint with its owner."
_VOID = frozenset({"input", "link", "meta", "br", "hr"})

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""Control characters, and those that change the direction or hide text: somebody else's user id must not do that."""


def text(value: str) -> Markup:
    """`value` escaped; characters that would act instead of being seen are shown as U+FFFD."""
    return Markup(escape(_UNSEEN.sub("\ufffd", value), quote=True))


def join(*contents: Content) -> Markup:
    """Contents one after the other."""
    return Markup("".join(each if isinstance(each, Markup) else text(each) for each in contents if each is not None))


def element(name: str, /, *contents: Content, **attributes: str | int | bool | None) -> Markup:
    """One element.

    Attribute names lose a trailing `_` (`class_`, `for_`) and turn inner ones into `-` (`aria_label`). An attribute
    that is None or False is left out, one that is True has no value.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        parts.append(attribute if value is True else f'{attribute}="{text(str(value))}"')
    start = f"<{' '.join(parts)}>"
    return Markup(start) if name in _VOID else Markup(f"{start}{join(*contents)}</{name}>")


def page(title: str, *body: Content) -> str:
    """A whole document with the server's look and nothing from elsewhere."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="robots", content="noindex, nofollow"),
        element("title", title),
        element("link", rel="stylesheet", href="/style.css"),
    )
    content = element(
        "body",
        element("a", "Skip to the content", href="#content", class_="skip"),
        element(
            "header",
            element(
                "nav",
                element("a", "Keyserver", href="/", class_="brand"),
                element("a", "Search", href="/#search"),
                element("a", "Submit", href="/#submit"),
                element("a", "Statistics", href="/pks/stats"),
                aria_label="Main",
            ),
        ),
        element("main", *body, id="content"),
        element("footer", element("p", _FOOTER)),
    )
    return "<!DOCTYPE html>\n" + element("html", head, content, lang="en") + "\n"
