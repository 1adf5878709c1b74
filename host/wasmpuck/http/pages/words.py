"""Facts about keys in words: validity, algorithms, fingerprints, dates. In the language of the request in progress."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from unicodedata import name as character_name

from wasmpuck.http.markup import Markup, element, join, stranger
from wasmpuck.http.visit import current, plain, say

__all__ = [
    "algorithm",
    "day",
    "fingerprint",
    "grouped",
    "is_mixed",
    "person",
    "revocation",
    "usage",
    "validity_in_words",
]

_DAY_SECONDS = 86_400
_NAMES = {1: "RSA", 2: "RSA", 3: "RSA", 16: "ElGamal", 17: "DSA", 18: "ECDH", 19: "ECDSA", 22: "EdDSA"}
"""Of algorithms (RFC 9580 §9.1) that have a size or a curve; the others' short names say all."""
_USAGES = ((0x01, "certify"), (0x02, "sign"), (0x0C, "encrypt"), (0x20, "authenticate"))
"""Bits of the key flags (RFC 9580 §5.2.3.29): encryption of messages and of storage are one thing to people."""
_IMITATORS = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})
"""Alphabets that have letters of the same look (Unicode UTS #39)."""
_WORD = re.compile(r"[^\W\d_]+")
_ADDRESS = re.compile(r"([^\s<>@\"(,;:]{1,64})@([^\s<>@\"),;:]+)")


def day(seconds: float) -> Markup:
    """A day for people and, in `datetime`, the time for programs."""
    words = current().catalogue.day(seconds)
    try:
        machine = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        machine = None
    return element("time", words, datetime=machine)


def _distance(seconds: float, prefix: str) -> Markup | None:
    """How long ago, or how long still, in the largest unit that fits; None for less than a day."""
    days = int(seconds // _DAY_SECONDS)
    if days < 1:
        return None
    for unit, length in (("years", 365.25), ("months", 30.5), ("days", 1)):
        if days >= length * (2 if unit == "months" else 1):
            return say(f"time.{prefix}{unit}", count=int(days / length))
    return None


def validity_in_words(
    thing: Mapping[str, Any], now: float, revoked: tuple[float | None, int | None] | None = None
) -> Markup:
    """Whether a key, subkey or user id holds at `now`: a coloured phrase, and the distance in time beside it.

    `revoked` gives the day and the reason (RFC 9580 §5.2.3.31) of a revocation where they are known.
    """
    expires = thing["expires"]
    if thing["revoked"]:
        when, reason = revoked or (None, None)
        return join(
            element("span", say("validity.revoked"), class_="bad")
            if when is None
            else element("span", say("validity.revoked_on", day=current().catalogue.day(when)), class_="bad"),
            None if reason is None else join(" ", element("span", revocation(reason), class_="aside")),
        )
    if expires is None:
        return element("span", say("validity.forever"), class_="good")
    words = current().catalogue.day(expires)
    if expires <= now:
        phrase, aside, kind = say("validity.expired", day=words), _distance(now - expires, ""), "bad"
    else:
        phrase, aside, kind = say("validity.until", day=words), _distance(expires - now, "left_"), "good"
    return join(
        element("span", phrase, class_=kind),
        None if aside is None else join(" ", element("span", "(", aside, ")", class_="aside")),
    )


def revocation(reason: int) -> Markup:
    """Why something was revoked, as a clause."""
    key = f"reason.{reason}"
    return say(key) if current().catalogue.has(key) else say("reason.other", number=reason)


def grouped(digits: str) -> str:
    """Upper-case hexadecimal digits in groups of four."""
    upper = digits.upper()
    return " ".join(upper[start : start + 4] for start in range(0, len(upper), 4))


def fingerprint(digits: str, **attributes: str) -> Markup:
    """A fingerprint as people compare it."""
    return element("span", grouped(digits), class_="fingerprint", translate="no", dir="ltr", **attributes)


def algorithm(key: Mapping[str, Any]) -> Markup:
    """Such as `RSA, 4096 bits` or `EdDSA on Curve25519`."""
    name = _NAMES.get(key["algorithm"])
    if name is None:
        short = str(key["name"])
        return (
            say("algorithm.unknown", number=str(key["algorithm"])) if short.startswith("unk") else join(_spelled(short))
        )
    if key["curve"]:
        return say("algorithm.curve", name=name, curve=str(key["curve"]))
    return say("algorithm.sized", name=name, bits=str(key["bits"]))


def _spelled(short: str) -> str:
    return {"ed25519": "Ed25519", "ed448": "Ed448", "x25519": "X25519", "x448": "X448"}.get(short, short)


def usage(flags: int | None) -> Markup:
    """What a key is for, from its flags."""
    found = [say(f"usage.{name}") for bits, name in _USAGES if flags is not None and flags & bits]
    if not found:
        return say("usage.none")
    return join(*(piece for number, word in enumerate(found) for piece in ((", ", word) if number else (word,))))


def is_mixed(text: str) -> bool:
    """Whether a word has letters of two alphabets that look alike, as imitations do."""
    if text.isascii():
        return False
    for word in _WORD.findall(text[:4096]):
        if not word.isascii():
            scripts = {character_name(letter, "").partition(" ")[0] for letter in word}
            if len(scripts & _IMITATORS) > 1:
                return True
    return False


def person(text: str, *, longest: int = 4096, asked: str = "") -> Markup:
    """A user id: hostile text as `stranger` shows it, with a warning where it mixes alphabets.

    Where the site hides addresses, only the one that was asked for is shown whole.
    """
    if not text.strip():
        return element("em", say("key.no_text"))
    if not current().site.addresses:
        text = _ADDRESS.sub(lambda found: found[0] if found[0].lower() == asked.lower() else _masked(found), text)
    shown = stranger(text, longest)
    if not is_mixed(text):
        return shown
    return join(shown, " ", element("span", say("key.mixed"), class_="tag warning", title=plain("key.mixed_title")))


def _masked(found: re.Match[str]) -> str:
    return f"{found[1][:1]}…@{found[2]}"
