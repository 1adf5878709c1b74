"""Network addresses: what a listener binds, and the networks of trusted proxies."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TypeAlias

from wasmpuck.config.kinds import BadValue, Kind, quoted

__all__ = ["Address", "AddressKind", "Network", "NetworkKind"]

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Address:
    """A listener's address. An empty `host` is every interface; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class AddressKind(Kind[Address]):
    """`":11371"`, `"127.0.0.1:11371"`, `"[::1]:11371"`, `"name:11371"`."""

    _FORM = re.compile(r"(?:\[([0-9A-Fa-f:.%a-z0-9]+)\]|([A-Za-z0-9._-]*)):([0-9]{1,5})")

    @property
    def article(self) -> str:
        return 'an address such as ":11371", "127.0.0.1:11371" or "[::1]:11371"'

    def read(self, value: object) -> Address:
        if not isinstance(value, str):
            raise self._expected(value)
        found = self._FORM.fullmatch(value)
        if found is None:
            unbracketed = value.count(":") > 1 and not value.startswith("[")
            raise self._expected(value, "put an IPv6 address into brackets" if unbracketed else "")
        if found[1] is not None:
            try:
                ipaddress.IPv6Address(found[1])
            except ValueError:
                raise self._expected(value, f"{found[1]} is not an IPv6 address") from None
        if int(found[3]) > 65535:
            raise BadValue(f"port {found[3]} is above 65535")
        return Address(found[1] or found[2] or "", int(found[3]))


class NetworkKind(Kind[Network]):
    """A network in CIDR form; a single address is the network of itself."""

    @property
    def article(self) -> str:
        return 'a network such as "10.0.0.0/8" or "::1"'

    def read(self, value: object) -> Network:
        if not isinstance(value, str):
            raise self._expected(value)
        try:
            return ipaddress.ip_network(value)
        except ValueError:
            pass
        try:
            meant = ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise self._expected(value) from None
        raise BadValue(f"{quoted(value)} has bits set behind its prefix", f'did you mean "{meant}"?')
