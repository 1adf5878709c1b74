"""What several pages are made of: tables, commands, copy buttons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wasmpuck.http.markup import Content, Markup, element
from wasmpuck.http.visit import plain, say

__all__ = ["command", "copy_button", "facts", "table"]


def table(
    caption: Content, headings: Sequence[Markup], rows: Iterable[Sequence[Content]], *, hidden: bool = False
) -> Markup:
    """A table that turns into a list of cards on narrow screens; the first column heads each row.

    The roles are those that elements have anyway: browsers forget them when a table is laid out as something else. A
    `hidden` caption is only read aloud, for a table right below its heading.
    """
    head = element("tr", *(element("th", each, scope="col", role="columnheader") for each in headings), role="row")
    labels = [str(heading) for heading in headings]
    body = [
        element(
            "tr",
            *(
                element(
                    "td",
                    element("span", labels[column], class_="label", aria_hidden="true"),
                    element("div", cell),
                    role="cell",
                )
                if column
                else element("th", cell, scope="row", role="rowheader")
                for column, cell in enumerate(row)
            ),
            role="row",
        )
        for row in rows
    ]
    return element(
        "table",
        element("caption", caption, class_="unseen" if hidden else None),
        element("thead", head, role="rowgroup"),
        element("tbody", *body, role="rowgroup"),
        role="table",
    )


def facts(pairs: Iterable[tuple[Content, Content]]) -> Markup:
    """Names and values, one beside the other."""
    return element(
        "dl", *(element("div", element("dt", name), element("dd", value)) for name, value in pairs), class_="facts"
    )


def copy_button(target: str, label: str) -> Markup:
    """A button that copies the text of the element with the id `target`; only the script shows it.

    `label` is the key of the message that names it.
    """
    return element(
        "button",
        say("copy.copy"),
        type="button",
        class_="copy",
        hidden=True,
        aria_label=plain(label),
        data_copy=target,
        data_done=plain("copy.copied"),
        data_failed=plain("copy.failed"),
    )


def command(name: str, label: Content, line: str) -> Markup:
    """A command line under its label, with a button that copies it. `name` is unique on the page."""
    return element(
        "div",
        element("p", label, class_="label"),
        element(
            "div",
            element("code", line, id=name, translate="no", dir="ltr"),
            copy_button(name, "copy.command"),
            class_="line",
        ),
        class_="command",
    )
