"""The page behind the link in a letter: it asks, and only its button confirms.

Programs that look into letters follow links; they do not press buttons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from wasmpuck.http.pages.confirm import confirm_page, confirmed_page
from wasmpuck.http.pages.handlers import page_response

if TYPE_CHECKING:
    from wasmpuck.keyserver.verification import Verification

__all__ = ["Confirming"]


class Confirming:
    """The handlers of `/verify/<token>`. Lives as long as the application."""

    def __init__(self, verification: Verification) -> None:
        self._verification = verification

    def routes(self) -> list[web.RouteDef]:
        """Both."""
        return [web.get("/verify/{token:[^/]+}", self.ask), web.post("/verify/{token:[^/]+}", self.confirm)]

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Shows address and fingerprint and a button; changes nothing. 400 for a link that does not hold."""
        asked = self._verification.asked(request.match_info["token"])
        return _answer(confirm_page(asked.mailbox.address, asked.fingerprint))

    async def confirm(self, request: web.Request) -> web.StreamResponse:
        """What the button does, once: 410 afterwards, 404 when the key is gone, 400 for a link that does not hold."""
        asked = await self._verification.confirm(request.match_info["token"])
        return _answer(confirmed_page(asked.mailbox.address, asked.fingerprint))


def _answer(page: str) -> web.Response:
    response = page_response(page)
    response.headers["Cache-Control"] = "no-store"
    return response
