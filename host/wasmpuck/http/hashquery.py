"""`/pks/hashquery`: how SKS keyservers fetch the certificates that they miss, many at once, by digest.

    request   n, then n times: length (16), digest             numbers are 32 bits, big-endian
    answer    k, then k times: length, certificate; CR LF      only what is here, in the order of the request

Nothing is set aside for what a request only announces: the lengths have to fit the bytes that came.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from aiohttp import web

from wasmpuck.errors import BadRequest, PayloadTooLarge
from wasmpuck.http.body import read_body

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings
    from wasmpuck.keyserver import Keyserver
    from wasmpuck.keyserver.disclosure import Disclosure
    from wasmpuck.metrics import Metrics

__all__ = ["MOST_DIGESTS", "HashQuery", "parse_digests"]

MOST_DIGESTS = 8192
"""Digests in one request; servers ask for some hundred at a time."""

_NUMBER = Struct(">I")
_DIGEST = 16
_ENTRY = _NUMBER.size + _DIGEST
_HINT = "Send a count, then for each digest the number 16 and its 16 bytes; numbers are 32 bits, big-endian."


def parse_digests(body: bytes) -> list[str]:
    """The digests of a request as lower-case hexadecimal digits, each once, in their order.

    Raises `BadRequest` for a body that is framed otherwise, `PayloadTooLarge` for more than `MOST_DIGESTS`.
    """
    if len(body) < _NUMBER.size:
        raise BadRequest("the hash query has no count", hint=_HINT)
    count = _NUMBER.unpack_from(body)[0]
    if count > MOST_DIGESTS:
        raise PayloadTooLarge(
            f"the hash query has more than {MOST_DIGESTS:,} digests", hint="Ask for some hundred at a time."
        )
    if len(body) != _NUMBER.size + count * _ENTRY:
        raise BadRequest(f"the hash query announces {count:,} digests and has other bytes", hint=_HINT)
    found: dict[str, None] = {}
    for at in range(_NUMBER.size, len(body), _ENTRY):
        if _NUMBER.unpack_from(body, at)[0] != _DIGEST:
            raise BadRequest("a digest of the hash query has not 16 bytes", hint=_HINT)
        found[body[at + _NUMBER.size : at + _ENTRY].hex()] = None
    return list(found)


class HashQuery:
    """The handler. Lives as long as the application. `disclosure` says what of a certificate may be shown."""

    def __init__(
        self, keyserver: Keyserver, settings: HTTPSettings, metrics: Metrics, disclosure: Disclosure | None = None
    ) -> None:
        self._disclosure = disclosure
        self._keyserver = keyserver
        self._settings = settings
        self._metrics = metrics

    async def answer(self, request: web.Request) -> web.Response:
        """`POST /pks/hashquery`: certificates of every version, whole, as many as `max_answer_bytes` has room for.

        A digest that nothing has is left out, and so is what finds no room: the other side asks again for what it
        still misses.
        """
        body = await read_body(request, self._settings)
        self._metrics.received(len(body))
        room = self._settings.max_answer_bytes
        found: list[bytes] = []
        for digest in parse_digests(body):
            records = await self._keyserver.by_digest(digest)
            if self._disclosure is not None:
                records = await self._disclosure.records(records)
            size = sum(len(record.data) for record in records)
            if found and size > room:
                break
            room -= size
            found += [record.data for record in records]
        parts = [_NUMBER.pack(len(found))]
        for data in found:
            parts += (_NUMBER.pack(len(data)), data)
        return web.Response(body=b"".join((*parts, b"\r\n")), headers={"Content-Type": "pgp/keys"})
