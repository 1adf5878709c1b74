"""The rule for each entry of a manifest: a value in, the same value out, or `BadManifest` naming the key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from types import MappingProxyType

from .errors import BadManifest
from .requirement import Requirement
from .version import Version

__all__ = [
    "CONTRACT",
    "FORMAT",
    "KINDS",
    "LIMITS",
    "NAME",
    "check_digest",
    "check_instant",
    "check_keys",
    "check_limits",
    "check_pattern",
    "check_requirements",
    "check_text",
    "check_words",
    "instant_from_text",
    "instant_from_toml",
    "instant_to_text",
    "parse_version",
    "shown",
]

FORMAT = 1
"""The version of the manifest format that this package writes and reads."""

KINDS = ("component", "script", "runtime")
"""What an artifact can be: code of its own, a script for a language runtime, such a runtime."""

CONTRACT = "wasmpuck:plugin@0.1.0"
"""The WIT package of the plugin contract that is current with this package."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""A plugin's name."""

MAX_INTEGER = (1 << 53) - 1
"""The largest whole number that every JSON reader keeps exact (RFC 8259 §6)."""

MAX_WORDS = 64

LIMITS: Mapping[str, int] = MappingProxyType(
    {"fuel": 1, "deadline-ms": 1, "memory-mb": 1, "instances": 1, "storage-bytes": 0, "log-rate": 0}
)
"""The limits that a plugin may ask for, each with its least value: fuel a call, milliseconds a call, MiB of memory an
instance, instances in the pool, bytes in its storage, log lines a second."""

_WORD = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def shown(text: str, limit: int = 64) -> str:
    """The first `limit` characters of a text that nobody has checked, with escapes for what a terminal would act on."""
    text = text[:limit]
    return text if text.isprintable() else ascii(text)[1:-1]


def check_text(key: str, value: object, limit: int, *, required: bool = True) -> str:
    """A text of at most `limit` characters, all of them printable (so that it can be shown and logged as it is)."""
    if not isinstance(value, str):
        raise BadManifest("has to be a text", key=key)
    if required and not value:
        raise BadManifest("must not be empty", key=key)
    if len(value) > limit:
        raise BadManifest(f"has {len(value)} characters; at most {limit} are allowed", key=key)
    if not value.isprintable():
        raise BadManifest("holds a character that cannot be shown (a line break, a control or direction mark)", key=key)
    return value


def check_pattern(key: str, value: object, pattern: re.Pattern[str], limit: int, example: str) -> str:
    """A text that matches `pattern` as a whole; the error shows `example`."""
    text = check_text(key, value, limit)
    if not pattern.fullmatch(text):
        raise BadManifest(f"{text!r} is not of the right form", f"Write it like {example}.", key=key)
    return text


def check_words(
    key: str, value: object, *, required: bool, what: str = "interface", limit: int = MAX_WORDS
) -> tuple[str, ...]:
    """Names of WIT interfaces, or of `what` (lower case words joined by `-`), each once, sorted; at most `limit`."""
    if not isinstance(value, (list, tuple)):
        raise BadManifest(f"has to be a list of {what} names", key=key)
    if required and not value:
        raise BadManifest(f"must name at least one {what}", key=key)
    if len(value) > limit:
        raise BadManifest(f"names {len(value)} {what}s; at most {limit} are allowed", key=key)
    words = [check_pattern(key, word, _WORD, 64, "task-handler") for word in value]
    for first, second in zip(sorted(words), sorted(words)[1:], strict=False):
        if first == second:
            raise BadManifest(f"names {first} twice", key=key)
    return tuple(sorted(words))


def check_requirements(key: str, value: object) -> dict[str, Requirement]:
    """A table of plugins' names, each with the versions that will do as a text (or read); at most 64."""
    if not isinstance(value, Mapping):
        raise BadManifest("has to be a table of names and versions", key=key)
    if len(value) > MAX_WORDS:
        raise BadManifest(f"names {len(value)} plugins; at most {MAX_WORDS} are allowed", key=key)
    checked: dict[str, Requirement] = {}
    for name, requirement in value.items():
        place = f"{key}.{shown(str(name))}"
        check_pattern(place, name, NAME, 63, "rate-limit (lower case letters, digits, -)")
        if not isinstance(requirement, (str, Requirement)):
            raise BadManifest("has to be a text such as >=1.2, <2", key=place)
        try:
            checked[name] = Requirement.parse(requirement) if isinstance(requirement, str) else requirement
        except ValueError as problem:
            raise BadManifest(f"{shown(str(requirement))!r}: {problem}", key=place) from None
    return dict(sorted(checked.items()))


def check_limits(key: str, value: object) -> dict[str, int]:
    """A table of `LIMITS`, each a whole number within its range; none is required."""
    if not isinstance(value, Mapping):
        raise BadManifest("has to be a table", key=key)
    checked: dict[str, int] = {}
    for name, number in value.items():
        if not isinstance(name, str) or name not in LIMITS:
            raise BadManifest(
                "is not a known limit", f"Known limits: {', '.join(LIMITS)}.", key=f"{key}.{shown(str(name))}"
            )
        if not isinstance(number, int) or isinstance(number, bool):
            raise BadManifest("has to be a whole number", key=f"{key}.{name}")
        if not LIMITS[name] <= number <= MAX_INTEGER:
            raise BadManifest(f"has to be {LIMITS[name]} to {MAX_INTEGER}", key=f"{key}.{name}")
        checked[name] = number
    return checked


def check_digest(key: str, value: object) -> str | None:
    """`sha256:` and 64 hexadecimal digits, or `None`."""
    if value is None:
        return None
    return check_pattern(key, value, _DIGEST, 71, "sha256: and 64 lower case hexadecimal digits")


def check_instant(key: str, value: object) -> datetime | None:
    """A point in time with a zone, brought to UTC and whole seconds, or `None`."""
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise BadManifest("has to be a date, or a time with its zone such as 2027-01-31T12:00:00Z", key=key)
    try:
        return value.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise BadManifest("lies outside of the years 1 to 9999", key=key) from None


def instant_to_text(instant: datetime) -> str:
    """RFC 3339 in UTC with whole seconds: `2027-01-31T12:00:00Z`."""
    return instant.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def instant_from_text(key: str, value: object) -> datetime:
    """The inverse of `instant_to_text`; no other spelling is taken. Raises `BadManifest`."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            return datetime.fromisoformat(value[:-1]).replace(tzinfo=UTC)
        except ValueError:
            pass
    raise BadManifest("has to be a time in UTC such as 2027-01-31T12:00:00Z", key=key)


def instant_from_toml(value: object) -> object:
    """A TOML date, time or text made ready for `check_instant`: a date becomes its last second in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
        except ValueError:
            return value  # `check_instant` refuses it like everything else that is no time
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(23, 59, 59), UTC)
    return value


def parse_version(key: str, value: object) -> Version:
    """`value` as a version, or `BadManifest` naming `key`."""
    if not isinstance(value, str):
        raise BadManifest("has to be a text such as 1.4.0", key=key)
    try:
        return Version.parse(value)
    except ValueError as problem:
        raise BadManifest(f"{value[:64]!r}: {problem}", key=key) from None


def check_keys(table: Mapping[str, object], known: Iterable[str], *, required: Iterable[str], prefix: str = "") -> None:
    """Raises `BadManifest` for the first key that is not `known` (with the nearest one that is) or that is missing."""
    known = list(known)
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key[:64], known, 1)
            hint = f"Did you mean {prefix}{near[0]}?" if near else f"Known keys: {', '.join(known)}."
            raise BadManifest("is not a known key", hint, key=f"{prefix}{shown(key)}")
    for key in required:
        if key not in table:
            raise BadManifest("is missing", key=f"{prefix}{key}")
