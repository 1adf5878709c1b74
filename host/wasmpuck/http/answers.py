"""Parts of answers that more than one protocol needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler

from wasmpuck.http.caching import entity_tag, http_date, not_modified
from wasmpuck.openpgp.policy import RefusalCode

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings
    from wasmpuck.keyserver import SubmitReport
    from wasmpuck.storage import Record

__all__ = ["Keeping", "lasting", "outcome_of", "preflight"]

_DAY_SECONDS = 86_400
_POLICY_CODES = frozenset(RefusalCode)


def outcome_of(report: SubmitReport) -> HTTPStatus:
    """The status of an upload: 200 when at least one certificate was taken or was known already.

    202 when none was, and at least one is kept without being published (RFC 9110 §15.3.3). When every one was refused,
    403 if a plugin's admission rule did so and 422 if the data did not hold.
    """
    if report.inserted or report.updated or report.ignored:
        return HTTPStatus.OK
    if report.quarantined:
        return HTTPStatus.ACCEPTED
    judged = any(refused.code not in _POLICY_CODES for refused in report.rejected)
    return HTTPStatus.FORBIDDEN if judged else HTTPStatus.UNPROCESSABLE_ENTITY


def preflight(*methods: str, accept: str = "", headers: str = "Content-Type, If-None-Match") -> Handler:
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


def lasting(settings: HTTPSettings) -> str:
    """How long caches may give out an answer to a look-up: `Cache-Control` (RFC 9111 §5.2)."""
    return f"public, max-age={settings.cache_max_age:.0f}" if settings.cache_max_age >= 1 else "no-cache"


class Keeping:
    """Answers made of certificates that a client may keep and ask whether they still hold.

    `cut` says that records are shown with fewer user ids than they are stored with, whatever their digest says.
    """

    def __init__(self, settings: HTTPSettings, *, cut: bool) -> None:
        self._lasting = lasting(settings)
        self._cut = cut

    def answer(
        self,
        request: web.Request,
        records: Sequence[Record],
        form: str,
        body: Callable[[], bytes],
        headers: Mapping[str, str],
        *,
        stable: bool = False,
    ) -> web.Response:
        """200 with what `body` makes, or 304 (RFC 9110 §13).

        `form` names what is made of the records (`caching.entity_tag`). `stable`: the request names one certificate,
        so that the answer changes when that does and has a time.
        """
        tag = entity_tag(records, form, cut=self._cut)
        fields = {"Cache-Control": self._lasting, "ETag": tag, **headers}
        modified = records[0].modified if stable and not self._cut and len(records) == 1 else None
        if modified is not None:
            fields["Last-Modified"] = http_date(modified)
        known = not_modified(request, tag, modified)
        if known is not None:
            kept = {name: value for name, value in fields.items() if not name.startswith("Content-")}
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=kept | {"ETag": known})
        return web.Response(body=body(), headers=fields)
