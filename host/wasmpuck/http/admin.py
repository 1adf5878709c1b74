"""The administrators' listener: plugins, reload, metrics. Every change needs the bearer token of the data folder."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from wasmpuck.errors import ClientError, ConfigurationError, WasmpuckError
from wasmpuck.http.limits import guard_middleware
from wasmpuck.metrics import EXPOSITION_CONTENT_TYPE, Metrics
from wasmpuck.plugins import Lifecycle, Outcome

__all__ = ["build_admin"]


def build_admin(
    lifecycle: Lifecycle,
    metrics: Metrics,
    token: str,
    reload: Callable[[], Awaitable[list[Outcome]]],
    routes: Iterable[web.RouteDef] = (),
) -> web.Application:
    """The administration's application; `routes` are more of it, under `/admin/`.

    GET /metrics and GET /health are open to whoever reaches the listener; everything else needs `Authorization:
    Bearer <token>`.
    """
    admin = _Admin(lifecycle, metrics, reload)
    application = web.Application(middlewares=[guard_middleware, _problems, _authorize(token)])
    application.add_routes(
        [
            web.get("/metrics", admin.metrics_page),
            web.get("/health", admin.health),
            web.get("/admin/plugins", admin.plugins),
            web.get("/admin/runtimes", admin.runtimes),
            web.post("/admin/plugins/{name}/swap", admin.swap),
            web.post("/admin/reload", admin.reload),
            *routes,
        ]
    )
    return application


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as JSON with a message and a hint."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return web.json_response({"message": error.reason, "hint": ""}, status=error.status)
    except WasmpuckError as error:
        status = 422 if isinstance(error, ConfigurationError) else 409
        if isinstance(error, ClientError):
            status = error.status
        return web.json_response({"message": error.message, "hint": error.hint}, status=status)


def _authorize(token: str) -> Any:
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def authorize(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/admin/"):
            given = request.headers.get("Authorization", "").encode("utf-8", "replace")
            if not hmac.compare_digest(given, expected):
                return web.json_response(
                    {
                        "message": "this needs the administrator's token",
                        "hint": "send Authorization: Bearer with the content of admin.token in the data folder",
                    },
                    status=401,
                    headers={"WWW-Authenticate": "Bearer"},
                )
        return await handler(request)

    return authorize


class _Admin:
    def __init__(self, lifecycle: Lifecycle, metrics: Metrics, reload: Callable[[], Awaitable[list[Outcome]]]) -> None:
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._reload = reload

    async def metrics_page(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=self._metrics.render(), headers={"Content-Type": EXPOSITION_CONTENT_TYPE})

    async def health(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "ok", "plugins": len(self._lifecycle.registry.current.plugins)})

    async def plugins(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._lifecycle.report())

    async def runtimes(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._lifecycle.runtimes())

    async def swap(self, request: web.Request) -> web.StreamResponse:
        outcome = await self._lifecycle.swap(request.match_info["name"])
        return web.json_response(asdict(outcome), status=409 if outcome.what == "refused" else 200)

    async def reload(self, request: web.Request) -> web.StreamResponse:
        outcomes = await self._reload()
        refused = any(outcome.what == "refused" for outcome in outcomes)
        return web.json_response([asdict(outcome) for outcome in outcomes], status=409 if refused else 200)
