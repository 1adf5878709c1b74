"""How many keys there are, what came in lately, and which plugins decide about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wasmpuck.http.formats import SECONDS_OF
from wasmpuck.http.html import page
from wasmpuck.http.markup import Markup, element, join, stranger
from wasmpuck.http.pages.parts import table
from wasmpuck.http.pages.words import day
from wasmpuck.http.plot import Bar, bar_chart
from wasmpuck.http.visit import current, plain, say

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings
    from wasmpuck.storage.protocol import Statistics, Tally

__all__ = ["statistics_page"]

_KINDS = ("inserted", "updated", "removed")


def statistics_page(statistics: Statistics, settings: HTTPSettings, now: float) -> str:
    """Totals, a chart for each of the last hours and days with the same in numbers, and the plugins."""
    plugins = current().site.plugins
    return page(
        plain("statistics.title", host=settings.hostname),
        element("h1", say("statistics.title", host=settings.hostname)),
        element("p", say("statistics.total", count=statistics.total), class_="lead"),
        element("p", say("statistics.contact", contact=stranger(settings.contact))) if settings.contact else None,
        _history("hourly", "%H:00", statistics.hourly, 24, now),
        _history("daily", "%m-%d", statistics.daily, 7, now),
        None if plugins is None else _plugins(plugins()),
        here="statistics",
    )


def _history(name: str, form: str, tallies: Iterable[Tally], count: int, now: float) -> Markup:
    """A chart of the last `count` units, and the same as a table for those who cannot see it."""
    unit = SECONDS_OF[name]
    known = {tally.start: tally for tally in tallies}
    last = int(now) // unit * unit
    number = current().catalogue.number
    bars, rows = [], []
    kinds = {kind: plain(f"statistics.{kind}") for kind in _KINDS}
    for start in range(last - (count - 1) * unit, last + unit, unit):
        tally = known.get(start)
        label = datetime.fromtimestamp(start, UTC).strftime(form)
        values = (tally.inserted, tally.updated, tally.deleted) if tally else (0, 0, 0)
        bars.append(Bar(label, tuple(zip(_KINDS, values, strict=True))))
        if tally:
            rows.append((label, *(number(value) for value in values)))
    title = plain(f"statistics.{name}")
    headings = [say("statistics.time"), *(say(f"statistics.{kind}") for kind in _KINDS)]
    return element(
        "section",
        element("h2", title),
        bar_chart(bars, plain("statistics.chart", title=title, count=sum(bar.total for bar in bars)), kinds, number),
        element(
            "details",
            element("summary", say("statistics.numbers")),
            table(say("statistics.caption", title=title), headings, rows, hidden=True),
        )
        if rows
        else element("p", say("statistics.quiet"), class_="hint"),
        class_="card",
    )


def _plugins(rows: Iterable[Mapping[str, Any]]) -> Markup:
    """The names, versions and states; why one failed is the operator's business, not the public's."""
    words = current().catalogue
    shown = [
        (
            stranger(row["name"]),
            stranger(row["version"]) if row["version"] else "",
            element(
                "span",
                say(f"state.{row['state']}") if words.has(f"state.{row['state']}") else stranger(row["state"]),
                class_="good" if row["state"] == "running" else "bad",
            ),
            day(row["since"]),
        )
        for row in rows
    ]
    headings = [say("statistics.plugin"), say("statistics.plugin_version"), say("statistics.plugin_state")]
    return element(
        "section",
        element("h2", say("statistics.plugins")),
        join(
            element("p", say("statistics.plugins_lead"), class_="hint"),
            table(say("statistics.plugins_caption"), [*headings, say("statistics.since")], shown, hidden=True),
        )
        if shown
        else element("p", say("statistics.plugins_none")),
    )
