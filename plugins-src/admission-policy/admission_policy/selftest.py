"""A check of the rules on made-up certificates; the plugin runs it before it goes into service."""

from __future__ import annotations

from dataclasses import replace

from .facts import Facts, Key
from .rules import judge
from .settings import Settings

__all__ = ["self_test"]

_NOW = 1_700_000_000_000.0
_DAY = 86_400_000
_SETTINGS = Settings.parse(
    """{"domains": {"allow": ["example.org", "*.example.org"], "deny": ["bad.example.org"]}, "maxUserIds": 2,
        "maxSize": 1000, "maxSignatures": 3, "algorithms": {"deny": ["dsa"], "minBits": {"rsa": 2048}},
        "age": {"minDays": 1, "maxDays": 30}}"""
)
_GOOD = Facts(
    primary=Key(algorithm=1, bits=2048, created=_NOW - 2 * _DAY),
    subkeys=(Key(algorithm=18, bits=256, created=_NOW - 2 * _DAY),),
    user_ids=("A <a@example.org>", "b@mail.example.org"),
    size=1000,
    signatures=3,
)


def self_test() -> str | None:
    """What is wrong with the rules, or `None` when they decide as they should."""
    cases: list[tuple[str | None, Facts]] = [
        (None, _GOOD),
        ("too-large", replace(_GOOD, size=1001)),
        ("too-many-user-ids", replace(_GOOD, user_ids=_GOOD.user_ids * 2)),
        ("too-many-signatures", replace(_GOOD, signatures=4)),
        ("algorithm-denied", replace(_GOOD, subkeys=(replace(_GOOD.primary, algorithm=17),))),
        ("key-too-short", replace(_GOOD, primary=replace(_GOOD.primary, bits=2047))),
        ("too-old", replace(_GOOD, primary=replace(_GOOD.primary, created=_NOW - 31 * _DAY))),
        ("too-new", replace(_GOOD, primary=replace(_GOOD.primary, created=_NOW))),
        ("domain-denied", replace(_GOOD, user_ids=("C <c@bad.example.org>",))),
        ("domain-not-allowed", replace(_GOOD, user_ids=("C <c@example.com>",))),
        ("email-missing", replace(_GOOD, user_ids=("C",))),
        (None, replace(_GOOD, user_ids=("C",), known=True)),
    ]
    for expected, facts in cases:
        rejection = judge(_SETTINGS, facts, _NOW)
        found = rejection.code if rejection else None
        if found != expected:
            return f"a made-up certificate came out as {found or 'accepted'} and should be {expected or 'accepted'}"
    return None
