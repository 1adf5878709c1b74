"""Sending text compressed to those who ask for it (RFC 9110 §8.4 and §12.5.3)."""

from __future__ import annotations

import asyncio
import zlib
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from wasmpuck.http.caching import CODINGS
from wasmpuck.weights import weighed

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings

__all__ = ["Compression", "coding_of", "compress"]

_LEVEL = 4
_IN_THREAD = 32 * 1024
"""Bytes: compressing that much takes a millisecond, which other requests should not wait."""

_MOST = 16 * 1024 * 1024
"""Bytes; a larger answer is sent as it is, so that nobody can keep a processor busy with it."""

_LONGEST_HEADER = 1024
_WINDOW = {"gzip": 31, "deflate": 15}
_TYPES = frozenset(
    {
        "application/json",
        "application/pgp-keys",  # armor: three quarters are left
        "application/problem+json",
        "application/ld+json",
        "application/javascript",
        "image/svg+xml",
    }
)


def coding_of(accept: str) -> str:
    """The coding that the value of an `Accept-Encoding` header likes best, gzip where it does not mind; empty for none.

    A header that names none of them, or gives them a weight of 0, wants none (§12.5.3).
    """
    return "" if len(accept) > _LONGEST_HEADER else _coding_of(accept)


@lru_cache(maxsize=256)
def _coding_of(accept: str) -> str:
    weights: dict[str, float] = {}
    for name, weight in weighed(accept):
        weights["gzip" if name == "x-gzip" else name] = weight
    any_other = weights.get("*", 0.0)
    return (
        max((weights.get(coding, any_other), -place, coding) for place, coding in enumerate(CODINGS))[2]
        if any(weights.get(coding, any_other) > 0 for coding in CODINGS)
        else ""
    )


class Compression:
    """Which answers are compressed, by `[http]`'s settings."""

    def __init__(self, settings: HTTPSettings) -> None:
        self._on = settings.compression
        self._least = settings.min_compressed_bytes

    def coding(self, request: web.Request, response: web.StreamResponse) -> str:
        """What to `compress` an answer's body by, if the client asks for that, the body is text and its size is worth
        it; else empty.

        Says in the answer's `Vary` that it could have been otherwise.
        """
        if not self._on or not isinstance(response, web.Response):
            return ""
        headers = response.headers
        kind = headers.get("Content-Type", "").partition(";")[0]
        if not (kind in _TYPES or kind.startswith("text/")) or "Content-Encoding" in headers:
            return ""
        body = response.body
        if not isinstance(body, bytes) or not self._least <= len(body) <= _MOST:
            return ""
        varies = headers.get("Vary", "")
        if "Accept-Encoding" not in varies:
            headers["Vary"] = f"{varies}, Accept-Encoding" if varies else "Accept-Encoding"
        accept = request.headers.get("Accept-Encoding")
        return coding_of(accept) if accept and response.status == HTTPStatus.OK else ""


async def compress(response: web.StreamResponse, coding: str) -> None:
    """Compresses an answer's body, if it has one. The entity tag becomes that of the compressed form."""
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(response, web.Response) or not isinstance(body, bytes):
        return
    if len(body) > _IN_THREAD:
        response.body = await asyncio.to_thread(_compress, body, coding)
    else:
        response.body = _compress(body, coding)
    headers = response.headers
    headers["Content-Encoding"] = coding
    tag = headers.get("ETag")
    if tag:
        headers["ETag"] = f'{tag[:-1]}-{coding}"'


def _compress(body: bytes, coding: str) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW[coding])
    return compressor.compress(body) + compressor.flush()
