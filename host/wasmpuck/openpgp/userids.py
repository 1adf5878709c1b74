"""User ids: text for display, and what they are found by: identities, words and domains."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["display_text", "domains_of", "email_of", "identities_of", "words_of"]

# Longer ones are stored and served but not found by their text: an index entry has to fit on a database page.
_MAX_IDENTITY = 1024
_MAX_WORD = 64  # characters
_MAX_WORDS = 500  # of one certificate
_INVISIBLE = dict.fromkeys((*range(32), 127))
_NOT_IN_ADDRESS = re.compile(r"[\s<>]")
_WORD = re.compile(r"[^\W_]+")


def display_text(body: bytes) -> str:
    """The text of a user id for people: bytes that are not UTF-8 become `?`, control characters go.

    The stored bytes keep them.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = body.decode("utf-8", "replace").replace("\ufffd", "?")
    return text if text.isprintable() else text.translate(_INVISIBLE)


def email_of(text: str) -> str | None:
    """The address in the last angle brackets, or the whole text if it looks like one; None if there is none.

    Case is kept. A name may hold brackets of its own: `Ann <the first> <ann@example.org>`.
    """
    end = text.rfind(">")
    start = text.rfind("<", 0, max(end, 0))
    inner = (text[start + 1 : end] if 0 <= start < end else text).strip()
    local, at, domain = inner.rpartition("@")
    if not at or not local or not domain or _NOT_IN_ADDRESS.search(inner):
        return None
    return inner


def identities_of(text: str) -> tuple[str, ...]:
    """Lower-case texts that find this user id: its address, if any, and the whole text."""
    whole = text.strip().lower()
    address = email_of(text)
    found = [whole] if address is None else [address.lower(), whole]
    return tuple(dict.fromkeys(value for value in found if 0 < len(value.encode()) <= _MAX_IDENTITY))


def words_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The words of user ids, or of a search, each once, in their order.

    A word is a run of letters and digits of any script; everything else parts words, so `steven-12345
    <steven.test@example.com>` has `steven`, `12345`, `test`, `example` and `com`. Words are in lower case and composed
    (Unicode NFC). Cutting a search in the same way and asking for all of its words finds what a person expects: there
    is no list of words that do not count, because people are called Will and Don. At most 500 words; of a longer one
    the first 64 characters count.
    """
    found: dict[str, None] = {}
    for text in texts:
        for word in _WORD.findall(unicodedata.normalize("NFC", text.lower())):
            found[word[:_MAX_WORD]] = None
            if len(found) >= _MAX_WORDS:
                return tuple(found)
    return tuple(found)


def domains_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The lower-case domains of the addresses in user ids, each once, without a dot at the end."""
    addresses = (email_of(text) for text in texts)
    domains = (address.rpartition("@")[2].rstrip(".").lower() for address in addresses if address is not None)
    return tuple(dict.fromkeys(domain for domain in domains if 0 < len(domain.encode()) <= _MAX_IDENTITY))
