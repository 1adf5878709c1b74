"""Confirming an address: the question behind the link in a letter, and the thanks."""

from __future__ import annotations

from wasmpuck.http.html import page
from wasmpuck.http.markup import Content, Markup, element, stranger
from wasmpuck.http.pages.parts import facts
from wasmpuck.http.pages.words import fingerprint
from wasmpuck.http.visit import current, plain, say

__all__ = ["confirm_page", "confirmed_page"]


def confirm_page(address: str, digits: str) -> str:
    """Asks whether the key with the fingerprint `digits` belongs to whoever reads mail at `address`; a button posts."""
    form = element("form", element("button", say("confirm.button"), type="submit"), method="post")
    return _page("title", element("p", say("confirm.asks")), _about(address, digits), form, _hint())


def confirmed_page(address: str, digits: str) -> str:
    """Says that it is done."""
    link = element("a", fingerprint(digits), href=current().link(f"/key/{digits.lower()}"))
    return _page("done", element("p", say("confirm.found"), class_="note good"), _about(address, link))


def _page(title: str, *body: Content) -> str:
    return page(
        plain(f"confirm.{title}"), element("h1", say(f"confirm.{title}")), element("div", *body, class_="card stack")
    )


def _about(address: str, key: Content) -> Markup:
    shown = key if isinstance(key, Markup) else fingerprint(key or "")
    return facts([(say("confirm.address"), stranger(address)), (say("key.fingerprint"), shown)])


def _hint() -> Markup:
    return element("p", say("confirm.careful"), class_="hint")
