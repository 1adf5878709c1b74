"""Parts of answers that more than one protocol needs."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler

from wasmpuck.openpgp.policy import RefusalCode

if TYPE_CHECKING:
    from wasmpuck.keyserver import SubmitReport

__all__ = ["outcome_of", "preflight"]

_DAY_SECONDS = 86_400
_POLICY_CODES = frozenset(RefusalCode)


def outcome_of(report: SubmitReport) -> HTTPStatus:
    """The status of an upload: 200 when at least one certificate was taken or was known already.

    When every one was refused, 403 if a plugin's admission rule did so and 422 if the data did not hold.
    """
    if report.inserted or report.updated or report.ignored:
        return HTTPStatus.OK
    judged = any(refused.code not in _POLICY_CODES for refused in report.rejected)
    return HTTPStatus.FORBIDDEN if judged else HTTPStatus.UNPROCESSABLE_ENTITY


def preflight(*methods: str, accept: str = "", headers: str = "Content-Type") -> Handler:
    """The handler of `OPTIONS`: which methods there are, for programs (`Allow`) and for a browser's question whether a
    page from elsewhere may use them with these request `headers` (Fetch §3.2)."""
    allowed = ", ".join([*methods, "OPTIONS"])
    fields = {
        "Allow": allowed,
        "Access-Control-Allow-Methods": allowed,
        "Access-Control-Allow-Headers": headers,
        "Access-Control-Max-Age": str(_DAY_SECONDS),
    }
    if accept:
        fields["Accept"] = accept

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(headers=fields)

    return answer
