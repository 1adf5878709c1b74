"""E-mail domains: finding them in user ids and comparing them with patterns."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["domain_of", "is_pattern", "matches"]

_LONGEST = 253  # RFC 1035 §2.3.4, without the final dot


def domain_of(user_id: str) -> str | None:
    """The lower-case domain of a user id's address (RFC 9580 §5.11: by convention an RFC 2822 name-addr), or `None`.

    The address is what the last `<…>` holds, or the whole user id when it has no `<` and no blank.
    """
    start = user_id.rfind("<")
    if start >= 0:
        end = user_id.find(">", start)
        address = user_id[start + 1 : end if end >= 0 else len(user_id)].strip()
    elif " " in user_id.strip():
        return None
    else:
        address = user_id.strip()
    local, at, domain = address.rpartition("@")
    domain = domain.rstrip(".").lower()
    return domain if at and local and domain else None


def is_pattern(text: str) -> bool:
    """Whether `text` is a domain, or `*.` and a domain."""
    domain = text.removeprefix("*.")
    labels = domain.split(".")
    return len(domain) <= _LONGEST and all(
        0 < len(label) <= 63
        and label[0] != "-"
        and label[-1] != "-"
        and all(letter == "-" or letter.isalnum() for letter in label)
        for label in labels
    )


def matches(domain: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern covers `domain`; `*.example.org` covers what lies below `example.org`, not it itself."""
    return any(domain.endswith(pattern[1:]) if pattern.startswith("*.") else domain == pattern for pattern in patterns)
