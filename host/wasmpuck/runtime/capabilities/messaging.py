"""`wasmpuck:plugin/messaging`: asking other plugins, within a plugin's quotas."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

from wasmpuck.runtime.accounting import RateBucket
from wasmpuck.runtime.capabilities.context import Context
from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["Messaging"]

_LARGE: Final = Err(Case("too-large"))
_NOBODY: Final = Err(Case("no-such-peer"))
#: Part of the caller's time for a host call that its peer may take: the rest is for hearing that it was too little.
_SHARE: Final = 0.9


class Messaging:
    """A plugin's way to others. Which of them it may ask is the operator's list."""

    #: WIT function names.
    functions: ClassVar = frozenset({"call", "find"})

    def __init__(self, context: Context) -> None:
        limits = context.limits
        self._plugin = context.plugin
        self._peers = context.peers
        self._exchange = context.facilities.exchange
        self._bytes = limits.message_bytes
        self._rate = RateBucket(limits.message_rate, context.monotonic())
        self._monotonic = context.monotonic
        self._patience = limits.host_deadline * _SHARE

    async def call(self, peer: str, topic: str, payload: str) -> Ok | Err:
        """WIT `messaging.call`."""
        if len(payload.encode()) > self._bytes:
            return _LARGE
        if not self._rate.take(1, self._monotonic()):
            return Err(Case("rate-limited"))
        if self._exchange is None:
            return _NOBODY
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._exchange.ask(self._plugin, self._peers, peer, topic, payload)
        except TimeoutError:
            return Err(Case("timed-out"))
        if isinstance(answer, Ok) and len(str(answer.value).encode()) > self._bytes:
            return _LARGE
        return answer

    def find(self, kind: str) -> list[str]:
        """WIT `messaging.find`."""
        return self._exchange.find(self._plugin, self._peers, kind) if self._exchange is not None else []
