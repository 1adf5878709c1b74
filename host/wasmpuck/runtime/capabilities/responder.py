"""`wasmpuck:plugin/responder`: an answer that goes out piece by piece while `routes.handle` runs.

Whoever serves the request sets `answering` to its channel for as long as the call takes. Host functions run in the
context of the call that they belong to, so each finds its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import ClassVar, Final, Protocol

from wasmpuck.runtime.capabilities.context import Context
from wasmpuck.runtime.handles import running
from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["Channel", "Outgoing", "Responder", "answering"]

_NOT_NOW: Final = Case("not-now")
_BAD_STATUS: Final = Case("bad-status")
_LARGE: Final = Case("too-large")
_DONE: Final = Ok()


class Channel(Protocol):
    """A request that a plugin is answering. What keeps a piece from being sent is told as a case of WIT
    `responder.error`: `not-now` or `gone`.
    """

    plugin: str

    async def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> str | None:
        """Sends status and headers."""

    async def write(self, data: bytes) -> str | None:
        """Sends a piece, when the client has taken what was sent before."""

    def end(self) -> None:
        """The plugin has nothing more to send."""


answering: ContextVar[Channel | None] = ContextVar("answering", default=None)


class Outgoing:
    """WIT `responder.outgoing`. `left` is how many bytes it may still send."""

    def __init__(self, channel: Channel, left: int) -> None:
        self._channel = channel
        self._left = left

    async def write(self, text: str) -> Ok | Err:
        """WIT `outgoing.write`."""
        return await self.write_bytes(text.encode())

    async def write_bytes(self, data: bytes) -> Ok | Err:
        """WIT `outgoing.write-bytes`."""
        if len(data) > self._left:
            return Err(_LARGE)
        problem = await self._channel.write(data)
        if problem is not None:
            return Err(Case(problem))
        self._left -= len(data)
        return _DONE

    def close(self) -> None:
        """Dropped by the guest. One that an instance still held when it broke down is not a complete answer."""
        if running.instance is not None:
            self._channel.end()


class Responder:
    """What a plugin that was granted `responder` can do with the request that it handles."""

    #: WIT function names.
    functions: ClassVar = frozenset({"begin"})
    resources: ClassVar = {"outgoing": Outgoing}

    def __init__(self, context: Context) -> None:
        self._plugin = context.plugin
        self._most = context.limits.response_bytes

    async def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> Ok | Err:
        """WIT `responder.begin`."""
        channel = answering.get()
        if channel is None or channel.plugin != self._plugin:
            return Err(_NOT_NOW)
        if not 200 <= status <= 599:
            return Err(_BAD_STATUS)
        problem = await channel.begin(status, headers)
        return Ok(Outgoing(channel, self._most)) if problem is None else Err(Case(problem))
