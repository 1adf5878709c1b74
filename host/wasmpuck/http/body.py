"""Reading request bodies: never more than the limit, never slower than the least rate, never unasked."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import HttpVersion11, web

from wasmpuck.errors import BadRequest, ClientError, PayloadTooLarge

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings

__all__ = ["ExpectationFailed", "RequestTimeout", "UnsupportedMediaType", "expect_later", "read_body"]

_BODY = web.RequestKey("body", bytes)
"""The body, once it was read: a plugin that wants it sees it before the handler does."""

_CHUNK = 64 * 1024


class RequestTimeout(ClientError):
    """The body did not arrive in time. The connection is closed after the answer."""

    status = HTTPStatus.REQUEST_TIMEOUT


class UnsupportedMediaType(ClientError):
    """A body in a form that the server does not read."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class ExpectationFailed(ClientError):
    """An `Expect` header other than `100-continue` (RFC 9110 §10.1.1)."""

    status = HTTPStatus.EXPECTATION_FAILED


async def expect_later(request: web.Request) -> None:
    """aiohttp's hook for `Expect`, which runs before the middlewares: leaves the answer to `read_body`.

    So a client that a plugin or a limit turns away never gets the invitation to send its body.
    """


async def _invite(request: web.Request) -> None:
    """Answers `Expect: 100-continue`, now that the body is wanted."""
    expectation = request.headers.get("Expect")
    if expectation is None or request.version < HttpVersion11:
        return
    if expectation.lower() != "100-continue":
        raise ExpectationFailed(f"expectation {expectation!r} is not known", hint="Only 100-continue is.")
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"the request body is longer than {limit:,} bytes", hint="Send fewer certificates in one request."
    )


async def read_body(request: web.Request, settings: HTTPSettings) -> bytes:
    """The whole body, at most `settings.max_body_bytes`.

    Raises `PayloadTooLarge` before reading when the announced length is over the limit, and while reading otherwise;
    `RequestTimeout` when the body takes longer than `body_timeout` seconds plus one for every `minimum_body_rate` bytes
    that came; `UnsupportedMediaType` for an encoded body, since a small one may unpack to a large one; `BadRequest`
    when the connection ends early or the body's framing does not hold. Asked again, it returns the same.
    """
    known: bytes | None = request.get(_BODY)
    if known is not None:
        return known
    limit = settings.max_body_bytes
    if request.content_length is not None and request.content_length > limit:
        raise _too_large(limit)
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedMediaType(f"content encoding {encoding!r} is not taken", hint="Send the body unencoded.")
    await _invite(request)
    body = bytearray()
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(settings.body_timeout) as deadline:
            while chunk := await request.content.read(_CHUNK):
                body += chunk
                if len(body) > limit:
                    raise _too_large(limit)
                deadline.reschedule(began + settings.body_timeout + len(body) / settings.minimum_body_rate)
    except TimeoutError as late:
        raise RequestTimeout(
            f"the request body did not arrive in time: {len(body):,} bytes in {loop.time() - began:.0f} s"
        ) from late
    except (web.RequestPayloadError, ConnectionError) as broken:
        raise BadRequest("the request body ended early or is not framed as announced") from broken
    whole = request[_BODY] = bytes(body)
    return whole
