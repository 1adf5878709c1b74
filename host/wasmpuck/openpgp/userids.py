"""User ids: text for display, and the identities under which they are found."""

from __future__ import annotations

__all__ = ["display_text", "email_of", "identities_of"]

# Longer ones are stored and served but not found by their text: an index entry has to fit on a database page.
_MAX_IDENTITY = 1024
_INVISIBLE = dict.fromkeys((*range(32), 127))


def display_text(body: bytes) -> str:
    """The text of a user id for people: bytes that are not UTF-8 become `?`, control characters go.

    The stored bytes keep them.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = body.decode("utf-8", "replace").replace("\ufffd", "?")
    return text.translate(_INVISIBLE)


def email_of(text: str) -> str | None:
    """The address in angle brackets, or the whole text if it looks like one; None if there is none. Case is kept."""
    start, end = text.find("<"), text.rfind(">")
    inner = (text[start + 1 : end] if 0 <= start < end else text).strip()
    local, at, domain = inner.rpartition("@")
    if not at or not local or not domain or any(character.isspace() or character in "<>" for character in inner):
        return None
    return inner


def identities_of(text: str) -> tuple[str, ...]:
    """Lower-case texts that find this user id: its address, if any, and the whole text."""
    whole = text.strip().lower()
    address = email_of(text)
    found = [whole] if address is None else [address.lower(), whole]
    return tuple(dict.fromkeys(value for value in found if 0 < len(value.encode()) <= _MAX_IDENTITY))
