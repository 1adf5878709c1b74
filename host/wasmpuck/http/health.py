"""`/pks/health`: whether this server answers look-ups, for load balancers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from wasmpuck.keyserver import Keyserver
    from wasmpuck.metrics import Metrics

__all__ = ["Health"]


class Health:
    """The handler of `/pks/health`."""

    def __init__(self, keyserver: Keyserver, metrics: Metrics) -> None:
        self._keyserver = keyserver
        self._metrics = metrics

    async def check(self, request: web.Request) -> web.Response:
        """200 `OK` when the database answers; 503 by way of `StorageUnavailable` when it does not."""
        statistics = await self._keyserver.statistics()
        self._metrics.store_counted(statistics.total)
        return web.Response(text="OK\n", headers={"Cache-Control": "no-store"})
