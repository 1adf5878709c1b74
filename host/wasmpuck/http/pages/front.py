"""The pages to begin with: search and submit."""

from __future__ import annotations

from wasmpuck.http.html import language_field, page
from wasmpuck.http.markup import Markup, element
from wasmpuck.http.visit import current, plain, say

__all__ = ["front_page", "search_form", "submit_page"]

_MIB = 1024 * 1024


def search_form(search: str = "", *, longest: int = 512, compact: bool = False) -> Markup:
    """The form that asks `/pks/lookup` for a listing."""
    return element(
        "form",
        element("label", say("front.label"), for_="search"),
        element(
            "div",
            element(
                "input",
                type="search",
                id="search",
                name="search",
                value=search or None,
                required=True,
                maxlength=longest,
                autocomplete="off",
                autocapitalize="none",
                spellcheck="false",
                aria_describedby=None if compact else "search-hint",
            ),
            element("button", say("front.button"), type="submit"),
            class_="together",
        ),
        None if compact else element("p", say("front.hint"), class_="hint", id="search-hint"),
        element("input", type="hidden", name="op", value="index"),
        language_field(),
        action="/pks/lookup",
        method="get",
        role="search",
    )


def front_page(longest: int = 512) -> str:
    """`GET /`. `longest` bounds the characters of a search."""
    visit = current()
    cards = (
        element(
            "section",
            element("h2", say("front.submit")),
            element("p", say("front.submit_text")),
            element("p", element("a", say("site.submit"), href=visit.link("/submit"))),
            class_="card",
        ),
        element(
            "section",
            element("h2", say("front.programs")),
            element("p", say("front.programs_text")),
            element("p", element("a", say("site.help"), href=visit.link("/help"))),
            class_="card",
        ),
        element("section", element("h2", say("front.check")), element("p", say("front.check_text")), class_="card"),
    )
    return page(
        visit.site.title or plain("site.title"),
        element(
            "div",
            element("h1", say("front.title")),
            element("p", say("front.lead"), class_="lead"),
            search_form(longest=longest),
            class_="hero",
        ),
        element("div", *cards, class_="cards"),
        here="search",
    )


def submit_page(most_bytes: int) -> str:
    """`GET /submit`: two forms, since one works with the keyboard alone and the other with a file manager."""
    visit = current()
    action = visit.link("/pks/add")
    size = f"{most_bytes / _MIB:g} MiB" if most_bytes >= _MIB else f"{most_bytes / 1024:g} KiB"
    paste = element(
        "form",
        element("label", say("submit.label"), for_="keytext"),
        element(
            "textarea",
            id="keytext",
            name="keytext",
            required=True,
            rows=10,
            spellcheck="false",
            autocomplete="off",
            aria_describedby="keytext-hint",
            placeholder="-----BEGIN PGP PUBLIC KEY BLOCK-----",
            dir="ltr",
        ),
        element(
            "p",
            say("submit.hint", command=element("code", "gpg --armor --export alice@example.org")),
            class_="hint",
            id="keytext-hint",
        ),
        element("button", say("submit.button"), type="submit"),
        action=action,
        method="post",
    )
    file = element(
        "form",
        element("label", say("submit.file_label"), for_="keyfile"),
        element("input", type="file", id="keyfile", name="keytext", required=True, aria_describedby="keyfile-hint"),
        element("p", say("submit.file_hint", size=size), class_="hint", id="keyfile-hint"),
        element("button", say("submit.button_file"), type="submit"),
        action=action,
        method="post",
        enctype="multipart/form-data",
    )
    link = element("a", say("submit.help"), href=visit.link("/help#kept"))
    return page(
        plain("submit.title"),
        element("h1", say("submit.title")),
        element("p", say("submit.lead", help=link), class_="lead"),
        element("section", element("h2", say("submit.paste")), paste, class_="card"),
        element("section", element("h2", say("submit.file")), file, class_="card"),
        element("p", say("submit.public"), class_="note"),
        here="submit",
    )
