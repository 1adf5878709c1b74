"""The pages for people: server-rendered, without scripts, with nothing from elsewhere.

Markup is made by `http.html` and `http.plot` only, so that no text can act. What may appear on a page is bounded by the
policy in `PAGE_HEADERS`, which browsers enforce.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING, Any

from aiohttp import web

from wasmpuck.http.formats import SECONDS_OF
from wasmpuck.http.html import PAGE_HEADERS, Content, Markup, element, join, page
from wasmpuck.http.plot import Bar, bar_chart
from wasmpuck.openpgp.policy import RULES, Rule

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings
    from wasmpuck.keyserver import SubmitReport
    from wasmpuck.storage.protocol import Statistics, Tally

__all__ = [
    "front",
    "listing_page",
    "page_response",
    "report_page",
    "robots",
    "statistics_page",
    "style",
]

_STYLE = resources.files("wasmpuck.http").joinpath("static/style.css").read_text(encoding="utf-8")
_ROBOTS = "User-agent: *\nDisallow: /pks/\n"
_TOO_LATE = 253_402_300_800
"""Seconds since 1970 of the year 10000, beyond what the calendar here can say."""


def page_response(body: str, status: int = HTTPStatus.OK) -> web.Response:
    """A page with its headers."""
    return web.Response(text=body, status=status, content_type="text/html", charset="utf-8", headers=PAGE_HEADERS)


async def style(request: web.Request) -> web.Response:
    """`GET /style.css`."""
    return web.Response(text=_STYLE, content_type="text/css", headers={"Cache-Control": "max-age=3600"})


async def robots(request: web.Request) -> web.Response:
    """`GET /robots.txt`: search engines are kept away from keys."""
    return web.Response(text=_ROBOTS)


async def front(request: web.Request) -> web.Response:
    """`GET /`: search and submit."""
    return page_response(_FRONT)


def _front_page() -> str:
    search = element(
        "form",
        element("label", "Fingerprint, key id or e-mail address", for_="term"),
        element("input", type="search", id="term", name="search", required=True, maxlength=512, autocomplete="off"),
        element("p", "Whole addresses only, such as alice@example.org. Key ids begin with 0x.", class_="hint"),
        element("input", type="hidden", name="op", value="index"),
        element("button", "Search", type="submit"),
        action="/pks/lookup",
        method="get",
        role="search",
    )
    submit = element(
        "form",
        element("label", "Certificate in ASCII armor", for_="keytext"),
        element("textarea", id="keytext", name="keytext", required=True, spellcheck="false", autocomplete="off"),
        element("p", "For example from: gpg --armor --export you@example.org", class_="hint"),
        element("button", "Submit", type="submit"),
        action="/pks/add",
        method="post",
    )
    return page(
        "OpenPGP keyserver",
        element("h1", "OpenPGP keyserver"),
        element("section", element("h2", "Search for a key"), search, id="search"),
        element("section", element("h2", "Submit a key"), submit, id="submit"),
    )


_FRONT = _front_page()


def date_in_words(seconds: float) -> str:
    """A day such as `5 March 2027`, in UTC."""
    if not 0 <= seconds < _TOO_LATE:
        return "a day that no calendar here has"
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day} {moment:%B %Y}"


def validity_in_words(thing: Mapping[str, Any], now: float) -> Markup:
    """Whether a key, subkey or user id holds at `now`."""
    expires = thing["expires"]
    if thing["revoked"]:
        return element("span", "revoked", class_="bad")
    if expires is None:
        return element("span", "does not expire", class_="good")
    if expires <= now:
        return element("span", f"expired on {date_in_words(expires)}", class_="bad")
    return element("span", f"valid until {date_in_words(expires)}", class_="good")


def _fingerprint(fingerprint: str) -> Markup:
    upper = fingerprint.upper()
    groups = " ".join(upper[start : start + 4] for start in range(0, len(upper), 4))
    return element("span", groups, class_="fingerprint")


def _table(headings: Iterable[str], rows: Iterable[Iterable[Content]]) -> Markup:
    head = element("tr", *(element("th", heading, scope="col") for heading in headings))
    body = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
    table = element("table", element("thead", head), element("tbody", *body))
    return element("div", table, class_="scroll")


def listing_page(search: str, summaries: list[dict[str, Any]], now: float, *, detailed: bool) -> str:
    """The keys that a search found; with `detailed`, their subkeys and when each user id was first confirmed."""
    count = "1 key" if len(summaries) == 1 else f"{len(summaries):,} keys"
    return page(
        f"{count} for {search}",
        element("h1", f"{count} for {search}"),
        *(_key(key, now, detailed=detailed) for key in summaries),
    )


def _key(key: Mapping[str, Any], now: float, *, detailed: bool) -> Markup:
    fingerprint = key["fingerprint"]
    facts = _table(
        ("Key", "Created", "Validity"),
        [(_algorithm(key), date_in_words(key["created"]), validity_in_words(key, now))],
    )
    if detailed:
        rows = [
            (
                user_id["text"],
                "" if user_id["created"] is None else date_in_words(user_id["created"]),
                validity_in_words(user_id, now),
            )
            for user_id in key["user_ids"]
        ]
        names = _table(("User id", "First confirmed", "Validity"), rows)
    else:
        names = element("ul", *(element("li", *_name(user_id, now)) for user_id in key["user_ids"]))
    if not key["user_ids"]:
        names = element("p", "This key has no user ids.")
    links = element(
        "p",
        element("a", "Download", href=f"/pks/lookup?op=get&search=0x{fingerprint}"),
        None if detailed else join(" · ", element("a", "Details", href=_details(fingerprint))),
    )
    return element(
        "article",
        element("h2", _fingerprint(fingerprint)),
        facts,
        names,
        _subkeys(key, now) if detailed else None,
        links,
        class_="key",
    )


def _details(fingerprint: str) -> str:
    return f"/pks/lookup?op=vindex&search=0x{fingerprint}"


def _name(user_id: Mapping[str, Any], now: float) -> list[Content]:
    lapsed = user_id["revoked"] or (user_id["expires"] is not None and user_id["expires"] <= now)
    return [user_id["text"], *([" (", validity_in_words(user_id, now), ")"] if lapsed else [])]


def _algorithm(key: Mapping[str, Any]) -> str:
    return f"{key['name']}, version {key['version']}"


def _subkeys(key: Mapping[str, Any], now: float) -> Markup | None:
    rows = [
        (_fingerprint(subkey["fingerprint"]), _algorithm(subkey), date_in_words(subkey["created"]),
         validity_in_words(subkey, now))
        for subkey in key["subkeys"]
    ]  # fmt: skip
    return join(element("h3", "Subkeys"), _table(("Fingerprint", "Key", "Created", "Validity"), rows)) if rows else None


def report_page(report: SubmitReport) -> str:
    """What became of an upload, with the reason for each refusal and each kind of packet that was left out."""
    outcomes = (
        ("new", report.inserted),
        ("updated", report.updated),
        ("already known, nothing new in it", report.ignored),
    )
    taken = [
        (element("a", _fingerprint(entry.fingerprint), href=_details(entry.fingerprint)), outcome)
        for outcome, entries in outcomes
        for entry in entries
    ]
    refused = [
        (_fingerprint(entry.fingerprint) if entry.fingerprint else "unreadable", entry.comment)
        for entry in report.rejected
    ]
    dropped = [(f"{number:,}", RULES[Rule(name)]) for name, number in report.drops.items()]
    title = "Submitted" if taken else "Nothing was taken"
    return page(
        title,
        element("h1", title),
        _table(("Key", "Outcome"), taken) if taken else None,
        join(element("h2", "Refused"), _table(("Key", "Reason"), refused)) if refused else None,
        join(element("h2", "Left out"), _table(("Packets", "Why"), dropped)) if dropped else None,
        element("p", element("a", "Submit another", href="/#submit")),
    )


def statistics_page(statistics: Statistics, settings: HTTPSettings, now: float) -> str:
    """How many keys there are and what came in lately."""
    return page(
        f"Statistics of {settings.hostname}",
        element("h1", f"Statistics of {settings.hostname}"),
        element("p", f"{statistics.total:,} keys."),
        element("p", f"Contact: {settings.contact}") if settings.contact else None,
        _history("Last 24 hours", "%H:00", statistics.hourly, SECONDS_OF["hourly"], 24, now),
        _history("Last 7 days", "%d %b", statistics.daily, SECONDS_OF["daily"], 7, now),
    )


def _history(title: str, form: str, tallies: Iterable[Tally], unit: int, count: int, now: float) -> Markup:
    """A chart of the last `count` units of `unit` seconds, and the same as a table for those who cannot see it."""
    known = {tally.start: tally for tally in tallies}
    last = int(now) // unit * unit
    bars, rows = [], []
    for start in range(last - (count - 1) * unit, last + unit, unit):
        tally = known.get(start)
        label = datetime.fromtimestamp(start, UTC).strftime(form)
        inserted, updated, removed = (tally.inserted, tally.updated, tally.deleted) if tally else (0, 0, 0)
        bars.append(Bar(label, (("inserted", inserted), ("updated", updated), ("removed", removed))))
        if tally:
            rows.append((label, f"{inserted:,}", f"{updated:,}", f"{removed:,}"))
    total = sum(bar.total for bar in bars)
    return element(
        "section",
        element("h2", title),
        bar_chart(bars, f"{title}: {total:,} keys inserted, updated or removed"),
        _table(("Time (UTC)", "Inserted", "Updated", "Removed"), rows) if rows else element("p", "Nothing happened."),
    )
