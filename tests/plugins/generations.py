"""Generations of plugins made from guests, without a lifecycle around them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from runtime.guests import Guest, QuickCompiler, engine
from wasmpuck.config import PluginLimits, PluginSecuritySettings, PluginSettings
from wasmpuck.plugins import Plugin, PluginData, Registry, Snapshot
from wasmpuck.runtime.capabilities import Facilities, Namespace
from wasmpuck.worlds import admission, formatter, middleware, routes

__all__ = ["generation", "registered", "serving", "snapshot"]


async def generation(
    guest: Guest,
    data: PluginData | None = None,
    *,
    limits: Mapping[str, Any] | None = None,
    security: PluginSecuritySettings | None = None,
    manifest: Mapping[str, Any] | None = None,
    facilities: Facilities | None = None,
    **settings: Any,
) -> Plugin:
    """A generation that is compiled but not prepared, granted what it imports unless `settings` say otherwise."""
    compiled = await QuickCompiler(engine()).compile(guest.verified(**(manifest or {})))
    given: dict[str, Any] = {
        "name": guest.name,
        "enabled": True,
        "grants": tuple(guest.imports),
        "limits": PluginLimits(**(limits or {})),
    }
    return Plugin(
        compiled,
        PluginSettings(**(given | settings)),
        security or PluginSecuritySettings(),
        data or PluginData(guest.name, Namespace(guest.name, time.time), 10_000),
        facilities=facilities,
    )


def snapshot(plugins: Iterable[Plugin]) -> Snapshot:
    """A snapshot with the views of every world."""
    made = Snapshot(plugins)
    middleware.prepare(made)
    admission.prepare(made)
    routes.prepare(made)
    formatter.prepare(made)
    return made


@contextlib.asynccontextmanager
async def serving(*guests: Guest, **settings: Any) -> AsyncIterator[list[Plugin]]:
    """Generations in service, retired at the end."""
    plugins = [await generation(guest, **settings) for guest in guests]
    try:
        for plugin in plugins:
            await plugin.prepare()
            plugin.enter_service()
        yield plugins
    finally:
        for plugin in plugins:
            if plugin.state in ("running", "quarantined"):
                await plugin.retire("server-stopping")


@contextlib.asynccontextmanager
async def registered(*guests: Guest, **settings: Any) -> AsyncIterator[Registry]:
    """A registry whose current snapshot holds these plugins."""
    async with serving(*guests, **settings) as plugins:
        registry = Registry()
        registry.publish(snapshot(plugins))
        yield registry
