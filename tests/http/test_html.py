"""Markup that cannot be broken out of, and the form of an answer."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from e2e.client import ask
from wasmpuck.http.markup import element, join, text
from wasmpuck.http.negotiation import Form, form_of
from wasmpuck.http.plot import Bar, bar_chart


def test_text_is_escaped_and_markup_is_not() -> None:
    """A string is text; only what `element` made is markup."""
    assert element("p", "<b>", element("b", "x")) == "<p>&lt;b&gt;<b>x</b></p>"
    assert join("a&b", None, element("br")) == "a&amp;b<br>"


def test_attributes_are_quoted() -> None:
    """No attribute value ends its quotes, and absent ones leave no trace."""
    made = element("a", "x", href='"><script>', class_=None, hidden=True, aria_label="y", disabled=False)
    assert made == '<a href="&quot;&gt;&lt;script&gt;" hidden aria-label="y">x</a>'


class Nesting(HTMLParser):
    """Notes what is open, and every id and what refers to one."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens."""
        named = dict(attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.references += [value for name, value in attrs if name == "for" and value]
        self.references += [(named.get("href") or "")[1:]] if (named.get("href") or "").startswith("#") else []
        if tag not in {"meta", "link", "input", "br", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Closes."""
        assert self.open.pop() == tag


@pytest.mark.parametrize("target", ["/", "/pks/stats", "/nowhere"])
def test_pages_are_well_formed(url: str, target: str) -> None:
    """Every element is closed where it was opened, ids are unique, and labels and inner links lead somewhere."""
    page = Nesting()
    page.feed(ask(url, "GET", target, headers={"Accept": "text/html"}).text)
    page.close()
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    assert set(page.references) <= set(page.ids)


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f", "\u202e", "\u200b", "\ufeff", "\x85", "\ud800"])
def test_what_would_act_is_shown(character: str) -> None:
    """Control characters, direction marks and invisible ones appear as a replacement character."""
    assert text(f"a{character}b") == "a\ufffdb"


def test_a_chart_of_nothing_is_a_chart() -> None:
    """No bars, or empty ones, divide by no zero."""
    assert "<svg" in bar_chart([], "nothing")
    assert "<rect" not in bar_chart([Bar("a", (("inserted", 0),))], "nothing")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, Form.TEXT),
        ("", Form.TEXT),
        ("*/*", Form.TEXT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Form.HTML),
        ("application/json", Form.JSON),
        ("APPLICATION/JSON ; charset=utf-8", Form.JSON),
        ("application/json;q=0.5, text/html", Form.HTML),
        ("text/html;q=0.2, application/json;q=0.9", Form.JSON),
        ("text/html;q=0", Form.TEXT),
        ("text/html;q=nonsense", Form.TEXT),
        ("application/json," * 1000, Form.TEXT),
    ],
)
def test_the_form_follows_quality(accept: str | None, form: Form) -> None:
    """The best of the types that the server speaks is chosen; wildcards choose none."""
    assert form_of(accept) is form
