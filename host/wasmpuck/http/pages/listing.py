"""What a search found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wasmpuck.http.html import page
from wasmpuck.http.markup import Markup, element, join, stranger
from wasmpuck.http.pages.front import search_form
from wasmpuck.http.pages.parts import table
from wasmpuck.http.pages.words import algorithm, day, fingerprint, person, validity_in_words
from wasmpuck.http.visit import current, in_original, plain, say

__all__ = ["Paging", "listing_page"]

_MOST_NAMES = 5
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of the results a page shows: from `offset` (0-based) at most `limit`; `more` says whether others
    follow. `operation` and `options` are those of the lookup."""

    offset: int
    limit: int
    more: bool
    operation: str = "index"
    options: str = ""


def listing_page(
    search: str,
    summaries: Sequence[Mapping[str, Any]],
    now: float,
    *,
    detailed: bool,
    paging: Paging | None = None,
    warning: str = "",
) -> str:
    """The keys that a search found; with `detailed`, their subkeys and when each user id was first confirmed.

    `paging` None means that these are all. `warning` is told to whoever searches.
    """
    count = len(summaries)
    whole = paging is None or (paging.offset == 0 and not paging.more)
    quoted = stranger(search, _LONGEST_NAME)
    if whole:
        title, heading = (
            plain("results.title", count=count, search=search),
            say("results.title", count=count, search=quoted),
        )
    elif not count:
        title, heading = plain("results.none", search=search), say("results.none", search=quoted)
    else:
        before = paging.offset if paging else 0
        places = {"first": before + 1, "last": before + count}
        title = plain("results.many", search=search, **places)
        heading = say("results.many", search=quoted, **places)
    return page(
        title,
        element("h1", heading),
        search_form(search, compact=True),
        in_original("p", warning, class_="note", role="status") if warning else None,
        element("ol", *(element("li", _key(key, now, search, detailed=detailed)) for key in summaries), class_="keys"),
        None if paging is None else _pages(search, paging),
        here="search",
    )


def _pages(search: str, paging: Paging) -> Markup | None:
    if not (paging.offset or paging.more):
        return None
    options = {"options": paging.options} if paging.options else {}

    def link(word: str, offset: int, relation: str) -> Markup:
        place = {"offset": offset} if offset else {}
        url = current().link("/pks/lookup", op=paging.operation, search=search, **options, limit=paging.limit, **place)
        return element("a", say(f"results.{word}"), href=url, rel=relation, class_="button")

    return element(
        "nav",
        link("previous", max(0, paging.offset - paging.limit), "prev") if paging.offset else None,
        link("next", paging.offset + paging.limit, "next") if paging.more else None,
        aria_label=plain("results.pages"),
        class_="paging",
    )


def _key(key: Mapping[str, Any], now: float, search: str, *, detailed: bool) -> Markup:
    digits = key["fingerprint"]
    visit = current()
    names = key["user_ids"]
    title = person(names[0]["text"], longest=_LONGEST_NAME, asked=search) if names else say("key.no_user_ids")
    return element(
        "article",
        element("h2", element("a", title, href=visit.link(f"/key/{digits}"))),
        element("p", fingerprint(digits)),
        element(
            "p",
            element("span", algorithm(key)),
            element("span", say("key.created"), " ", day(key["created"])),
            element("span", validity_in_words(key, now)),
            class_="line-of-facts",
        ),
        _details(key, now, search) if detailed else _others(names[1:], now, search),
        element(
            "p",
            element(
                "a", say("results.details"), href=visit.link(f"/key/{digits}"), aria_label=_about("details", digits)
            ),
            element(
                "a",
                say("results.download"),
                href=f"/pks/lookup?op=get&search=0x{digits}",
                aria_label=_about("download", digits),
            ),
            class_="actions",
        ),
        class_="key card",
    )


def _about(action: str, digits: str) -> str:
    """The same words lead to different places: what is read aloud tells them apart (WCAG 2.2 §2.4.4)."""
    return f"{plain(f'results.{action}')}: {plain('key.title', fingerprint=digits[-16:].upper())}"


def _others(names: Sequence[Mapping[str, Any]], now: float, search: str) -> Markup | None:
    if not names:
        return None
    items = [
        element("li", person(name["text"], longest=_LONGEST_NAME, asked=search), _lapse(name, now))
        for name in names[:_MOST_NAMES]
    ]
    if len(names) > _MOST_NAMES:
        items.append(element("li", say("results.others", count=len(names) - _MOST_NAMES), class_="aside"))
    return element("ul", *items, aria_label=plain("results.user_ids"), class_="names")


def _lapse(name: Mapping[str, Any], now: float) -> Markup | None:
    lapsed = name["revoked"] or (name["expires"] is not None and name["expires"] <= now)
    return join(" ", validity_in_words(name, now)) if lapsed else None


def _details(key: Mapping[str, Any], now: float, search: str) -> Markup:
    names = [
        (
            person(name["text"], asked=search),
            "" if name["created"] is None else day(name["created"]),
            validity_in_words(name, now),
        )
        for name in key["user_ids"]
    ]
    subkeys = [
        (fingerprint(subkey["fingerprint"]), algorithm(subkey), day(subkey["created"]), validity_in_words(subkey, now))
        for subkey in key["subkeys"]
    ]
    return join(
        table(say("key.user_ids"), [say("key.user_id"), say("key.confirmed"), say("key.validity")], names)
        if names
        else None,
        table(
            say("key.subkeys"),
            [say("key.fingerprint"), say("key.algorithm"), say("key.created"), say("key.validity")],
            subkeys,
        )
        if subkeys
        else None,
    )
