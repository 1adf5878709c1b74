"""The rules, in the order in which they are asked; the first that objects gives the answer.

Rules about growth (size, user ids, signatures) hold for every certificate. Rules about what a certificate is (domains,
algorithms, age) are asked of new ones only, unless `recheckKnown` is set: a certificate that was taken under older
rules must still be able to receive its revocation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import algorithms
from .domains import domain_of, matches
from .facts import Facts
from .settings import Settings

__all__ = ["CODES", "Rejection", "judge"]

_DAY = 86_400_000
_HOUR = 3_600_000

CODES = (
    "too-large",
    "too-many-user-ids",
    "too-many-signatures",
    "algorithm-denied",
    "algorithm-not-allowed",
    "key-too-short",
    "created-in-future",
    "too-old",
    "too-new",
    "domain-denied",
    "email-missing",
    "domain-not-allowed",
)
"""Every code that a rejection can have."""


@dataclass(frozen=True)
class Rejection:
    """Why a certificate is refused: one of `CODES`, and a sentence that tells the uploader what to do."""

    code: str
    text: str


_Rule = Callable[[Settings, Facts, float], Rejection | None]


def judge(settings: Settings, facts: Facts, now: float) -> Rejection | None:
    """The first objection to a certificate at `now` (ms since 1970), or `None` when it may be taken."""
    if facts.bulk and settings.exempt_bulk:
        return None
    rules = _GROWTH if facts.known and not settings.recheck_known else _GROWTH + _NATURE
    for rule in rules:
        rejection = rule(settings, facts, now)
        if rejection is not None:
            return rejection
    return None


def _size(settings: Settings, facts: Facts, now: float) -> Rejection | None:
    if settings.max_size is None or facts.size <= settings.max_size:
        return None
    return Rejection(
        "too-large",
        f"The certificate has {facts.size} bytes and at most {settings.max_size} are taken here: "
        "export it without pictures and without signatures by others, then upload it again.",
    )


def _user_ids(settings: Settings, facts: Facts, now: float) -> Rejection | None:
    if settings.max_user_ids is None or len(facts.user_ids) <= settings.max_user_ids:
        return None
    return Rejection(
        "too-many-user-ids",
        f"The certificate has {len(facts.user_ids)} user ids and at most {settings.max_user_ids} are taken here: "
        "delete those that you no longer use, then upload it again.",
    )


def _signatures(settings: Settings, facts: Facts, now: float) -> Rejection | None:
    if settings.max_signatures is None or facts.signatures <= settings.max_signatures:
        return None
    return Rejection(
        "too-many-signatures",
        f"The certificate has {facts.signatures} signatures and at most {settings.max_signatures} are taken here: "
        "export it without signatures by others, then upload it again.",
    )


def _algorithms(settings: Settings, facts: Facts, now: float) -> Rejection | None:
    for key in facts.keys:
        which = algorithms.name(key.algorithm)
        if key.algorithm in settings.denied_algorithms:
            return Rejection(
                "algorithm-denied",
                f"Keys of the kind {which} are not taken here: upload a certificate without such a key.",
            )
        allowed = settings.allowed_algorithms
        if allowed is not None and key.algorithm not in allowed:
            names = ", ".join(dict.fromkeys(algorithms.name(number) for number in sorted(allowed)))
            return Rejection(
                "algorithm-not-allowed",
                f"Keys of the kind {which} are not taken here: upload a certificate with keys of the kinds {names}.",
            )
        least = settings.minimum_bits.get(key.algorithm, 0)
        if key.bits < least:
            return Rejection(
                "key-too-short",
                f"A {which} key of {key.bits} bits is too short here: upload a certificate whose {which} keys have at "
                f"least {least} bits.",
            )
    return None


def _age(settings: Settings, facts: Facts, now: float) -> Rejection | None:
    age = now - facts.primary.created
    if age < -settings.future_hours * _HOUR:
        return Rejection(
            "created-in-future",
            "The primary key says that it was made in the future: set the clock of your computer and make a new key.",
        )
    if settings.max_age_days is not None and age > settings.max_age_days * _DAY:
        return Rejection(
            "too-old",
            f"The primary key is older than {settings.max_age_days:g} days: make a new key and upload that.",
        )
    if settings.min_age_days is not None and age < settings.min_age_days * _DAY:
        wait = max(1, -int(-(settings.min_age_days * _DAY - age) // _HOUR))
        return Rejection(
            "too-new",
            f"Certificates are taken here {settings.min_age_days:g} days after they were made: "
            f"upload it again in {wait} hours.",
        )
    return None


def _domains(settings: Settings, facts: Facts, now: float) -> Rejection | None:
    if not settings.denied_domains and not settings.allowed_domains:
        return None
    found = [domain for domain in map(domain_of, facts.user_ids) if domain is not None]
    for domain in found:
        if matches(domain, settings.denied_domains):
            return Rejection(
                "domain-denied",
                f"User ids at {domain:.100} are not taken here: remove them from the certificate and upload it again.",
            )
    if not settings.allowed_domains:
        return None
    names = ", ".join(settings.allowed_domains[:5]) + (", …" if len(settings.allowed_domains) > 5 else "")
    if not found:
        return Rejection(
            "email-missing",
            f"No user id has an e-mail address: add one at {names}, then upload the certificate again.",
        )
    strangers = [domain for domain in found if not matches(domain, settings.allowed_domains)]
    if not strangers or (not settings.every_domain and len(strangers) < len(found)):
        return None
    remedy = (
        f"remove the user ids at {strangers[0]:.100} or use only addresses at {names}"
        if settings.every_domain
        else f"add a user id at {names}"
    )
    return Rejection(
        "domain-not-allowed",
        f"User ids at {strangers[0]:.100} are not taken here: {remedy}, then upload the certificate again.",
    )


_GROWTH: tuple[_Rule, ...] = (_size, _user_ids, _signatures)
_NATURE: tuple[_Rule, ...] = (_algorithms, _age, _domains)
