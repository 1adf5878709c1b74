"""What lets caches keep answers, and clients ask whether theirs still holds (RFC 9110 §8.8 and §13, RFC 9111).

A certificate's stored state has a name: its SKS digest, and when it was written. An entity tag is made of these names
and of the form of the answer, so that an answer need not be made to learn that the client has it already.
"""

from __future__ import annotations

import hashlib
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING

from aiohttp import web

from wasmpuck import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wasmpuck.storage import Record

__all__ = ["CODINGS", "entity_tag", "http_date", "not_modified", "tag_of_text"]

CODINGS = ("gzip", "deflate")
"""Codings that an answer may be sent in. Their names end the entity tag of what was coded: it is another
representation (RFC 9110 §8.8.3.3)."""

_RELEASE = hashlib.blake2b(__version__.encode(), digest_size=3).hexdigest()
"""Another release may put the same certificate into other words."""


def entity_tag(records: Sequence[Record], form: str, *, cut: bool = False) -> str:
    """A strong entity tag for an answer in this `form` (letters, digits, dots) that is made of these records alone.

    `cut`: the records are not as they are stored, so that their bytes have to say what they are.
    """
    if len(records) == 1 and not cut:
        record = records[0]
        return f'"{record.md5}-{int(record.modified * 1e6):x}-{len(record.data):x}-{form}{_RELEASE}"'
    digest = hashlib.blake2b(digest_size=16)
    for record in records:
        digest.update(f"{record.fingerprint}{record.md5}{record.modified!r}-{len(record.data)};".encode())
        if cut:
            digest.update(record.data)
    return f'"{digest.hexdigest()}-{len(records):x}-{form}{_RELEASE}"'


def tag_of_text(text: str) -> str:
    """A strong entity tag for an answer that depends on more than records, such as the reader's language."""
    return f'"{hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()}"'


@lru_cache(maxsize=1024)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def http_date(seconds: float) -> str:
    """A time since 1970 as HTTP writes it, to the second (RFC 9110 §5.6.7)."""
    return _date(int(seconds))


def not_modified(request: web.Request, tag: str, modified: float | None) -> str | None:
    """The entity tag of the representation that the client has and may keep, or None if it has to get another.

    `If-None-Match` decides alone where there is one (§13.1.2); `*` means any representation. `If-Modified-Since`
    (§13.1.3) is for answers that have a time, `modified`. A tag that differs only in the coding names the same content.
    """
    headers = request.headers
    if "If-None-Match" in headers:
        asked = request.if_none_match or ()
        value = tag[1:-1]
        known = (value, *(f"{value}-{coding}" for coding in CODINGS))
        for candidate in asked:
            if candidate.value == "*" and not candidate.is_weak:
                return tag
            if candidate.value in known:
                return f'"{candidate.value}"'
        return None
    if modified is not None and "If-Modified-Since" in headers:
        since = request.if_modified_since
        if since is not None and int(modified) <= since.timestamp():
            return tag
    return None
