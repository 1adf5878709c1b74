"""The page of a riddle: its script solves it and asks again."""

from __future__ import annotations

from wasmpuck.http.assets import RIDDLE
from wasmpuck.http.html import page
from wasmpuck.http.markup import element, stranger
from wasmpuck.http.visit import plain, say

__all__ = ["riddle_page"]


def riddle_page(reason: str, riddle: str, bits: int, cookie: str, seconds: float) -> str:
    """`reason` is the plugin's sentence, in whatever language; `seconds`: how long the solution is good."""
    return page(
        plain("riddle.title"),
        element("h1", plain("riddle.title")),
        element("p", stranger(reason, 500)) if reason else None,
        element(
            "p",
            plain("riddle.working"),
            id="riddle",
            role="status",
            data_riddle=riddle,
            data_bits=bits,
            data_cookie=cookie,
            data_seconds=int(seconds),
            data_failed=plain("riddle.failed"),
        ),
        element("noscript", element("p", say("riddle.script"))),
        element("script", src=RIDDLE.path, defer=True),
    )
