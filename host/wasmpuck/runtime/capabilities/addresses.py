"""Which addresses of the network a plugin's requests may be connected to, and resolving names into none but those."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable

from aiohttp.abc import AbstractResolver, ResolveResult

__all__ = ["CheckedResolver", "PrivateAddress", "Resolve", "may_connect", "resolve"]

#: Resolves a name and port into addresses as text; raises OSError.
Resolve = Callable[[str, int], Awaitable[list[str]]]


class PrivateAddress(OSError):
    """A name leads to an address that must not be connected to."""


def may_connect(address: str) -> bool:
    """Whether an address is one that the whole internet has, and not multicast.

    Addresses that carry another (mapped, translated, 6to4, Teredo) are judged by that one too.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if found.is_multicast or not found.is_global:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return True
    inner: list[ipaddress.IPv4Address | None] = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
    if found in ipaddress.ip_network("64:ff9b::/96") or found in ipaddress.ip_network("64:ff9b:1::/48"):
        inner.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
    return all(each.is_global and not each.is_multicast for each in inner if each is not None)


async def resolve(host: str, port: int) -> list[str]:
    """Addresses of a name, by the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedResolver(AbstractResolver):
    """What aiohttp asks; it connects to exactly the addresses that it is given.

    Args:
        private: whether private and special addresses may be connected to.
        resolve: is asked first.
    """

    def __init__(self, private: bool, resolve: Resolve) -> None:
        self._private = private
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Only addresses that may be connected to; one that may not spoils all, since a name is under one hand."""
        addresses = await self._resolve(host, port)
        if not self._private:
            for address in addresses:
                if not may_connect(address):
                    raise PrivateAddress(address)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""
