"""Who is asking: the one rule that turns a connection and its headers into a client address."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias

from aiohttp import web

from wasmpuck.config import Network

__all__ = ["CLIENT", "OPERATION", "canonical_address", "identify", "is_trusted", "population_of"]

Address: TypeAlias = IPv4Address | IPv6Address

CLIENT = web.RequestKey("client", str)
"""The client's address in canonical text: no port, no zone, an IPv4-mapped IPv6 address as IPv4; empty when unknown."""

OPERATION = web.RequestKey("operation", str)
"""What is asked: `get`, `hget`, `index`, `vindex`, `stats`, `add` or `other` (WIT `middleware.request.operation`); when
a plugin has answered, `plugin:NAME`."""

_HOPS = 32
"""Hops of `X-Forwarded-For` that are looked at, from the right."""


_LONGEST = 64
"""Characters of an address with brackets, zone and port; longer texts are none, and stay out of the cache."""


def _parse(text: str) -> Address | None:
    """An address from `text`, which may carry a port or brackets as proxies write them; None when it is none."""
    text = text.strip()
    return _parsed(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Address | None:
    text = text.strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=4096)
def canonical_address(text: str) -> str:
    """The canonical text of an address (RFC 5952 for IPv6); empty when `text` is no address."""
    address = _parse(text)
    return "" if address is None else str(address)


@lru_cache(maxsize=4096)
def population_of(client: str) -> str:
    """What counts as one client when connections are capped: an IPv4 address, or the /64 of an IPv6 address."""
    address = _parse(client)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return client if address is None else str(address)


def _trusted(address: Address, proxies: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in proxies)


def is_trusted(client: str, proxies: Sequence[Network]) -> bool:
    """Whether the address in `client` lies in one of the trusted networks."""
    address = _parse(client)
    return address is not None and _trusted(address, proxies)


def identify(peer: str, forwarded: Iterable[str], proxies: Sequence[Network]) -> str:
    """The client's canonical address.

    `peer` is the socket's other end, `forwarded` the values of all `X-Forwarded-For` headers in order. A header counts
    only when the peer is one of `proxies`; then the client is the last hop that is not a trusted proxy itself, since
    everything left of it may have been written by that client. A hop that is no address ends the walk at the proxy that
    reported it.
    """
    if not proxies:
        return canonical_address(peer)
    address = _parse(peer)
    if address is None:
        return ""
    if not _trusted(address, proxies):
        return str(address)
    hops = [hop for value in forwarded for hop in value.split(",")]
    for hop in reversed(hops[-_HOPS:]):
        parsed = _parse(hop)
        if parsed is None:
            break
        address = parsed
        if not _trusted(address, proxies):
            break
    return str(address)
