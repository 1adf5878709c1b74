"""What a server offers to all its plugins, for capabilities that need more than what belongs to one plugin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wasmpuck.keyserver import Keyserver
from wasmpuck.keyserver.disclosure import Disclosure
from wasmpuck.runtime.values import Err, Ok

if TYPE_CHECKING:
    from wasmpuck.runtime.capabilities.outbound import Outbound, OutboundRules
    from wasmpuck.runtime.capabilities.vault import Vault

__all__ = ["Exchange", "Facilities"]


class Exchange(Protocol):
    """Where plugins ask each other."""

    async def ask(self, caller: str, peers: frozenset[str], peer: str, topic: str, payload: str) -> Ok | Err:
        """WIT `messaging.call` of the plugin `caller`, which may ask `peers`; without quotas."""
        ...

    def find(self, caller: str, peers: frozenset[str], kind: str) -> list[str]:
        """WIT `messaging.find`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Facilities:
    """Each is `None` where there is no such thing: without a server around the plugins, say.

    exchange: where plugins ask each other.
    vault: the operator's secrets.
    outbound: what sends requests under given rules, if it shall not be the network.
    keyserver, disclosure: certificates, and what of them anybody may see; both or neither.
    """

    exchange: Exchange | None = None
    vault: Vault | None = None
    outbound: Callable[[OutboundRules], Outbound] | None = None
    keyserver: Keyserver | None = None
    disclosure: Disclosure | None = None
