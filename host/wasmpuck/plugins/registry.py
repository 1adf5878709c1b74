"""Which generations serve: one immutable snapshot, replaced by one assignment.

A request leases the snapshot that it began with and sees no other. A generation that the current snapshot does not
hold is unreachable as soon as the last lease on an older one that does is
returned: then it is retired.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from wasmpuck.plugins.plugin import Plugin

__all__ = ["Registry", "Snapshot"]


class Snapshot:
    """The plugins in service at one moment, by name, in the order of their names.

    `absent` names the plugins without which no request may pass and that are not in service, with the reason.
    """

    __slots__ = ("_changed", "_superseded", "absent", "idle", "leases", "plugins", "views")

    def __init__(self, plugins: Iterable[Plugin] = (), absent: Mapping[str, str] = MappingProxyType({})) -> None:
        self.plugins: Mapping[str, Plugin] = MappingProxyType(
            {plugin.name: plugin for plugin in sorted(plugins, key=lambda plugin: plugin.name)}
        )
        self.absent = dict(absent)
        #: Whether no request is any plugin's business: none is in service, and none is missed.
        self.idle = not self.plugins and not self.absent
        #: What worlds have prepared from this snapshot (chains in order), by world.
        self.views: dict[str, object] = {}
        self.leases = 0
        self._superseded = False
        self._changed: Callable[[], None] | None = None

    def release(self) -> None:
        """Returns a lease."""
        self.leases -= 1
        if self._superseded and self.leases == 0 and self._changed is not None:
            self._changed()

    def supersede(self, changed: Callable[[], None]) -> None:
        """No new lease will be taken; `changed` is called when the last one is returned."""
        self._superseded = True
        self._changed = changed
        if self.leases == 0:
            changed()


class Registry:
    """Holds the current snapshot and knows which superseded ones are still leased."""

    def __init__(self) -> None:
        self.current = Snapshot()
        self._leased: list[Snapshot] = []
        self._freed = asyncio.Event()

    @contextmanager
    def lease(self) -> Iterator[Snapshot]:
        """The current snapshot, kept alive for the length of a request."""
        snapshot = self.current
        snapshot.leases += 1
        try:
            yield snapshot
        finally:
            snapshot.release()

    def publish(self, fresh: Snapshot) -> None:
        """Puts a snapshot, complete with its views, into service."""
        old, self.current = self.current, fresh
        self._leased.append(old)
        old.supersede(lambda: self._free(old))

    def _free(self, snapshot: Snapshot) -> None:
        if snapshot in self._leased:
            self._leased.remove(snapshot)
        self._freed.set()

    def reachable(self, plugin: Plugin) -> bool:
        """Whether some request can still call this generation."""
        return any(snapshot.plugins.get(plugin.name) is plugin for snapshot in (self.current, *self._leased))

    async def drained(self, plugin: Plugin) -> None:
        """Waits until no request can call this generation any more."""
        while self.reachable(plugin):
            self._freed.clear()
            await self._freed.wait()
