"""Riddles (WIT `middleware.challenge`): some computing as the price of an answer.

Nothing is remembered. A riddle is a token of the server's (`keyserver.tokens`) that names the plugin, the client's
address, the bits and an expiry. Its solution is the token, a dot and a number, such that the SHA-256 of that text
begins with so many zero bits. It is good for the same plugin and the same client until it expires, as often as it is
sent: what it pays for is a time, not a request. docs/hkp.md tells it to authors of clients.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http import HTTPStatus
from secrets import token_bytes
from typing import Final

from aiohttp import web

from wasmpuck.http.client import CLIENT
from wasmpuck.http.html import PAGE_HEADERS
from wasmpuck.http.negotiation import Form, form_of
from wasmpuck.http.pages.riddle import riddle_page
from wasmpuck.http.problems import problem
from wasmpuck.keyserver.tokens import BadToken, Tokens
from wasmpuck.worlds.verdicts import Challenge

__all__ = ["RIDDLE_HEADER", "SOLUTION_HEADER", "Riddles", "cookie_of", "zero_bits"]

RIDDLE_HEADER: Final = "Wasmpuck-Riddle"
BITS_HEADER: Final = "Wasmpuck-Riddle-Bits"
SOLUTION_HEADER: Final = "Wasmpuck-Solution"
_PURPOSE: Final = "riddle"
_LONGEST: Final = 2_048
_MOST: Final = 4
_DIGITS: Final = 20
_FREE: Final = "/static/"
"""What the page with the riddle needs itself."""


def cookie_of(plugin: str) -> str:
    """The cookie in which a browser sends a solution."""
    return f"wasmpuck-solution-{plugin}"


def zero_bits(text: str) -> int:
    """With how many zero bits the SHA-256 of a text begins."""
    return 256 - int.from_bytes(hashlib.sha256(text.encode()).digest()).bit_length()


class Riddles:
    """Gives riddles and knows solutions. Lives as long as the server; `tokens` outlive it if they are stored."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens or Tokens(token_bytes(32))

    def solved(self, request: web.Request, challenge: Challenge) -> bool:
        """Whether a request comes with a solution, or is for a file that the page with the riddle needs."""
        if request.path.startswith(_FREE):
            return True
        client = request.get(CLIENT, "")
        return any(self.holds(each, challenge.plugin, client) for each in _offered(request, challenge.plugin))

    def holds(self, solution: str, plugin: str, client: str) -> bool:
        """Whether a text solves a riddle that this client got from this plugin and that has not expired."""
        riddle, _, number = solution.rpartition(".")
        if len(solution) > _LONGEST or not solution.isascii() or not number.isdigit() or len(number) > _DIGITS:
            return False
        try:
            values = self._tokens.read(_PURPOSE, riddle).values
        except BadToken:
            return False
        ours = (values.get("plugin"), values.get("client")) == (plugin, client)
        return ours and zero_bits(solution) >= int(values["bits"])

    def riddle(self, challenge: Challenge, client: str) -> str:
        """A new riddle."""
        values = {"plugin": challenge.plugin, "client": client, "bits": str(challenge.bits)}
        return self._tokens.issue(_PURPOSE, values, challenge.seconds)

    def answer(self, request: web.Request, challenge: Challenge) -> web.Response:
        """403 with a riddle: a page whose script solves it, or headers and words for programs."""
        riddle = self.riddle(challenge, request.get(CLIENT, ""))
        headers = {
            RIDDLE_HEADER: riddle,
            BITS_HEADER: str(challenge.bits),
            "Access-Control-Expose-Headers": f"{RIDDLE_HEADER}, {BITS_HEADER}",
            "Cache-Control": "no-store",
            "Vary": f"Accept, Cookie, {SOLUTION_HEADER}",
        }
        if form_of(request.headers.get("Accept")) is Form.HTML:
            page = riddle_page(challenge.text, riddle, challenge.bits, cookie_of(challenge.plugin), challenge.seconds)
            response = web.Response(
                status=HTTPStatus.FORBIDDEN, text=page, content_type="text/html", headers=PAGE_HEADERS
            )
            response.headers.update(headers)
            return response
        hint = (
            f"Find a number such that the SHA-256 of {RIDDLE_HEADER}'s value, a dot and the number begins with "
            f"{challenge.bits} zero bits, and send that text as {SOLUTION_HEADER}."
        )
        message = challenge.text or "this server asks for some computing first"
        return problem(request, HTTPStatus.FORBIDDEN, message, hint=hint, headers=headers)


def _offered(request: web.Request, plugin: str) -> Iterator[str]:
    values = [part for value in request.headers.getall(SOLUTION_HEADER, ()) for part in value.split(",")]
    for value in values[:_MOST]:
        yield value.strip()
    cookie = request.cookies.get(cookie_of(plugin))
    if cookie is not None:
        yield cookie
