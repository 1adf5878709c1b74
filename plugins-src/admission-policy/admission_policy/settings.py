"""The plugin's settings: one frozen value, read from JSON, with every problem named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from .reading import Problem, Table

__all__ = ["BadSettings", "Problem", "Settings"]

_MOST = 2**31 - 1


class BadSettings(Exception):
    """Settings that cannot be taken; `problems` holds all of them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{problem.path or 'settings'}: {problem.message}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class Settings:
    """The rules. `None` and empty sets are rules that do not apply. README.md has the table of names and units."""

    allowed_domains: tuple[str, ...] = ()
    denied_domains: tuple[str, ...] = ()
    every_domain: bool = True
    max_user_ids: int | None = None
    max_size: int | None = None
    max_signatures: int | None = None
    allowed_algorithms: frozenset[int] | None = None
    denied_algorithms: frozenset[int] = frozenset()
    minimum_bits: Mapping[int, int] = field(default_factory=dict)
    max_age_days: float | None = None
    min_age_days: float | None = None
    future_hours: float = 24.0
    recheck_known: bool = False
    exempt_bulk: bool = False

    @classmethod
    def parse(cls, text: str) -> Settings:
        """Reads a JSON object. Raises `BadSettings`."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadSettings((Problem("", f"the settings are not valid JSON: {error}"),)) from None
        if not isinstance(value, dict):
            raise BadSettings((Problem("", "the settings must be a table"),))
        return cls.read(value)

    @classmethod
    def read(cls, value: dict[str, object]) -> Settings:
        """Reads a JSON object that has been parsed. Raises `BadSettings`."""
        problems: list[Problem] = []
        table = Table(value, "", problems)
        domains = table.table("domains")
        algorithms = table.table("algorithms")
        age = table.table("age")
        settings = cls(
            allowed_domains=domains.patterns("allow"),
            denied_domains=domains.patterns("deny"),
            every_domain=domains.choice("match", ("all", "any")) == "all",
            max_user_ids=table.whole("maxUserIds", "user ids", 1, _MOST),
            max_size=table.whole("maxSize", "bytes", 1, _MOST),
            max_signatures=table.whole("maxSignatures", "signatures", 1, _MOST),
            allowed_algorithms=algorithms.algorithms("allow") or None,
            denied_algorithms=algorithms.algorithms("deny") or frozenset(),
            minimum_bits=algorithms.bits("minBits"),
            max_age_days=age.number("maxDays", "days", 0, 100_000),
            min_age_days=age.number("minDays", "days", 0, 100_000),
            future_hours=_or(age.number("futureHours", "hours", 0, 100_000), 24.0),
            recheck_known=table.flag("recheckKnown"),
            exempt_bulk=table.flag("exemptBulk"),
        )
        for part in (table, domains, algorithms, age):
            part.refuse_unknown()
        if settings.max_age_days is not None and (settings.min_age_days or 0) > settings.max_age_days:
            problems.append(Problem("age.minDays", "must not be larger than age.maxDays: no certificate would fit"))
        if problems:
            raise BadSettings(tuple(problems))
        return settings

    @property
    def has_rules(self) -> bool:
        """Whether any rule applies that an operator chose."""
        return self != Settings(
            every_domain=self.every_domain,
            future_hours=self.future_hours,
            recheck_known=self.recheck_known,
            exempt_bulk=self.exempt_bulk,
        )


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
