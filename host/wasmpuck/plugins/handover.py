"""The change from one set of generations in service to the next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from wasmpuck.plugins.plugin import Plugin
from wasmpuck.plugins.registry import Registry, Snapshot

__all__ = ["Handover"]

_log = logging.getLogger(__name__)


class Handover:
    """Publishes generations, lets them enter service, and retires those before them.

    Args:
        registry: where they are published.
        build_views: fills a snapshot with what the worlds need of it.
        drain_timeout: seconds that a generation's last calls may take; asked for each.
        tasks: whether what plugins have scheduled runs and events reach them.
    """

    def __init__(
        self,
        registry: Registry,
        build_views: Callable[[Snapshot], None],
        drain_timeout: Callable[[], float],
        *,
        tasks: bool,
    ) -> None:
        self._registry = registry
        self._build_views = build_views
        self._drain_timeout = drain_timeout
        self._tasks = tasks
        self._confined: dict[Plugin, str] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def confine(self, plugin: Plugin, why: str) -> None:
        """This generation goes into service in quarantine."""
        self._confined[plugin] = why

    async def close(self) -> None:
        """Waits until all generations that have left are retired."""
        while self._leaving:
            await asyncio.wait(self._leaving)

    def publish(self, plugins: Iterable[Plugin], lacking: Mapping[str, str], *, why: str) -> None:
        """Puts these generations into service together and retires those that are not among them, when no request can
        reach them any more.

        Args:
            lacking: plugins without which no request may pass, with the reason.
            why: WIT `lifecycle.reason` for those that leave; `replaced` becomes `disabled` for want of a successor.
        """
        before = self._registry.current
        old = before.plugins
        fresh = Snapshot(plugins, lacking)
        self._build_views(fresh)
        self._registry.publish(fresh)
        for name in lacking.keys() - before.absent.keys():
            _log.error("requests are refused until plugin %s is loaded or removed", name, extra={"plugin": name})
        for name in before.absent.keys() - lacking.keys():
            _log.info("requests are answered again as far as plugin %s goes", name, extra={"plugin": name})
        for plugin in fresh.plugins.values():
            if old.get(plugin.name) is not plugin:
                self._enter(plugin)
        for plugin in old.values():
            if fresh.plugins.get(plugin.name) is not plugin:
                reason = why if why != "replaced" or plugin.name in fresh.plugins else "disabled"
                self.later(f"retire {plugin.name}", self._retire(plugin, reason))

    def _enter(self, plugin: Plugin) -> None:
        confined = self._confined.pop(plugin, "")
        plugin.enter_service(tasks=self._tasks and not confined)
        plugin.data.swaps["published"] += 1
        facts = (plugin.name, plugin.version, plugin.generation, plugin.artifact.signer)
        if confined:
            plugin.quarantine(confined)
            words = "plugin %s %s stays in quarantine (generation %d, signed by %s): " + confined.replace("%", "%%")
            _log.error(words, *facts, extra={"plugin": plugin.name})
        else:
            words = "plugin %s %s is in service (generation %d, signed by %s)"
            _log.info(words, *facts, extra={"plugin": plugin.name})

    def later(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begins something that `close` waits for."""
        task = asyncio.create_task(work, name=name)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _retire(self, plugin: Plugin, why: str) -> None:
        limit = self._drain_timeout()
        try:
            async with asyncio.timeout(limit):
                await self._registry.drained(plugin)
        except TimeoutError:
            ended = plugin.cut_off(
                f"{plugin.name} was replaced {limit:g} s before the call had ended",
                "raise plugins.drainTimeout if calls need more time",
            )
            _log.warning("%s still served after %g s: calls cancelled: %d, new ones are refused", plugin, limit, ended)
        await plugin.retire(why)
        _log.info("plugin %s generation %d is retired", plugin.name, plugin.generation, extra={"plugin": plugin.name})
