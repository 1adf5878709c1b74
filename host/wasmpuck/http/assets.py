"""The few files that pages refer to: their URLs hold a digest of their content, so that browsers keep them for good."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

from aiohttp import web

__all__ = ["ICON", "RIDDLE", "SCRIPT", "STYLE", "Asset", "serve_asset"]

_YEAR_SECONDS = 31_536_000


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, and the path at which it is served."""

    content_type: str
    body: bytes
    path: str


def _asset(stem: str, suffix: str, content_type: str) -> Asset:
    body = resources.files("wasmpuck.http").joinpath(f"static/{stem}.{suffix}").read_bytes()
    return Asset(content_type, body, f"/static/{stem}-{hashlib.sha256(body).hexdigest()[:16]}.{suffix}")


STYLE = _asset("style", "css", "text/css")
SCRIPT = _asset("page", "js", "text/javascript")
RIDDLE = _asset("riddle", "js", "text/javascript")
ICON = _asset("icon", "svg", "image/svg+xml")

_BY_PATH = {asset.path: asset for asset in (STYLE, SCRIPT, RIDDLE, ICON)}


async def serve_asset(request: web.Request) -> web.Response:
    """`GET /static/{name}`: may be kept for a year unasked (RFC 8246), since other content has another name."""
    asset = _BY_PATH.get(request.path)
    if asset is None:
        raise web.HTTPNotFound
    headers = {"Cache-Control": f"public, max-age={_YEAR_SECONDS}, immutable"}
    return web.Response(body=asset.body, content_type=asset.content_type, charset="utf-8", headers=headers)
