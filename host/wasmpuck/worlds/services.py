"""`wasmpuck:plugin/services`: plugins that others may ask.

A call of one plugin to another is made on the snapshot of the moment, leased for its length, so that the one that is
asked is not retired under it. Who waits for whom is kept in a context variable, which tasks that a guest's host calls
run in inherit: a plugin that would wait for itself is refused at once instead of at its deadline.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Final

from wasmpuck.errors import ArtifactRefused, CallFailed, CallReason, Refusal
from wasmpuck.plugins import Plugin, Registry, Snapshot
from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["PluginExchange", "vet"]

_SERVICE: Final = "service:"
_MOST_SERVICES: Final = 32
_MOST_TOPICS: Final = 64
_KIND: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")

#: The plugins that wait for an answer in the chain of calls that is being made, outermost first.
_waiting: ContextVar[tuple[str, ...]] = ContextVar("waiting", default=())


def vet(plugin: Plugin) -> None:
    """Looks at what a plugin says that it offers, before it goes into service.

    Raises:
        ArtifactRefused: too much, or kinds that are no names.
    """
    wrong = ""
    services = plugin.scopes.get("services", ())
    if len(services) > _MOST_SERVICES:
        wrong = f"{len(services)} services; at most {_MOST_SERVICES} are allowed"
    for service in services:
        if not _KIND.fullmatch(service.kind):
            wrong = f"a service of the kind {service.kind[:80]!r}; kinds are lower case letters, digits and -"
        elif len(service.topics) > _MOST_TOPICS:
            wrong = f"{len(service.topics)} topics of {service.kind}; at most {_MOST_TOPICS} are allowed"
    if wrong:
        raise ArtifactRefused(
            Refusal.INITIALIZATION_FAILED,
            f"{plugin.name} offers {wrong}",
            hint="the publisher has to change what describe-services says",
        )


def _offers(plugin: Plugin, kind: str) -> bool:
    return any(service.kind == kind for service in plugin.scopes.get("services", ()))


class PluginExchange:
    """Plugins ask each other through it (`Exchange`)."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def find(self, caller: str, peers: frozenset[str], kind: str) -> list[str]:
        """Names of those that offer a kind of service and may be asked."""
        return self._offering(self._registry.current, caller, peers, kind)

    @staticmethod
    def _offering(snapshot: Snapshot, caller: str, peers: frozenset[str], kind: str) -> list[str]:
        return [
            name
            for name, plugin in snapshot.plugins.items()
            if name in peers and name != caller and plugin.exports("services") and _offers(plugin, kind)
        ]

    async def ask(self, caller: str, peers: frozenset[str], peer: str, topic: str, payload: str) -> Ok | Err:
        """Asks a plugin by its name or by what it offers, and waits for its reply."""
        with self._registry.lease() as snapshot:
            if peer.startswith(_SERVICE):
                named = self._offering(snapshot, caller, peers, peer.removeprefix(_SERVICE))
                if not named:
                    return Err(Case("no-such-peer"))
                peer = named[0]
            elif peer not in peers:
                return Err(Case("not-allowed"))
            chain = (*_waiting.get(), caller)
            if peer in chain:
                return Err(Case("cycle"))
            plugin = snapshot.plugins.get(peer)
            if plugin is None or not plugin.exports("services"):
                return Err(Case("no-such-peer"))
            token = _waiting.set(chain)
            try:
                return await self._reply(plugin, caller, topic, payload)
            finally:
                _waiting.reset(token)

    @staticmethod
    async def _reply(plugin: Plugin, caller: str, topic: str, payload: str) -> Ok | Err:
        try:
            reply = await plugin.call("services.call", _Request(caller, topic, payload))
        except CallFailed as failure:
            if failure.reason is CallReason.DEADLINE:
                return Err(Case("timed-out"))
            return Err(Case("failed", f"{plugin.name}: {failure.reason}"))
        match reply.tag:
            case "answer":
                return Ok(reply.value)
            case "unknown-topic":
                return Err(Case("unknown-topic"))
            case _:
                return Err(Case("refused", reply.value))


class _Request:
    """WIT `services.request`."""

    __slots__ = ("caller", "payload", "topic")

    def __init__(self, caller: str, topic: str, payload: str) -> None:
        self.caller = caller
        self.topic = topic
        self.payload = payload
