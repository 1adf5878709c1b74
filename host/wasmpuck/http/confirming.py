"""The page behind the link in a letter: it asks, and only its button confirms.

Programs that look into letters follow links; they do not press buttons.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from wasmpuck.http import html
from wasmpuck.http.html import element

if TYPE_CHECKING:
    from wasmpuck.keyserver.verification import Asked, Verification

__all__ = ["Confirming"]

_WORDS = {
    "en": {
        "title": "Confirm your address",
        "asks": "Is this your key, and shall it be found by your address?",
        "address": "Address",
        "fingerprint": "Fingerprint",
        "button": "Yes, publish",
        "careful": "If you did not ask for this, close this page: nothing happens then.",
        "done": "Your address is confirmed",
        "found": "The key is found by this address from now on.",
    },
    "de": {
        "title": "Adresse bestätigen",
        "asks": "Ist das Ihr Schlüssel, und soll er unter Ihrer Adresse gefunden werden?",
        "address": "Adresse",
        "fingerprint": "Fingerabdruck",
        "button": "Ja, veröffentlichen",
        "careful": "Wenn Sie nicht darum gebeten haben, schließen Sie diese Seite: dann geschieht nichts.",
        "done": "Ihre Adresse ist bestätigt",
        "found": "Der Schlüssel wird von nun an unter dieser Adresse gefunden.",
    },
}


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
        words = _WORDS[_language(request)]
        return _page(
            words["title"],
            element("h1", words["title"]),
            element("p", words["asks"]),
            _facts(asked, words),
            element("form", element("button", words["button"], type="submit"), method="post"),
            element("p", words["careful"], class_="hint"),
        )

    async def confirm(self, request: web.Request) -> web.StreamResponse:
        """What the button does, once: 410 afterwards, 404 when the key is gone, 400 for a link that does not hold."""
        asked = await self._verification.confirm(request.match_info["token"])
        words = _WORDS[_language(request)]
        return _page(words["done"], element("h1", words["done"]), element("p", words["found"]), _facts(asked, words))


def _facts(asked: Asked, words: dict[str, str]) -> html.Markup:
    digits = asked.fingerprint.upper()
    grouped = " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))
    return element(
        "dl",
        element("dt", words["address"]),
        element("dd", asked.mailbox.address),
        element("dt", words["fingerprint"]),
        element("dd", element("code", grouped)),
    )


def _language(request: web.Request) -> str:
    """The first language of `Accept-Language` that there is (RFC 9110 §12.5.4); English for none."""
    ranked: list[tuple[float, str]] = []
    for item in request.headers.get("Accept-Language", "")[:256].split(","):
        tag, _, quality = item.partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            weight = 0.0
        language = tag.strip().partition("-")[0].lower()
        if language in _WORDS and weight > 0:
            ranked.append((-weight, language))
    return min(ranked, key=lambda item: item[0])[1] if ranked else "en"


def _page(title: str, *content: html.Content) -> web.Response:
    response = web.Response(
        text=html.page(title, *content),
        status=HTTPStatus.OK,
        content_type="text/html",
        charset="utf-8",
        headers=html.PAGE_HEADERS,
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept-Language"
    return response
