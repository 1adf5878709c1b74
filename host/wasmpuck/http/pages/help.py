"""What can be asked of this server, what it takes, and where its limits are: made from its configuration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from wasmpuck.config.durations import Duration
from wasmpuck.config.fields import settings_of
from wasmpuck.config.kinds import Number
from wasmpuck.http.html import page
from wasmpuck.http.markup import Content, Markup, element, join
from wasmpuck.http.pages.key import old_sequoia, server_of
from wasmpuck.http.pages.parts import command, table
from wasmpuck.http.pages.report import explained
from wasmpuck.http.visit import current, in_original, plain, say
from wasmpuck.openpgp.policy import REFUSALS, RULES, Policy, Rule

__all__ = ["Query", "help_page"]

_OPERATORS = frozenset(
    {"max_connections", "max_incoming_bytes", "cache_max_age", "armor_cache_bytes", "min_compressed_bytes"}
)
"""Numbers that concern nobody but the operator."""

Query = tuple[str, str, bool]
"""A kind of search: the message that names it (`help.…`), an example, and whether this server answers it."""


def help_page(queries: Sequence[Query], limits: Iterable[tuple[str, Any]], policy: Policy) -> str:
    """`queries` are the kinds of search. Of `policy` the rules in force are told; of `limits`, (table, settings), the
    numbers and durations that a client can meet.
    """
    server = server_of(current().origin)
    plugins = current().site.plugins
    return page(
        plain("help.title"),
        element("h1", say("help.title")),
        element("p", say("help.lead"), class_="lead"),
        element(
            "section",
            element("h2", say("help.queries")),
            table(
                say("help.queries_caption"),
                [say("help.query"), say("help.example"), say("help.answered")],
                [(say(f"help.{name}"), element("code", example), _answered(known)) for name, example, known in queries],
                hidden=True,
            ),
        ),
        element(
            "section",
            element("h2", say("help.programs")),
            element("p", say("help.programs_lead")),
            command("command-search", say("fetch.gpg"), f"gpg --keyserver {server} --search-keys alice@example.org"),
            command("command-send", say("site.submit"), f"gpg --keyserver {server} --send-keys FINGERPRINT"),
            command("command-sq", say("fetch.sq"), f"sq network keyserver search --server {server} alice@example.org"),
            command("command-sq-old", say("fetch.sq_old"), f"{old_sequoia(server)} get alice@example.org"),
        ),
        _rules(
            "kept",
            {rule: RULES[rule] for rule in RULES if _in_force(rule, policy)},
            say("help.kept_lead"),
            "rules",
            None,
        ),
        _rules(
            "blocks",
            REFUSALS,
            None,
            "refusals",
            element("p", say("help.plugins_judge")) if plugins is not None and plugins() else None,
        ),
        _limits(limits),
        element("section", element("h2", say("help.privacy")), element("p", say("help.privacy_text"))),
        here="help",
    )


def _in_force(rule: Rule, policy: Policy) -> bool:
    wanted = {Rule.THIRD_PARTY: "self-only", Rule.UNATTESTED: "attested"}.get(rule)
    return policy.applies(rule) and wanted in (None, policy.third_party)


def _answered(known: bool) -> Markup:
    return element("span", say("help.yes" if known else "help.no"), class_="good" if known else "bad")


def _rules(name: str, rules: dict[Any, str], lead: Content, kind: str, after: Content) -> Markup:
    rows = [(element("code", str(rule)), explained(kind, str(rule), sentence)) for rule, sentence in rules.items()]
    return element(
        "section",
        element("h2", say(f"help.{name}")),
        None if lead is None else element("p", lead),
        table(say(f"help.{name}_caption"), [say("help.rule"), say("help.meaning")], rows, hidden=True),
        after,
        id=name,
    )


def _limits(limits: Iterable[tuple[str, Any]]) -> Markup:
    rows = [
        (
            element("code", f"{name}.{each.key}"),
            _value(each.kind, getattr(settings, each.field)),
            explained("settings", f"{name}.{each.key}", each.sentence),
        )
        for name, settings in limits
        for each in settings_of(type(settings))
        if each.field not in _OPERATORS and isinstance(each.kind, Number | Duration)
    ]
    return element(
        "section",
        element("h2", say("help.limits")),
        table(
            say("help.limits_caption"), [say("help.limit"), say("help.value"), say("help.meaning")], rows, hidden=True
        ),
        id="limits",
    )


def _value(kind: Any, value: Any) -> Content:
    if isinstance(value, int):
        return join(current().catalogue.number(value), " ", in_original("span", kind.unit) if kind.unit else None)
    shown: str = kind.show(value)
    return shown.strip('"')
