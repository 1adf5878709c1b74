"""The middleware that keeps requests from passing where a plugin that must judge them is absent, and tells health."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from wasmpuck.plugins import Registry

__all__ = ["condition_middleware"]

_HEALTH = "/pks/health"


def condition_middleware(registry: Registry) -> Middleware:
    """Stands before the plugins.

    While a plugin with `failure = "closed"` is configured and none of its generations could be loaded, every request is
    answered 503 with the reason, /pks/health included: no plugin says which requests it would have judged. Otherwise
    /pks/health names the plugins that say that they are not well, a line each, without their words.
    """

    @web.middleware
    async def condition(request: web.Request, handler: Handler) -> web.StreamResponse:
        snapshot = registry.current
        if snapshot.absent:
            return _closed(snapshot.absent)
        response = await handler(request)
        if request.path == _HEALTH and isinstance(response, web.Response) and response.status == 200:
            plugins = [plugin for plugin in snapshot.plugins.values() if not plugin.health.well]
            if plugins and response.text:
                response.text += "".join(f"plugin {plugin.name} is {plugin.health.word}\n" for plugin in plugins)
        return response

    return condition


def _closed(absent: dict[str, str]) -> web.Response:
    """Names the plugins and the kind of refusal; details, which may hold a guest's words, are for the operator."""
    reasons = ", ".join(f"{name} ({reason.partition(':')[0]})" for name, reason in absent.items())
    text = f"This server answers no requests without plugins that are not loaded: {reasons}. Try again later.\n"
    return web.Response(status=503, text=text, headers={"Retry-After": "60", "Cache-Control": "no-store"})
