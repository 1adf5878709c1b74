"""What is wrong, for people."""

from __future__ import annotations

from wasmpuck.http.html import page
from wasmpuck.http.markup import element, stranger
from wasmpuck.http.pages.front import search_form
from wasmpuck.http.visit import current, in_original, plain, say

__all__ = ["problem_page"]


def problem_page(status: int, message: str, *, hint: str = "", reference: str = "") -> str:
    """`message` and `hint` are in English, as programs get them, and may quote what the client sent."""
    key = f"problem.{status}"
    known = current().catalogue.has(key)
    title = plain(key) if known else plain("problem.other", status=str(status))
    return page(
        f"{status} {title}" if known else title,
        element("h1", title),
        in_original(
            "div",
            element("p", stranger(_sentence(message))),
            element("p", stranger(_sentence(hint))) if hint else None,
            class_="note bad",
        ),
        element("p", say("problem.reference", reference=element("code", reference))) if reference else None,
        search_form(compact=True),
    )


def _sentence(message: str) -> str:
    end = "" if message.endswith((".", "!", "?")) else "."
    return f"{message[:1].upper()}{message[1:]}{end}"
