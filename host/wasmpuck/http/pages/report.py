"""What became of an upload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wasmpuck.http.html import page
from wasmpuck.http.markup import Content, Markup, element, join, stranger
from wasmpuck.http.pages.parts import table
from wasmpuck.http.pages.words import fingerprint
from wasmpuck.http.visit import current, in_original, plain, say
from wasmpuck.openpgp.policy import REFUSALS, RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wasmpuck.keyserver import SubmitEntry, SubmitReport

_CODE = re.compile(r"`([^`<>]+)`")

__all__ = ["explained", "report_page"]


def explained(kind: str, name: str, english: str) -> Markup:
    """The sentence about a rule or refusal, in English where the catalogue has no translation of it."""
    key = f"{kind}.{name}"
    if current().catalogue.has(key):
        return _with_code(say(key))
    return in_original("span", _with_code(stranger(english)))


def _with_code(sentence: Markup) -> Markup:
    """What stands in backticks is code, as in the reference pages."""
    return Markup(_CODE.sub(r"<code>\1</code>", sentence))


def report_page(report: SubmitReport) -> str:
    """What became of each certificate, with the reason for each refusal and each kind of packet that was left out."""
    taken = [*report.inserted, *report.updated, *report.ignored]
    title = "report.taken" if taken or report.quarantined else "report.nothing"
    good = taken or report.quarantined
    return page(
        plain(title),
        element("h1", say(title)),
        element(
            "div",
            element("p", say("report.lead_taken", count=len(taken))) if taken else None,
            element("p", say("report.lead_held", count=len(report.quarantined))) if report.quarantined else None,
            element("p", say("report.lead_refused", count=len(report.rejected))) if report.rejected else None,
            class_="note good" if good and not report.rejected else "note bad" if not good else "note",
            role="status",
        ),
        _taken(report) if taken else None,
        _reasons("held", report.quarantined) if report.quarantined else None,
        _reasons("refused", report.rejected) if report.rejected else None,
        _dropped(report) if report.drops else None,
        element("p", element("a", say("report.another"), href=current().link("/submit"), class_="button")),
        here="submit",
    )


def _taken(report: SubmitReport) -> Markup:
    outcomes = (("inserted", report.inserted), ("updated", report.updated), ("ignored", report.ignored))
    rows = [
        (
            element("a", fingerprint(entry.fingerprint), href=current().link(f"/key/{entry.fingerprint}")),
            join(say(f"report.{outcome}"), element("p", stranger(entry.comment)) if entry.comment else None),
        )
        for outcome, entries in outcomes
        for entry in entries
    ]
    return table(say("report.caption"), [say("report.key"), say("report.outcome")], rows)


def _reasons(what: str, entries: Sequence[SubmitEntry]) -> Markup:
    rows = [
        (
            fingerprint(entry.fingerprint) if entry.fingerprint else say("report.unreadable"),
            _reason(entry),
            element("code", entry.code),
        )
        for entry in entries
    ]
    headings = [say("report.key"), say("report.reason"), say("report.code")]
    return element(
        "section",
        element("h2", say(f"report.{what}")),
        table(say(f"report.{what}_caption"), headings, rows, hidden=True),
    )


def _reason(entry: SubmitEntry) -> Content:
    """The server's own reasons are translated; a plugin speaks for itself, in the language of its author."""
    if REFUSALS.get(entry.code) == entry.comment:  # type: ignore[call-overload]  # a code is a string like any other
        return explained("refusals", entry.code, entry.comment)
    return stranger(entry.comment)


def _dropped(report: SubmitReport) -> Markup:
    rules = {str(rule): sentence for rule, sentence in RULES.items()}
    rows = [
        (
            current().catalogue.number(number),
            join(explained("rules", name, rules.get(name, name)), " ", element("code", name)),
        )
        for name, number in report.drops.items()
    ]
    return element(
        "section",
        element("h2", say("report.dropped")),
        element("p", say("report.dropped_lead")),
        table(say("report.dropped_caption"), [say("report.packets"), say("report.why")], rows, hidden=True),
    )
